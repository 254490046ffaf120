"""Connecting sources: validate, seal, store, show masked, edit, check again, delete."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.errors import (
    CheckFailed,
    CredentialRefused,
    EditConflict,
    EncryptionError,
    InputError,
    MetricsError,
    SurveyUnavailable,
)
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.vault import mask
from smaply_metrics_core.host.connections.views import (
    ConnectionStatus,
    ConnectionView,
    DeletedConnection,
    FieldView,
    SourceForm,
)
from smaply_metrics_core.host.store import audit, metric_states
from smaply_metrics_core.host.store import connections as rows
from smaply_metrics_core.host.store import metrics as metric_rows
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.models.problem import Issue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from threading import Event

    from smaply_metrics_core.context import Deadline
    from smaply_metrics_core.host.runtime import Runtime
    from smaply_metrics_core.models.check import StepResult
    from smaply_metrics_core.models.credentials import Credentials
    from smaply_metrics_core.models.survey import Questionnaire, Survey
    from smaply_metrics_core.sources import Source, SourceSession

    OnStep = Callable[[StepResult], None]


class Connections:
    """The connections of accounts, one for each account and source."""

    def __init__(self, core: Runtime) -> None:
        self._core = core

    def form(self, source_id: str) -> SourceForm:
        """Describe what a source asks for when it is connected.

        Raises:
            NotFound: when no source of this id is installed.
            SourceNotUsable: when it cannot be used; says why.
        """
        said = self._core.registry.get(source_id).description
        return SourceForm(
            id=said.id,
            title=said.title,
            documentation=said.documentation,
            fields=credential_fields(said.credentials),
            steps=said.checks,
        )

    def connect(
        self,
        actor: Actor,
        source_id: str,
        values: Mapping[str, Any],
        *,
        on_step: OnStep | None = None,
        cancelled: Event | None = None,
    ) -> ConnectionView:
        """Validate credentials against the survey tool, seal them, store them.

        Metrics that an earlier connection to this source left behind are attached again.

        Raises:
            RoleRequired: unless the actor is an Admin.
            AlreadyExists: when the account is connected to this source already.
            CredentialsInvalid: when a field does not fit; nothing was called.
            DestinationRefused: when the operator does not allow where they lead.
            CheckFailed: when a required step failed; nothing was stored.
            EncryptionKeyMissing: when there is no key to seal with; nothing was called.
            Cancelled: when stopped on request; nothing was stored.
        """
        actor.require(Role.ADMIN, "Connecting a source")
        source = self._core.registry.get(source_id)
        with self._core.store.reading() as db:
            if source_id in rows.of_account(db, actor.account):
                raise rows.already_connected(source_id)
        credentials = source.parse(dict(values))
        connection_id = f"con_{secrets.token_hex(6)}"
        sealed = self._core.seal(connection_id, actor.account, source_id, credentials)
        deadline = self._core.deadline(self._core.settings.deadlines.check, cancelled)
        report, unseen = self._try(actor.account, source, credentials, deadline, on_step)
        deadline.check()
        now = self._core.now()
        row = ConnectionRow(
            id=connection_id,
            account=actor.account,
            source=source_id,
            distribution=source.distribution,
            sealed=sealed,
            version=1,
            report=report,
            problem=report.problem,
            created_at=now,
            created_by=actor.user,
            updated_at=now,
            checked_at=now,
            refused_at=None,
            woken_at=None,
            retry_not_before=None,
            retry_said_at=None,
        )
        with self._core.store.writing() as db:
            rows.add(db, row)
            audit.add_entry(db, actor, AuditAction.CONNECT, row.id, source_id, now)
        return self._view(row, actor, unseen)

    def list(self, actor: Actor) -> tuple[ConnectionView, ...]:
        """Show every connection of the account; one that cannot be opened says so itself."""
        with self._core.store.reading() as db:
            found = rows.of_account(db, actor.account)
        return tuple(self._view(row, actor) for row in found.values())

    def show(self, actor: Actor, connection_id: str) -> ConnectionView:
        """Show one connection, named by its id or its source's.

        Raises:
            NotFound: when this account has none.
        """
        return self._view(self._core.find_connection(actor.account, connection_id), actor)

    def check(
        self,
        actor: Actor,
        connection_id: str,
        *,
        on_step: OnStep | None = None,
        cancelled: Event | None = None,
    ) -> ConnectionView:
        """Check a stored connection again and keep what was found.

        A check that passes wakes a connection that rested after a refusal, and seals credentials
        with the present key if an older one did. One that fails is no exception: the view says
        what is wrong.

        Raises:
            Cancelled: when stopped on request; what was known before stays.
        """
        actor.require(Role.ADMIN, "Checking a connection")
        row = self._core.find_connection(actor.account, connection_id)
        source, credentials = self._core.credentials(row)
        deadline = self._core.deadline(self._core.settings.deadlines.check, cancelled)
        with source.session(
            credentials,
            account=row.account,
            allowed=self._core.settings.allowed,
            deadline=deadline,
            rate_limiter=self._core.rate_limiter(row.id, source),
        ) as session:
            report = _run_check(session, on_step)
        deadline.check()
        problem = report.problem
        values: dict[str, Any] = {"checked_at": self._core.now()}
        if report.passed:
            if sealed := self._core.seal_again(row, credentials):
                values["sealed"] = sealed
        elif problem is not None and problem.kind == CredentialRefused.kind:
            problem = problem.model_copy(update={"issue": Issue.TOKEN_REVOKED})
            values |= {"refused_at": self._core.now(), "woken_at": None}
        with self._core.store.writing() as db:
            if report.passed:
                values["woken_at"] = rows.recovered_at(db, row, self._core.now())
            rows.edit(db, row, values, report=report, problem=problem)
        if report.passed:
            self._core.note_up(row)
        return self.show(actor, row.id)

    def edit(
        self,
        actor: Actor,
        connection_id: str,
        values: Mapping[str, Any],
        *,
        on_step: OnStep | None = None,
        cancelled: Event | None = None,
    ) -> ConnectionView:
        """Replace fields of the credentials; those not given, or blank, stay as they are.

        The old credentials keep working until the new ones have passed the check.

        Raises:
            InputError: when a field that decides where the secrets go was changed and the
                secrets were not entered again.
            EditConflict: when another edit came first.
            CheckFailed: when a required step failed; the old credentials stay.
            Cancelled: when stopped on request; the old credentials stay.
        """
        actor.require(Role.ADMIN, "Editing a connection")
        row = self._core.find_connection(actor.account, connection_id)
        source = self._core.registry.get(row.source)
        credentials = self._merge(row, source, values)
        sealed = self._core.seal(row.id, row.account, row.source, credentials)
        deadline = self._core.deadline(self._core.settings.deadlines.check, cancelled)
        report, unseen = self._try(actor.account, source, credentials, deadline, on_step)
        deadline.check()
        now = self._core.now()
        with self._core.store.writing() as db:
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
                },
                report=report,
                problem=report.problem,
            )
            if written:
                audit.add_entry(db, actor, AuditAction.EDIT_CONNECTION, row.id, row.source, now)
        if not written:
            raise EditConflict(
                "Somebody else changed this connection meanwhile; your change was not saved.",
                remedy="Look at the connection as it is now and edit it again if need be.",
            )
        self._core.note_up(row)
        return self._view(self._core.find_connection(actor.account, row.id), actor, unseen)

    def delete(self, actor: Actor, connection_id: str) -> DeletedConnection:
        """Destroy a connection's credentials and what was kept about its source.

        Its metrics stay with their definition and last value, *Not connected*.
        """
        actor.require(Role.ADMIN, "Deleting a connection")
        row = self._core.find_connection(actor.account, connection_id)
        with self._core.store.writing() as db:
            metrics = metric_rows.of_account(db, actor.account, source=row.source)
            rows.remove(db, actor.account, row.id)
            metric_states.drop_attempts(db, actor.account, [metric.id for metric in metrics])
            audit.add_entry(
                db, actor, AuditAction.DELETE_CONNECTION, row.id, row.source, self._core.now()
            )
        self._core.store.forget_deleted()
        return DeletedConnection(
            id=row.id, source=row.source, metrics=tuple(metric.name for metric in metrics)
        )

    def surveys(self, actor: Actor, connection_id: str) -> tuple[Survey, ...]:
        """List the surveys that a connection can see."""
        actor.require(Role.EDITOR, "Choosing a survey")
        with self._session(actor, connection_id) as session:
            return session.surveys()

    def questions(self, actor: Actor, connection_id: str, survey_id: str) -> Questionnaire:
        """Describe one survey; it may be one that the list does not show."""
        actor.require(Role.EDITOR, "Choosing a question")
        with self._session(actor, connection_id) as session:
            return session.questions(survey_id)

    def _session(self, actor: Actor, connection_id: str) -> AbstractContextManager[SourceSession]:
        row = self._core.find_connection(actor.account, connection_id)
        return self._core.session(row, self._core.deadline(self._core.settings.deadlines.list))

    def _try(
        self,
        account: str,
        source: Source,
        credentials: Credentials,
        deadline: Deadline,
        on_step: OnStep | None,
    ) -> tuple[CheckReport, tuple[str, ...]]:
        """Check new credentials, and find the metrics whose survey they cannot see."""
        with source.session(
            credentials, account=account, allowed=self._core.settings.allowed, deadline=deadline
        ) as session:
            report = _run_check(session, on_step)
            if not report.passed:
                raise CheckFailed(report)
            return report, self._unseen(account, source, session)

    def _unseen(self, account: str, source: Source, session: SourceSession) -> tuple[str, ...]:
        with self._core.store.reading() as db:
            metrics = metric_rows.of_account(db, account, source=source.id)
        if not metrics:
            return ()
        gone = set()
        for survey_id in {metric.definition.survey_id for metric in metrics}:
            try:
                session.questions(survey_id)
            except SurveyUnavailable:
                gone.add(survey_id)
            except MetricsError:
                # Not known now; its refresh will tell.
                continue
        return tuple(m.name for m in metrics if m.definition.survey_id in gone)

    def _merge(self, row: ConnectionRow, source: Source, values: Mapping[str, Any]) -> Credentials:
        """Lay the given fields over the stored ones; a secret never follows to a new place."""
        given = {
            name: v for name, v in values.items() if not (isinstance(v, str) and not v.strip())
        }
        if not given:
            raise InputError(
                "Nothing was changed.", remedy="Enter the field that shall have a new value."
            )
        try:
            stored = self._core.unseal(row)
        except EncryptionError:
            return source.parse(given)
        credentials = source.parse({**stored, **given})
        fields = credential_fields(source.description.credentials)
        new = credentials.model_dump(mode="json")
        moved = [
            field.label
            for field in fields
            if not (field.secret or field.harmless) and new[field.name] != stored.get(field.name)
        ]
        missing = [field.label for field in fields if field.secret and field.name not in given]
        if moved and missing:
            raise InputError(
                f"A new {moved[0]} needs the {missing[0]} again: a stored secret is never sent "
                "to another place.",
                remedy=f"Enter {' and '.join(missing)} together with {' and '.join(moved)}.",
            )
        return credentials

    def _view(
        self, row: ConnectionRow, actor: Actor, unseen: tuple[str, ...] = ()
    ) -> ConnectionView:
        problem, title = row.problem, row.source
        fields: tuple[FieldView, ...] = ()
        try:
            source, credentials = self._core.credentials(row)
            title = source.title
            if actor.role >= Role.ADMIN:
                fields = _masked(credentials)
        except MetricsError as error:
            # One connection that cannot be opened never takes the list down.
            row = replace(row, report=CheckReport(steps=()))
            problem = error.to_problem()
        works = row.report.passed and not row.stands_refused
        concerned = problem is not None and problem != row.report.problem
        return ConnectionView(
            id=row.id,
            source=row.source,
            title=title,
            status=ConnectionStatus.ERROR
            if not works or concerned
            else ConnectionStatus.WARNING
            if problem is not None
            else ConnectionStatus.CONNECTED,
            problem=problem,
            fields=fields,
            steps=row.report.steps,
            created_at=row.created_at,
            created_by=row.created_by,
            updated_at=row.updated_at,
            checked_at=row.checked_at,
            unseen=unseen,
        )


def _run_check(session: SourceSession, on_step: OnStep | None) -> CheckReport:
    steps = []
    for step in session.check():
        steps.append(step)
        if on_step is not None:
            on_step(step)
    return CheckReport(steps=tuple(steps))


def _masked(credentials: Credentials) -> tuple[FieldView, ...]:
    views = []
    for field in credential_fields(type(credentials)):
        value = getattr(credentials, field.name)
        if field.secret:
            shown = mask(value.get_secret_value())
        else:
            shown = "" if value is None else str(value)
        views.append(
            FieldView(name=field.name, label=field.label, secret=field.secret, value=shown)
        )
    return tuple(views)
