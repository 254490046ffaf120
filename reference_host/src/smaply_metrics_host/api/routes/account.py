"""The account's settings (time zone, first day of the week, …) and its share links."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import AccountSettings
from smaply_metrics_host.api.models import ApiModel, example
from smaply_metrics_host.api.routes.share_links import ShareLinkView
from smaply_metrics_host.api.routing import Admin, Viewer, api_router
from smaply_metrics_host.app_state import CurrentAppState

router = api_router("account", "/account")

LONGEST_ZONE = 100

Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_ZONE,
        description="The IANA name of the time zone of all date ranges.",
    ),
]
WeekStart = Annotated[
    int, Field(ge=1, le=7, description="The first day of the week: 1 = Monday … 7 = Sunday.")
]
Confidence = Annotated[
    float,
    Field(
        ge=80,
        le=99.9,
        description="The level of confidence of intervals and verdicts, in percent.",
    ),
]
MinimumGroup = Annotated[
    int,
    Field(
        ge=0,
        le=1000,
        description="The fewest answers of a group that is shown: 3 to 1,000; 0 shows all groups.",
    ),
]


class AccountView(ApiModel):
    """The account with its settings."""

    id: str
    zone: Zone
    week_start: WeekStart
    confidence: Confidence
    minimum_group: MinimumGroup


class AccountTimes(ApiModel):
    """New settings; without a level of confidence or a smallest group, it stays as it is."""

    model_config = example(zone="Europe/Vienna", week_start=1, confidence=95, minimum_group=5)

    zone: Zone
    week_start: WeekStart
    confidence: Confidence | None = None
    minimum_group: MinimumGroup | None = None


@router.get("")
async def show_account(app_state: CurrentAppState, person: Viewer) -> AccountView:
    """Get the account's time zone, first day of the week, confidence and smallest group."""
    settings = await app_state.metrics.accounts.show(person.actor)
    return AccountView(id=person.account, **asdict(settings))


@router.get("/share-links")
async def list_account_share_links(app_state: CurrentAppState, admin: Admin) -> list[ShareLinkView]:
    """List the share links of all maps that have not expired, newest first."""
    found = await run_in_threadpool(app_state.share_links.of_account, admin.account)
    return [ShareLinkView.of(one) for one in found]


@router.put("")
async def change_account(
    app_state: CurrentAppState, admin: Admin, body: AccountTimes
) -> AccountView:
    """Change the account's time zone, first day of the week, confidence and smallest group.

    The first two determine all date ranges, so every metric becomes due when they change. The level
    of confidence changes only intervals and verdicts. Groups with fewer answers than the smallest
    group are hidden at once; metrics with filters become due when hiding starts or ends.
    """
    old = await app_state.metrics.accounts.show(admin.actor)
    settings = await app_state.metrics.accounts.edit(
        admin.actor,
        AccountSettings(
            zone=body.zone,
            week_start=body.week_start,
            confidence=old.confidence if body.confidence is None else body.confidence,
            minimum_group=old.minimum_group if body.minimum_group is None else body.minimum_group,
        ),
    )
    return AccountView(id=admin.account, **asdict(settings))
