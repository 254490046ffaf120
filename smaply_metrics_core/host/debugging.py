"""Debug Configuration: a survey's data and everything around it, in one file for support."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.bundle import write_bundle
from smaply_metrics_core.errors import Cancelled, MetricsError
from smaply_metrics_core.host.actors import Actor, Role
from smaply_metrics_core.models.credentials import secret_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event

    from smaply_metrics_core.bundle import BundleWriter
    from smaply_metrics_core.host.cards import Cards
    from smaply_metrics_core.host.core import Core
    from smaply_metrics_core.host.store.connections import ConnectionRow
    from smaply_metrics_core.http import Exchange

    OnProgress = Callable[[float, float | None, str], None]


class Debugging:
    """Makes debug bundles."""

    def __init__(self, core: Core, cards: Cards) -> None:
        self._core = core
        self._cards = cards

    def export(  # noqa: PLR0913  # The survey, the file, and who watches.
        self,
        actor: Actor,
        connection_id: str,
        survey_id: str,
        path: Path,
        *,
        include_personal: bool = False,
        progress: OnProgress | None = None,
        cancelled: Event | None = None,
    ) -> Path:
        """Download a survey's data into a zip at ``path``, with what support needs beside it.

        The bundle is made even when the source fails: the problem is then part of it.

        Raises:
            RoleRequired: unless the actor is an Admin.
            BundleRefused: when the credential was found in it; nothing is left behind.
            InputError: when there is a file at ``path``.
            Cancelled: when stopped on request; nothing is left behind.
        """
        actor.require(Role.ADMIN, "Downloading survey data")
        row = self._core.find_connection(actor.account, connection_id)
        _, credentials = self._core.credentials(row)
        exchange: list[Exchange] = []

        def fill(bundle: BundleWriter) -> None:
            # What is decided now, before this call changes anything about the connection.
            bundle.add_json("metrics.json", self._metrics(actor, row, survey_id))
            deadline = self._core.deadline(self._core.settings.deadlines.debug, cancelled)
            try:
                with self._core.session(
                    row, deadline, progress=progress, exchange=exchange.append
                ) as session:
                    session.debug_export(survey_id, bundle)
            except Cancelled:
                raise
            except MetricsError as error:
                bundle.add_json("failure.json", error.to_problem().model_dump(mode="json"))
            bundle.add_json("exchange.json", [one.model_dump(mode="json") for one in exchange])
            bundle.add_json("versions.json", self._versions(row))

        return write_bundle(
            path,
            secrets=secret_values(credentials),
            include_personal=include_personal,
            fill=fill,
        )

    def _metrics(self, actor: Actor, row: ConnectionRow, survey_id: str) -> list[dict[str, Any]]:
        """Describe the metrics on the survey: definition, last result, problem, decision."""
        return [
            {
                "metric": state.metric.model_dump(mode="json"),
                "result": state.value.result.model_dump(mode="json") if state.value else None,
                "fingerprint": state.value.fingerprint if state.value else None,
                "attempt": {
                    "started_at": state.attempt.started_at.isoformat(),
                    "ended_at": state.attempt.ended_at.isoformat()
                    if state.attempt.ended_at
                    else None,
                    "problem": state.attempt.problem.model_dump(mode="json")
                    if state.attempt.problem
                    else None,
                }
                if state.attempt
                else None,
                "decision": {"kind": decision.kind, "reason": decision.reason}
                if decision
                else None,
            }
            for state, decision in self._cards.decisions(actor, row.source, survey_id)
        ]

    def _versions(self, row: ConnectionRow) -> dict[str, str]:
        source = self._core.registry.get(row.source)
        return {
            "smaply-metrics-core": version("smaply-metrics-core"),
            source.distribution: source.version,
            "python": platform.python_version(),
            "system": platform.system(),
            "made_at": self._core.now().isoformat(),
        }
