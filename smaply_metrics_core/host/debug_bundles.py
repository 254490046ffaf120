"""Debug Configuration: exports a survey's data and its context in one file for support."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.bundle.contents import (
    EXCHANGE,
    FAILURE,
    MANIFEST,
    METRICS,
    VERSIONS,
    BundledAttempt,
    BundledDecision,
    BundledMetric,
    Manifest,
)
from smaply_metrics_core.bundle.reader import open_bundle, problems_in
from smaply_metrics_core.bundle.writer import BundleWriter, write_searched_bundle
from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import Cancelled, MetricsError
from smaply_metrics_core.host.accounts.limits import require_export
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.refresh.decisions import read_decisions
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.metric_states import MetricState
from smaply_metrics_core.models.credentials import Credentials, secret_values
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.refresh_policy import RefreshDecision

if TYPE_CHECKING:
    from smaply_metrics_core.http import Exchange


@dataclass(frozen=True)
class DebugBundle:
    """A debug bundle.

    Attributes:
        path: The path of the file.
        problem: Why it does not hold all of the survey's data; ``None`` when it does.
    """

    path: Path
    problem: Problem | None


class DebugBundles:
    """Exports debug bundles."""

    def __init__(
        self,
        runtime: Runtime,
        credential_store: CredentialStore,
        sessions: ConnectionSessions,
    ) -> None:
        self._runtime = runtime
        self._credential_store = credential_store
        self._sessions = sessions

    def export(  # noqa: PLR0913  # The survey, the file and the callbacks.
        self,
        actor: Actor,
        connection_id: str,
        survey_id: str,
        path: Path,
        *,
        include_personal: bool = False,
        progress: ProgressCallback | None = None,
        cancelled: Event | None = None,
    ) -> DebugBundle:
        """Download a survey's data into a ZIP file at ``path``, with the context support needs.

        The bundle is written even when the source fails or the connection's credentials are
        rejected or cannot be decrypted: it then contains the problem, which is also returned.

        Args:
            actor: An Admin.
            connection_id: The connection; see ``Connections.show``.
            survey_id: The survey to export.
            path: The file to write; it must not exist.
            include_personal: Whether to include columns with personal data.
            progress: Receives the progress of the download.
            cancelled: An event that cancels the export when it is set.

        Raises:
            RoleRequired: when the actor is not an Admin.
            NotFound: when there is no such connection.
            LimitReached: when the account has used its exports of this hour.
            BundleRefused: when the credential was found in the bundle; the file is removed.
            InputError: when ``path`` exists or cannot be written.
            Cancelled: when cancelled; the file is removed.
        """
        actor.require(Role.ADMIN, "Downloading survey data")
        row = self._runtime.find_connection(actor.account, connection_id)
        require_export(self._runtime, actor.account)
        with self._runtime.store.writing() as db:
            detail = f"{survey_id}{', with personal columns' if include_personal else ''}"
            audit.add_entry(db, actor, AuditAction.EXPORT, row.id, detail, self._runtime.now())
        credentials, unopened = self._open(row)
        exchange: list[Exchange] = []
        redactor = Redactor(secret_values(credentials) if credentials is not None else ())

        def download(bundle: BundleWriter) -> None:
            if unopened is not None:
                raise unopened
            deadline = self._runtime.deadline(self._runtime.settings.deadlines.debug, cancelled)
            with self._sessions.session(
                row, deadline, progress=progress, exchange=exchange.append
            ) as session:
                try:
                    session.debug_export(survey_id, bundle)
                finally:
                    redactor.add(*session.secrets)

        def fill(bundle: BundleWriter) -> None:
            # The decisions come first: the download may change the state of the connection.
            bundle.add_json(
                MANIFEST, self._manifest(row, survey_id, include_personal=include_personal)
            )
            bundle.add_json(METRICS, self._metrics(actor, row, survey_id))
            try:
                download(bundle)
            except Cancelled:
                raise
            except MetricsError as error:
                bundle.add_json(FAILURE, error.to_problem())
            # An abandoned call may still append to the list, so it is copied.
            bundle.add_json(EXCHANGE, tuple(exchange))
            bundle.add_json(VERSIONS, self._versions(row))

        made = write_searched_bundle(path, redactor, fill, include_personal=include_personal)
        return DebugBundle(made, _problem_in(made))

    def _open(self, row: ConnectionRow) -> tuple[Credentials | None, MetricsError | None]:
        """Return the decrypted credentials, or the error that prevents it."""
        try:
            _, credentials = self._credential_store.open(row)
        except MetricsError as error:
            return None, error
        return credentials, None

    def _manifest(self, row: ConnectionRow, survey_id: str, *, include_personal: bool) -> Manifest:
        with self._runtime.store.reading() as db:
            account = read_account(db, row.account)
        return Manifest(
            source=row.source,
            survey_id=survey_id,
            zone=account.zone,
            week_start=account.week_start,
            minimum_group=account.minimum_group,
            include_personal=include_personal,
            made_at=self._runtime.now(),
        )

    def _metrics(self, actor: Actor, row: ConnectionRow, survey_id: str) -> list[BundledMetric]:
        """Return the metrics of the survey with their last result, problem and decision."""
        with self._runtime.store.reading() as db:
            account = read_account(db, actor.account)
        decided = read_decisions(self._runtime, actor.account, survey=(row.id, survey_id))
        return [_bundled(state, decision, account) for state, decision in decided]

    def _versions(self, row: ConnectionRow) -> dict[str, str]:
        try:
            source = self._runtime.registry.get(row.source)
            made_by = {source.distribution: source.version}
        except MetricsError:
            made_by = {row.distribution: "cannot be used"}
        return {
            "smaply-metrics-core": version("smaply-metrics-core"),
            **made_by,
            "python": platform.python_version(),
            "system": platform.system(),
            "made_at": self._runtime.now().isoformat(),
        }


def _problem_in(path: Path) -> Problem | None:
    """Return the first problem recorded in the bundle: a source may record some and continue."""
    try:
        with open_bundle(path, path.parent) as reader:
            return next(problems_in(reader), None)
    except MetricsError as error:  # The source wrote a file that cannot be read back.
        return error.to_problem()


def _bundled(
    state: MetricState, decision: RefreshDecision | None, account: AccountSettings
) -> BundledMetric:
    attempt = state.attempt
    fingerprint = state.value.fingerprint if state.value else None
    if fingerprint == state.fingerprint:
        # The bundle does not say whether the metric was moved to its connection.
        fingerprint = account.fingerprint(state.metric.definition)
    return BundledMetric(
        metric=state.metric,
        result=state.value.result if state.value else None,
        fingerprint=fingerprint,
        attempt=BundledAttempt(
            started_at=attempt.started_at, ended_at=attempt.ended_at, problem=attempt.problem
        )
        if attempt
        else None,
        decision=BundledDecision(
            kind=decision.kind, reason=decision.reason, next_at=decision.next_at
        )
        if decision
        else None,
    )
