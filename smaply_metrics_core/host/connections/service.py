"""Manages connections: connect, list, show, check, edit and delete them."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from typing import Any

from smaply_metrics_core.context import Deadline, StepCallback
from smaply_metrics_core.errors import CheckFailed, EditConflict
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.checks import failure_of
from smaply_metrics_core.host.connections.credential_changes import merge_credentials
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.forms import ConnectionForms
from smaply_metrics_core.host.connections.health import ConnectionHealth, log_down
from smaply_metrics_core.host.connections.names import new_connection_id
from smaply_metrics_core.host.connections.renaming import ConnectionNames
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.views import (
    ConnectionView,
    DeletedConnection,
    connection_view,
)
from smaply_metrics_core.host.paging import find_matching, require_page, slice_page
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import attempts as attempt_rows
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store import connections as rows
from smaply_metrics_core.host.store import metrics as metric_rows
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.credentials import Credentials, conceal
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.sources.source import Source


class Connections(ConnectionForms):
    """The connections of accounts; several of one source differ by their names.

    Wherever a method takes a ``connection_id``, it also accepts the name of a connection, or the id
    of a source that the account has one connection to.
    """

    def __init__(
        self,
        runtime: Runtime,
        credential_store: CredentialStore,
        sessions: ConnectionSessions,
        health: ConnectionHealth,
    ) -> None:
        super().__init__(runtime, credential_store, sessions)
        self._health = health
        self._names = ConnectionNames(runtime)

    def connect(  # noqa: PLR0913  # A connection has a name, credentials and a running check.
        self,
        actor: Actor,
        source_id: str,
        values: Mapping[str, Any],
        *,
        name: str = "",
        on_step: StepCallback | None = None,
        cancelled: Event | None = None,
    ) -> ConnectionView:
        """Check credentials against the survey tool, encrypt them and store them.

        Metrics of deleted connections to this source use the new one. ``SecretStr`` values are
        kept out of tracebacks in the caller's frames as well. By default, ``name`` is the title of
        the source; the second connection to a source requires one.

        Raises:
            RoleRequired: when the actor is not an Admin.
            AlreadyExists: when another connection has this name, or the account is already
                connected to this source and there is no name.
            LimitReached: when the account has as many connections as it may have.
            CredentialsInvalid: when a field is not valid; nothing was requested.
            DestinationRefused: when the operator does not allow the destination.
            CheckFailed: when a required step failed; nothing was stored.
            EncryptionKeyMissing: when there is no key to encrypt with; nothing was requested.
            Cancelled: when cancelled; nothing was stored.
        """
        values = conceal(values)
        actor.require(Role.ADMIN, "Connecting a source")
        source = self._runtime.registry.get(source_id)
        with self._runtime.store.reading() as db:
            self._names.choose(db, actor.account, source.id, source.title, name)
        credentials = source.parse(values)
        connection_id = new_connection_id()
        self._credential_store.require_key(connection_id)
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.check, cancelled)
        try:
            report, unseen = self._check_new(
                actor.account, connection_id, source, credentials, deadline, on_step, is_new=True
            )
            deadline.check()
            row = self._add(actor, connection_id, name, source, credentials, report)
        except BaseException:
            self._sessions.forget(connection_id)
            raise
        return connection_view(self._credential_store, row, actor, unseen)

    def _add(  # noqa: PLR0913, PLR0917  # The parts of a new row.
        self,
        actor: Actor,
        connection_id: str,
        name: str,
        source: Source,
        credentials: Credentials,
        report: CheckReport,
    ) -> ConnectionRow:
        """Store a new connection and its audit entry."""
        now = self._runtime.now()
        with self._runtime.store.writing() as db:
            name = self._names.choose(db, actor.account, source.id, source.title, name)
            row = ConnectionRow(
                id=connection_id,
                account=actor.account,
                source=source.id,
                distribution=source.distribution,
                sealed=self._credential_store.seal(
                    db, connection_id, actor.account, source.id, credentials, now
                ),
                version=1,
                report=report,
                problem=report.problem,
                created_at=now,
                created_by=actor.user,
                updated_at=now,
                checked_at=now,
                name=name,
            )
            rows.add(db, row)
            metric_rows.adopt(db, actor.account, source.id, row.id)
            audit.add_entry(
                db, actor, AuditAction.CONNECT, row.id, self._runtime.label_of(row), now
            )
        return self._runtime.find_connection(actor.account, connection_id)

    def list(
        self, actor: Actor, *, search: str = "", offset: int = 0, limit: int | None = None
    ) -> tuple[ConnectionView, ...]:
        """Return the connections of the account; one that cannot be decrypted has a problem.

        ``search`` is a part of the name, in any case, or an ID.

        Raises:
            InputError: when the offset or the limit is out of range.
        """
        require_page(offset, limit)
        with self._runtime.store.reading() as db:
            every = rows.of_account(db, actor.account)
        found = find_matching(every, search, lambda row: (row.id, self._runtime.name_of(row)))
        shown = slice_page(found, offset, limit)
        return tuple(connection_view(self._credential_store, row, actor) for row in shown)

    def labels(self, actor: Actor) -> Mapping[str, str]:
        """Return the sources of the connections by id, each with its name if it has siblings."""
        return self._names.labels(actor.account)

    def show(self, actor: Actor, connection_id: str) -> ConnectionView:
        """Return one connection, by its id, its name or the id of its source.

        Raises:
            NotFound: when the account has no such connection.
            AmbiguousConnection: when several have this name or source.
        """
        row = self._runtime.find_connection(actor.account, connection_id)
        return connection_view(self._credential_store, row, actor)

    def check(
        self,
        actor: Actor,
        connection_id: str,
        *,
        on_step: StepCallback | None = None,
        cancelled: Event | None = None,
    ) -> ConnectionView:
        """Check a stored connection again and store the outcome.

        After a check that passes, refreshes resume if they were paused because the credentials had
        been rejected, and credentials encrypted with an older key are encrypted with the current
        one. A problem of another process is forgotten; the process reports it again if it persists.
        A check that fails raises nothing: the returned view holds the problem.

        Raises:
            RoleRequired: when the actor is not an Admin.
            NotFound: when the account has no such connection.
            Cancelled: when cancelled; the stored outcome does not change.
        """
        actor.require(Role.ADMIN, "Checking a connection")
        row = self._runtime.find_connection(actor.account, connection_id)
        source, credentials = self._credential_store.open(row)
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.check, cancelled)
        with self._sessions.check_session(
            row.account, row.id, source, credentials, deadline
        ) as check:
            report = check.run(on_step)
        deadline.check()
        problem, failure, now = report.problem, failure_of(report), self._runtime.now()
        values: dict[str, Any] = {"checked_at": now}
        if failure is not None and failure.issue is Issue.TOKEN_REVOKED:
            values |= {"refused_at": now, "woken_at": None}
        with self._runtime.store.writing() as db:
            if report.passed:
                self._credential_store.reseal(db, row, now)
                values |= {
                    "woken_at": rows.recovered_at(db, row, now),
                    "left_at": None,
                    "left_problem": None,
                }
            written = rows.edit(db, row, values, report=report, problem=failure or problem)
            if not (failure and written and self._health.mark_down(db, row, failure, now)):
                failure = None
        if failure:
            log_down(row, failure)
        elif report.passed:
            self._health.record_up(row)
        return self.show(actor, row.id)

    def edit(
        self,
        actor: Actor,
        connection_id: str,
        values: Mapping[str, Any],
        *,
        on_step: StepCallback | None = None,
        cancelled: Event | None = None,
    ) -> ConnectionView:
        """Replace fields of the credentials; missing and blank ones keep their value.

        The old credentials are used until the new ones have passed the check.

        Raises:
            RoleRequired: when the actor is not an Admin.
            NotFound: when the account has no such connection.
            InputError: when a field that decides where secrets are sent was changed and the secrets
                were not entered again.
            EditConflict: when another edit was saved first.
            CheckFailed: when a required step failed; the old credentials stay.
            Cancelled: when cancelled; the old credentials stay.
        """
        values = conceal(values)
        actor.require(Role.ADMIN, "Editing a connection")
        row = self._runtime.find_connection(actor.account, connection_id)
        source = self._runtime.registry.get(row.source)
        credentials = merge_credentials(source, self._credential_store.find_values(row), values)
        self._credential_store.require_key(row.id)
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.check, cancelled)
        report, unseen = self._check_new(
            actor.account, row.id, source, credentials, deadline, on_step, is_new=False
        )
        deadline.check()
        now = self._runtime.now()
        with self._runtime.store.writing() as db:
            sealed = self._credential_store.seal(
                db, row.id, row.account, row.source, credentials, now
            )
            written = rows.edit(
                db,
                row,
                {
                    "sealed": sealed,
                    "distribution": source.distribution,
                    "version": row.version + 1,
                    "updated_at": now,
                    "checked_at": now,
                    "woken_at": rows.recovered_at(db, row, now),
                    "retry_not_before": None,
                    "retry_said_at": None,
                    "server": "",  # The next session stores the new one.
                    "left_at": None,
                    "left_problem": None,
                },
                report=report,
                problem=report.problem,
            )
            if not written:  # In the transaction, so that the version is rolled back.
                raise EditConflict(
                    "Another user changed this connection, so your change was not saved.",
                    remedy="Reload the connection and make your change again.",
                )
            detail = self._runtime.label_of(row)
            audit.add_entry(db, actor, AuditAction.EDIT_CONNECTION, row.id, detail, now)
        self._health.record_up(row)
        row = self._runtime.find_connection(actor.account, row.id)
        return connection_view(self._credential_store, row, actor, unseen)

    def rename(self, actor: Actor, connection_id: str, name: str) -> ConnectionView:
        """Give a connection another name; its credentials are not checked.

        Raises:
            RoleRequired: when the actor is not an Admin.
            NotFound: when the account has no such connection.
            InputError: when the name is not valid.
            AlreadyExists: when another connection has this name.
        """
        actor.require(Role.ADMIN, "Renaming a connection")
        row = self._runtime.find_connection(actor.account, connection_id)
        self._names.rename(actor, row, name)
        return self.show(actor, row.id)

    def delete(self, actor: Actor, connection_id: str) -> DeletedConnection:
        """Delete a connection, its credentials and the refresh attempts of its metrics.

        The metrics keep their definition and last value, and are shown as *Not connected*.
        """
        actor.require(Role.ADMIN, "Deleting a connection")
        row = self._runtime.find_connection(actor.account, connection_id)
        with self._runtime.store.writing() as db:
            metrics = metric_rows.of_account(db, actor.account, connection_id=row.id)
            rows.remove(db, actor.account, row.id)
            attempt_rows.drop_attempts(db, actor.account, [metric.id for metric in metrics])
            detail, now = self._runtime.label_of(row), self._runtime.now()
            audit.add_entry(db, actor, AuditAction.DELETE_CONNECTION, row.id, detail, now)
        self._sessions.forget(row.id)
        self._runtime.store.forget_deleted()
        return DeletedConnection(
            id=row.id,
            source=row.source,
            name=self._runtime.name_of(row),
            metrics=tuple(metric.name for metric in metrics),
        )

    def _check_new(  # noqa: PLR0913, PLR0917  # The parts of a check.
        self,
        account: str,
        connection_id: str,
        source: Source,
        credentials: Credentials,
        deadline: Deadline,
        on_step: StepCallback | None,
        *,
        is_new: bool,
    ) -> tuple[CheckReport, tuple[str, ...]]:
        """Check new credentials, and return the names of metrics whose survey they cannot see."""
        with self._sessions.check_session(
            account, connection_id, source, credentials, deadline
        ) as check:
            report = check.run(on_step)
            if not report.passed:
                raise CheckFailed(report)
            with self._runtime.store.reading() as db:
                metrics = metric_rows.of_account(db, account, connection_id=connection_id)
                # A new connection adopts them.
                metrics += metric_rows.without_connection(db, account, source.id) if is_new else ()
            return report, check.unseen_metrics(metrics)
