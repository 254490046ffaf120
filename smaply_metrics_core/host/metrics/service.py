"""Manages metrics: preview, add, list, show, edit and delete them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import EditConflict
from smaply_metrics_core.host.accounts.limits import require_metrics
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.metrics.definition_check import DefinitionCheck
from smaply_metrics_core.host.metrics.histories import read_histories
from smaply_metrics_core.host.metrics.metric_lists import MetricInput, MetricListPage
from smaply_metrics_core.host.metrics.metric_values import (
    changed_metric,
    new_metric_id,
    new_metrics,
)
from smaply_metrics_core.host.metrics.previews import Previews
from smaply_metrics_core.host.paging import find_matching, require_page, slice_page
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import attempts as attempt_rows
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store import metrics as rows
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.history import HistoryEntry
from smaply_metrics_core.models.metric import Display, Metric
from smaply_metrics_core.models.query import Definition
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import KnownQuestion

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_COPIED_NAME: Final = 280
"""How much of a name the name of its copy repeats."""


class Metrics:
    """The metrics of accounts."""

    def __init__(self, runtime: Runtime, sessions: ConnectionSessions, previews: Previews) -> None:
        self._runtime = runtime
        self._check = DefinitionCheck(runtime, sessions)
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
        row, questions = self._check.check(actor.account, connection_id, definition)
        new = MetricInput(
            name=name, definition=definition, display=display or Display(), workspace=workspace
        )
        (metric,) = self._store_new(actor, row, [new], [questions])
        return metric

    def add_many(
        self, actor: Actor, connection_id: str, new: Sequence[MetricInput]
    ) -> tuple[Metric, ...]:
        """Validate definitions and store them as metrics of one connection: all, or none.

        The questionnaire of each survey is requested once. 10,000 metrics take a few seconds.

        Raises:
            RoleRequired: when the actor is a Viewer.
            InputError: when a name or a workspace is not valid.
            SurveyNotChosen: when an Admin restricted the connection to other surveys.
            QueryInvalid: when the parts of a definition are not compatible; the message names the
                metric.
            MetricsError: when a survey cannot be read.
        """
        actor.require(Role.EDITOR, "Creating metrics")
        row, questions = self._check.check_many(actor.account, connection_id, new)
        return self._store_new(actor, row, new, questions)

    def _store_new(
        self,
        actor: Actor,
        row: ConnectionRow,
        new: Sequence[MetricInput],
        questions: Sequence[Mapping[str, KnownQuestion]],
    ) -> tuple[Metric, ...]:
        metrics = new_metrics(row.source, row.id, new, questions, self._runtime.now())
        with self._runtime.store.writing() as db:
            connection_rows.find(db, actor.account, row.id, keep=True)
            self._insert(db, actor, metrics)
        return metrics

    def _insert(self, db: Connection, actor: Actor, metrics: Sequence[Metric]) -> None:
        require_metrics(self._runtime, db, actor.account, len(metrics))
        rows.add(db, actor.account, actor.user, metrics)
        for metric in metrics:
            audit.add_entry(
                db, actor, AuditAction.ADD_METRIC, metric.id, metric.name, metric.created_at
            )

    def duplicate(
        self, actor: Actor, metric_id: str, *, name: str | None = None, workspace: str | None = None
    ) -> Metric:
        """Store a copy of a metric, without its value and history.

        Args:
            actor: An Editor or Admin.
            metric_id: The metric to copy.
            name: The name of the copy; by default, that of the metric and “(copy)”.
            workspace: The workspace of the copy; by default, that of the metric.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such metric.
            InputError: when the name or the workspace is not valid.
        """
        actor.require(Role.EDITOR, "Duplicating a metric")
        now = self._runtime.now()
        with self._runtime.store.writing() as db:
            old = rows.find(db, actor.account, metric_id)
            new = changed_metric(
                old,
                id=new_metric_id(),
                name=f"{old.name[:MAX_COPIED_NAME]} (copy)" if name is None else name,
                workspace=old.workspace if workspace is None else workspace,
                version=1,
                created_at=now,
                updated_at=now,
            )
            self._insert(db, actor, [new])
        return new

    def move(self, actor: Actor, metric_ids: Sequence[str], workspace: str) -> tuple[Metric, ...]:
        """Move metrics to another workspace of the account: all, or none.

        Their values and history stay. A metric cannot be moved to another account, which has
        other connections: add it there.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such metric.
            InputError: when the workspace is not valid.
        """
        actor.require(Role.EDITOR, "Moving metrics")
        now = self._runtime.now()
        moved = []
        with self._runtime.store.writing() as db:
            for metric_id in metric_ids:
                old = rows.find(db, actor.account, metric_id, keep=True)
                new = changed_metric(
                    old, workspace=workspace, version=old.version + 1, updated_at=now
                )
                rows.replace(db, actor.account, new)
                audit.add_entry(db, actor, AuditAction.EDIT_METRIC, new.id, new.name, now)
                moved.append(new)
        return tuple(moved)

    def list(self, actor: Actor, workspace: str | None = None) -> tuple[Metric, ...]:
        """Return the metrics of the account, or those of one workspace, oldest first."""
        with self._runtime.store.reading() as db:
            return rows.of_account(db, actor.account, workspace=workspace)

    def page(  # noqa: PLR0913  # The options are passed by name.
        self,
        actor: Actor,
        *,
        search: str = "",
        workspace: str | None = None,
        connection_id: str | None = None,
        survey_id: str | None = None,
        offset: int = 0,
        limit: int | None = 50,
    ) -> MetricListPage:
        """Return a page of the metrics of the account, oldest first.

        Args:
            actor: Whose account is meant.
            search: A part of the name, in any case, or an ID; all metrics match when empty.
            workspace: Only metrics of this workspace.
            connection_id: Only metrics of this connection; see ``Connections.show``.
            survey_id: Only metrics, and so cards, that use this survey.
            offset: How many metrics to skip.
            limit: The maximum number of metrics to return; all of them when ``None``.

        Raises:
            NotFound: when the account has no such connection.
            InputError: when the offset or the limit is out of range.
        """
        require_page(offset, limit)
        if connection_id is not None:
            connection_id = self._runtime.find_connection(actor.account, connection_id).id
        with self._runtime.store.reading() as db:
            named = rows.read_names(
                db,
                actor.account,
                workspace=workspace,
                connection_id=connection_id,
                survey_id=survey_id,
            )
            found = find_matching(named, search, lambda metric: metric)
            ids = [metric_id for metric_id, _ in slice_page(found, offset, limit)]
            metrics = rows.of_account(db, actor.account, metric_ids=ids)
        return MetricListPage(metrics=metrics, matching=len(found))

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
            _, questions = self._check.check(actor.account, connection, wanted)
        new = changed_metric(
            old,
            name=old.name if name is None else name,
            source=source,
            connection_id=connection,
            definition=wanted,
            display=display or old.display,
            questions=questions,
            version=(version or old.version) + 1,
            updated_at=self._runtime.now(),
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
        self,
        actor: Actor,
        metric_id: str,
        *,
        since: datetime | None = None,
        last: int | None = None,
    ) -> tuple[HistoryEntry, ...]:
        """Return the past values of a metric for its current definition, oldest first.

        Each successful refresh adds a value; ``Settings.history_retention_days`` limits how
        long it is stored. Values of another definition, time zone or connection are not included.
        An entry has the changes of the question since the entry before. A value of too few
        respondents for the account is ``hidden``. ``since`` excludes values of older data, and
        ``last`` all but this many of the newest ones.

        Raises:
            NotFound: when the account has no such metric.
            InputError: when ``last`` is below 1.
        """
        return self.histories(actor, [metric_id], since=since, last=last)[metric_id]

    def histories(
        self,
        actor: Actor,
        metric_ids: Sequence[str],
        *,
        since: datetime | None = None,
        last: int | None = None,
    ) -> Mapping[str, tuple[HistoryEntry, ...]]:
        """Return what ``history`` returns for each of several metrics, by its id.

        It takes as many statements as for one.

        Raises:
            NotFound: when the account does not have one of the metrics.
            InputError: when ``last`` is below 1.
        """
        with self._runtime.store.reading() as db:
            return read_histories(db, actor.account, metric_ids, since=since, last=last)
