"""The first steps of an account: connect a survey tool, create a metric, place it on a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smaply_metrics_core.host import AuditAction, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smaply_metrics_core.host import Actor, AsyncMetricsHost
    from smaply_metrics_host.store.map_models import MapSummary

UNCHANGED_ZONE = "UTC"
"""The time zone of an account that has not chosen one."""
READ_ENTRIES = 100
"""Entries of the audit trail that are read. An account with more of them is not new."""


@dataclass(frozen=True)
class FirstStep:
    """One of the first steps, as a person with a role reads it.

    Attributes:
        done: Whether the account has taken it.
        text: What to do, or who can do it.
        href: The page where this person takes it; empty if they cannot take it now.
        action: The text of the link to this page.
    """

    title: str
    done: bool
    text: str
    href: str = ""
    action: str = ""


async def first_steps(
    metrics: AsyncMetricsHost, maps: Sequence[MapSummary], actor: Actor, *, can_upload: bool
) -> tuple[FirstStep, ...]:
    """Return the first steps; empty if the account has taken all of them.

    Args:
        metrics: The framework.
        maps: The journey maps of the account, oldest first.
        actor: The person who reads them.
        can_upload: Whether an Editor can upload a file instead of connecting a survey tool.
    """
    if any(one.cards for one in maps):
        return ()
    connected = bool(await metrics.connections.labels(actor))
    page = await metrics.metrics.page(actor, limit=1)
    measured = bool(page.metrics)
    may_edit, may_connect = actor.role >= Role.EDITOR, actor.role >= Role.ADMIN
    upload = may_edit and not connected and can_upload
    on = next(iter(maps), None)
    if may_connect:
        connect = FirstStep(
            "Connect a survey tool",
            connected,
            "Metrics are calculated from its responses.",
            "/settings/integrations",
            "Set up an integration",
        )
    else:
        connect = FirstStep(
            "Connect a survey tool",
            connected,
            "An Admin does this, or you upload a file." if upload else "An Admin does this.",
            "/metrics/upload" if upload else "",
            "Upload a file",
        )
    return (
        connect,
        FirstStep(
            "Create the first metric",
            measured,
            "A number from a survey, such as an NPS." if may_edit else "An Editor does this.",
            "/metrics/new" if may_edit and connected else "",
            "Create metric",
        ),
        FirstStep(
            "Place it on a journey map",
            done=False,
            text="Maps show metrics where customers experience them."
            if may_edit
            else "An Editor does this.",
            href=(f"/maps/{on.id}/edit" if on else "#create") if may_edit and measured else "",
            action="Edit map" if on else "Create journey map",
        ),
    )


async def proposes_zone(metrics: AsyncMetricsHost, actor: Actor) -> bool:
    """Whether the page proposes the time zone of the browser: to Admins, until one is chosen."""
    if actor.role < Role.ADMIN:
        return False
    if (await metrics.accounts.show(actor)).zone != UNCHANGED_ZONE:
        return False
    entries = await metrics.audit.list(actor, limit=READ_ENTRIES)
    edited = any(entry.action is AuditAction.SET_ACCOUNT for entry in entries)
    return not edited and len(entries) < READ_ENTRIES
