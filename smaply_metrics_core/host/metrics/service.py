"""Manages metrics: preview, add, list, show, edit and delete them."""

from __future__ import annotations

import secrets
from datetime import datetime
from threading import Event

from smaply_metrics_core.calculations.matrix_rows import row_questions
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import EditConflict, InputError
from smaply_metrics_core.host.accounts.limits import require_metrics
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.survey_restriction import require_chosen
from smaply_metrics_core.host.metrics.previews import Previews
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import attempts as attempt_rows
from smaply_metrics_core.host.store import audit, history, question_versions
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store import metrics as rows
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.history import HistoryEntry
from smaply_metrics_core.models.metric import Display, Metric
from smaply_metrics_core.models.query import Definition, is_by_row
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import KnownQuestion


class Metrics:
    """The metrics of accounts."""

    def __init__(self, runtime: Runtime, sessions: ConnectionSessions, previews: Previews) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._previews = previews

    def preview(  # noqa: PLR0913  # The options are passed by name.
        self,
        actor: Actor,
        connection_id: str,
        definition: Definition,
        *,
        progress: ProgressCallback | None = None,
        cancelled: Event | None = None,
        reload: bool = False,
        prefetch: bool = True,
    ) -> Result:
        """Return the result of a definition without saving anything.

        Downloads are cached for ten minutes. Where possible, another calculation, type or group-by
        is calculated from the same download; ``Result.as_of`` is the time of that download.

        Args:
            actor: An Editor or Admin.
            connection_id: The connection; see ``Connections.show``.
            definition: The definition.
            progress: Receives the progress of the download.
            cancelled: An event that cancels the preview when it is set.
            reload: Whether to ignore cached downloads.
            prefetch: Whether to also download what is likely to be chosen next. ``False`` keeps
                the download small, as for a single preview.

        Raises:
            RoleRequired: when the actor is a Viewer.
            SurveyNotChosen: when an Admin restricted the connection to other surveys.
            QueryInvalid: when the parts of the definition are not compatible.
            LimitReached: when the account has used its exports of this hour.
            MetricsError: when the source cannot answer.
        """
        actor.require(Role.EDITOR, "Previewing a metric")
        row = self._runtime.find_connection(actor.account, connection_id)
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.preview, cancelled)
        return self._previews.preview(
            row, definition, deadline, progress=progress, reload=reload, prefetch=prefetch
        )

    def add(  # noqa: PLR0913  # The parts of a metric.
        self,
        actor: Actor,
        connection_id: str,
        name: str,
        definition: Definition,
        *,
        display: Display | None = None,
        workspace: str = "default",
    ) -> Metric:
        """Validate a definition against its survey and store it as a metric.

        Raises:
            RoleRequired: when the actor is a Viewer.
            SurveyNotChosen: when an Admin restricted the connection to other surveys.
            QueryInvalid: when the parts of the definition are not compatible.
            LimitReached: when the account has as many metrics as it may have.
            MetricsError: when the survey cannot be read.
        """
        actor.require(Role.EDITOR, "Creating a metric")
        row, questions = self._check(actor, connection_id, definition)
        now = self._runtime.now()
        metric = _validated(
            id=f"met_{secrets.token_hex(6)}",
            workspace=workspace,
            name=name,
            source=row.source,
            connection_id=row.id,
            definition=definition,
            display=display or Display(),
            questions=questions,
            version=1,
            created_at=now,
            updated_at=now,
        )
        with self._runtime.store.writing() as db:
            connection_rows.find(db, actor.account, row.id, keep=True)
            require_metrics(self._runtime, db, actor.account)
            rows.add(db, actor.account, actor.user, metric)
            audit.add_entry(db, actor, AuditAction.ADD_METRIC, metric.id, metric.name, now)
        return metric

    def list(self, actor: Actor, workspace: str | None = None) -> tuple[Metric, ...]:
        """Return the metrics of the account, or those of one workspace, oldest first."""
        with self._runtime.store.reading() as db:
            return rows.of_account(db, actor.account, workspace=workspace)

    def show(self, actor: Actor, metric_id: str) -> Metric:
        """Return one metric.

        Raises:
            NotFound: when the account has no such metric.
        """
        with self._runtime.store.reading() as db:
            return rows.find(db, actor.account, metric_id)

    def edit(  # noqa: PLR0913  # The parts that an Editor may change.
        self,
        actor: Actor,
        metric_id: str,
        *,
        name: str | None = None,
        connection_id: str | None = None,
        definition: Definition | None = None,
        display: Display | None = None,
        version: int | None = None,
    ) -> Metric:
        """Change a metric; a new definition or another connection discards the stored value.

        Args:
            actor: An Editor or Admin.
            metric_id: The metric.
            name: The new name.
            connection_id: The new connection; see ``Connections.show``.
            definition: The new definition.
            display: The new display options.
            version: The version that the edit is based on; the current one by default.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such metric or connection.
            EditConflict: when the metric has a newer version; nothing was saved.
            SurveyNotChosen: when an Admin restricted the connection to other surveys than that of
                the new definition.
            QueryInvalid: when the parts of the new definition are not compatible.
        """
        actor.require(Role.EDITOR, "Editing a metric")
        old = self.show(actor, metric_id)
        wanted = definition or old.definition
        source, connection, questions = old.source, old.connection_id, old.questions
        if connection_id not in {None, old.connection_id}:
            row = self._runtime.find_connection(actor.account, connection_id)
            source, connection = row.source, row.id
        is_moved = connection != old.connection_id
        is_redefined = is_moved or wanted != old.definition
        if is_redefined:
            _, questions = self._check(actor, connection, wanted)
        new = _validated(
            **{
                **{field: getattr(old, field) for field in Metric.model_fields},
                "name": old.name if name is None else name,
                "source": source,
                "connection_id": connection,
                "definition": wanted,
                "display": display or old.display,
                "questions": questions,
                "version": (version or old.version) + 1,
                "updated_at": self._runtime.now(),
            }
        )
        with self._runtime.store.writing() as db:
            if is_moved:
                connection_rows.find(db, actor.account, connection, keep=True)
            if not rows.replace(db, actor.account, new, moved=is_moved):
                raise EditConflict(
                    f"Another user changed “{old.name}”, so your change was not saved.",
                    remedy="Reload the metric and make your change again.",
                )
            if is_redefined:
                attempt_rows.drop_value(db, actor.account, metric_id)
            audit.add_entry(db, actor, AuditAction.EDIT_METRIC, new.id, new.name, new.updated_at)
        return new

    def delete(self, actor: Actor, metric_id: str) -> Metric:
        """Delete a metric, its value and its history, and return the metric.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such metric.
        """
        actor.require(Role.EDITOR, "Deleting a metric")
        with self._runtime.store.writing() as db:
            metric = rows.find(db, actor.account, metric_id)
            rows.remove(db, actor.account, (metric_id,))
            audit.add_entry(
                db, actor, AuditAction.DELETE_METRIC, metric_id, metric.name, self._runtime.now()
            )
        return metric

    def history(
        self, actor: Actor, metric_id: str, *, since: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        """Return the past values of a metric for its current definition, oldest first.

        Each successful refresh adds a value; ``Settings.history_retention_days`` limits how
        long it is stored. Values of another definition, time zone or connection are not included.
        An entry has the changes of the question since the entry before. A value of too few
        respondents for the account is ``hidden``.

        Raises:
            NotFound: when the account has no such metric.
        """
        with self._runtime.store.reading() as db:
            settings = read_account(db, actor.account)
            fingerprint = rows.read_fingerprint(db, actor.account, metric_id, settings)
            past = history.of_metric(db, actor.account, metric_id, fingerprint, since)
            metric = rows.find(db, actor.account, metric_id)
            definition = metric.definition
            survey_id, question_id = definition.survey_id, definition.question_id
            questions = question_versions.read(
                db, actor.account, metric.connection_id, survey_id, [question_id or ""]
            )
        shown = [value.shown(definition, settings.minimum_group) for value in past]
        return tuple(history.with_changes(shown, questions.changes(question_id, settings.zone)))

    def _check(
        self, actor: Actor, connection_id: str, definition: Definition
    ) -> tuple[ConnectionRow, dict[str, KnownQuestion]]:
        """Validate a definition; return its connection and the names and texts of its questions.

        Those of the rows are included if it is grouped by row.
        """
        row = self._runtime.find_connection(actor.account, connection_id)
        require_chosen(self._runtime, row, definition.survey_id)
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.list)
        with self._sessions.session(row, deadline) as session:
            questionnaire = session.questions(definition.survey_id)
        check_definition(definition, questionnaire)
        named = [questionnaire.question(named) for _, named in definition.named_questions()]
        if is_by_row(definition.group_by):
            named += row_questions(definition, named[0])
        return row, {one.id: KnownQuestion(name=one.name, text=one.text) for one in named}


def _validated(**values: object) -> Metric:
    try:
        return Metric.model_validate(values)
    except ValueError:
        raise InputError(
            "The name of the metric is not valid.", remedy="Enter 1 to 300 characters."
        ) from None
