"""Refreshes all metrics of a survey from one export, under a lease."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import Cancelled, InputError, MetricsError, NotFound, StoreError
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.accounts.limits import require_export
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.filtered_counts import FilteredCounts
from smaply_metrics_core.host.refresh.decisions import decide_for_metric, read_decisions
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.refresh.outcomes import Outcome, calculate_outcomes
from smaply_metrics_core.host.refresh.refresh_end import RefreshEnd
from smaply_metrics_core.host.refresh.refresh_events import refresh_events
from smaply_metrics_core.host.refresh.refresh_log import RefreshLog, RefreshReport
from smaply_metrics_core.host.refresh.refresh_percent import PROGRESS_INTERVAL, RefreshPercent
from smaply_metrics_core.host.refresh.replaced_questions import find_replaced_questions
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import attempts, audit, leases, metric_states, question_versions
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.leases import Lease
from smaply_metrics_core.host.store.metric_states import MetricState
from smaply_metrics_core.host.store.question_versions import SurveyQuestions
from smaply_metrics_core.models.metric import RefreshDecisionKind
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.observability.instruments import SOURCE

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)

SAVE_AGAIN: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""The back-off between attempts to save results, in seconds, as while the database restarts."""


@dataclass(frozen=True)
class _StartedRefresh:
    """An attempt to refresh a survey, under its lease.

    Attributes:
        before: The connection before the attempt.
        row: The connection of the attempt.
        waiting: The metrics before the attempt.
        started_at: When it was recorded.
        questions: The versions of the survey's questions.
    """

    lease: Lease
    before: ConnectionRow
    row: ConnectionRow
    account: AccountSettings
    waiting: tuple[MetricState, ...]
    started_at: datetime
    questions: SurveyQuestions


class SurveyRefresh:
    """Refreshes surveys; one object serves all threads of a process.

    Args:
        runtime: The shared parts of the host.
        sessions: Opens the sessions with sources.
        progress: Receives the survey, and what a ``ProgressCallback`` receives.
    """

    def __init__(
        self,
        runtime: Runtime,
        sessions: ConnectionSessions,
        progress: Callable[[SurveyKey, float, float | None, str], None],
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._progress = progress
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._owner = secrets.token_hex(8)
        self._log = RefreshLog(self._runtime.clock)

    def __call__(
        self,
        key: SurveyKey,
        forced: bool,  # noqa: FBT001  # Executors pass it by position.
        stopping: Event,
        *,
        resumed: bool = False,
    ) -> RefreshEnd:
        """Refresh one survey if it is still due once its lease is held.

        One export answers every metric of the survey, not only those of the cards being loaded, and
        an attempt is recorded for each. Problems are stored for the cards. A process that lacks the
        key, the source or a package makes no attempt: another process may have it.

        Args:
            key: The survey.
            forced: Whether an Editor requested it.
            stopping: The event that a shutdown sets.
            resumed: Whether an attempt that a dead process left unfinished makes the survey due.
        """
        try:
            row = self._runtime.find_connection(key.account, key.connection_id)
        except InputError:  # Not found, or ambiguous.
            return RefreshEnd.NOTHING_DUE
        key = key._replace(connection_id=row.id)  # A job of an earlier release has the source.
        try:
            self._sessions.require_usable(row)
        except MetricsError as error:
            decided = read_decisions(
                self._runtime,
                key.account,
                survey=(key.connection_id, key.survey_id),
                forced=forced,
            )
            # Whether a retry is due is decided by a process that can make it, under the lease.
            if resumed or any(d and d.kind is RefreshDecisionKind.DUE for _, d in decided):
                return self._leave(key, row, error)
            return RefreshEnd.NOTHING_DUE
        begun = self._begin(key, forced=forced, resumed=resumed)
        if begun is RefreshEnd.BUSY:
            self._log.busy(row.source)
        if isinstance(begun, RefreshEnd):
            return begun
        survey = {SOURCE: row.source, "smaply_metrics.survey": key.survey_id}
        with correlated(), telemetry.span("refresh", survey) as span:
            report = self._log.begun(key, row.source, len(begun.waiting), span)
            return self._make(key, begun, stopping, report)

    def _make(
        self, key: SurveyKey, attempt: _StartedRefresh, stopping: Event, report: RefreshReport
    ) -> RefreshEnd:
        """Make the attempt and save the outcomes, or undo it."""
        queries = {
            state.id: attempt.account.make_query(
                state.id, state.metric.definition, now=self._runtime.now()
            )
            for state in attempt.waiting
        }
        progress = RefreshPercent()

        def report_progress(done: float, total: float | None, what: str) -> None:
            progress.note(done, total)
            self._progress(key, done, total, what)

        try:
            with self._holding(attempt.lease, progress):
                outcomes = self._fetch(key, attempt, queries, stopping, report_progress, report)
        except Cancelled:
            self._undo(attempt, stopping)
            report.stopped()
            return RefreshEnd.CUT_SHORT
        except MetricsError as error:
            outcomes = dict.fromkeys(queries, error)
        except BaseException as bug:  # The attempt stays unfinished, so it is not retried now.
            report.crashed(bug)
            with self._runtime.store.writing() as db:
                leases.release(db, attempt.lease)
            raise
        cause = _process_only(outcomes)
        if cause is not None:
            self._undo(attempt, stopping)
            report.left(cause)
            return self._leave(key, attempt.row, cause)
        problems = self._finish(attempt, outcomes, stopping)
        report.ended(problems)
        return RefreshEnd.DONE

    def _leave(self, key: SurveyKey, row: ConnectionRow, error: MetricsError) -> RefreshEnd:
        """Leave the attempt to other processes, and store why for the case that none makes it."""
        self._log.left(key, error)
        try:
            with self._runtime.store.writing() as db:
                connection_rows.note_left(db, row, error.to_problem(), self._runtime.now())
        except StoreError:
            logger.warning("The reason could not be stored.", exc_info=True)
        return RefreshEnd.LEFT

    def _begin(
        self, key: SurveyKey, *, forced: bool, resumed: bool
    ) -> _StartedRefresh | RefreshEnd:
        """Acquire the lease and record the attempts, or return why there is nothing to do."""
        now = self._runtime.now()
        with self._runtime.store.writing() as db:
            try:
                row = connection_rows.find(db, key.account, key.connection_id, keep=True)
            except NotFound:
                return RefreshEnd.NOTHING_DUE
            lease = leases.acquire(
                db,
                **key._asdict(),
                owner=self._owner,
                length=self._runtime.lease_length,
                at=self._runtime.lease_now(),
            )
            if lease is None:
                return RefreshEnd.BUSY
            # Read under the lease, to see what another process has just written.
            account = read_account(db, key.account)
            waiting = metric_states.read(
                db, key.account, account, survey=(key.connection_id, key.survey_id), keep=True
            )
            retry = resumed and any(map(_was_interrupted, waiting))
            if not self._is_due(waiting, forced=forced, retry=retry) or (
                row.is_rejected and not connection_rows.claim_rejected(db, row, now)
            ):
                leases.release(db, lease)
                return RefreshEnd.NOTHING_DUE
            if forced:
                leases.note_forced(db, lease, now)
            attempts.note_interrupted(db, key.account, waiting)
            attempts.begin_attempts(db, key.account, metric_states.fingerprints_of(waiting), now)
            connection_rows.clear_left(db, row)
            begun = connection_rows.find(db, key.account, row.id)
            questions = question_versions.read(db, key.account, row.id, key.survey_id)
            return _StartedRefresh(lease, row, begun, account, waiting, now, questions)

    def _is_due(self, waiting: Sequence[MetricState], *, forced: bool, retry: bool) -> bool:
        """Whether one of the metrics is due, ignoring the lease that this refresh holds.

        The retry for a dead process is due like the request of an Editor, but however soon it comes
        after the last such request.
        """
        states = (replace(state, lease_expires_at=None) for state in waiting)
        if retry:
            states = (replace(state, forced_at=None) for state in states)
        return any(
            decide_for_metric(self._runtime, state, forced=forced or retry).kind
            is RefreshDecisionKind.DUE
            for state in states
        )

    @contextmanager
    def _holding(self, lease: Lease, progress: RefreshPercent) -> Iterator[None]:
        """Renew the lease while the block runs, and write the progress at most once a second."""
        done = Event()
        third = self._runtime.settings.deadlines.lease / 3

        def keep() -> None:
            written, since = progress.percent, 0.0
            pause = min(third, PROGRESS_INTERVAL)
            while not done.wait(pause):
                since += pause
                percent = progress.percent
                if percent == written and since < third:
                    continue
                try:
                    with self._runtime.store.writing() as db:
                        held = leases.renew(
                            db,
                            lease,
                            self._runtime.lease_length,
                            percent=percent,
                            at=self._runtime.lease_now(),
                        )
                except StoreError:
                    logger.warning("A lease could not be renewed.", exc_info=True)
                    continue
                if not held:
                    return
                written, since = percent, 0.0

        thread = Thread(target=keep, name="smaply-metrics-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _fetch(  # noqa: PLR0913, PLR0917  # The parts of an attempt.
        self,
        key: SurveyKey,
        attempt: _StartedRefresh,
        queries: Mapping[str, MetricQuery],
        stopping: Event,
        progress: ProgressCallback,
        report: RefreshReport,
    ) -> dict[str, Outcome]:
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.refresh, stopping)
        filtered = FilteredCounts(tuple(queries.values()), attempt.account.minimum_group)
        require_export(self._runtime, key.account)
        with self._sessions.session(
            attempt.row, deadline, progress=progress, exchange=report.totals.note
        ) as session:
            report.note_export()
            with telemetry.span("export", {SOURCE: attempt.row.source}):
                tallies = self._sessions.fetch(attempt.row, session, key.survey_id, filtered.every)
            metrics = [state.metric for state in attempt.waiting]
            tallies = find_replaced_questions(session, key.survey_id, metrics, tallies)
        account, questions, now = attempt.account, attempt.questions, self._runtime.now()
        return calculate_outcomes(filtered, tallies, account, questions, now)

    def _finish(
        self, attempt: _StartedRefresh, outcomes: Mapping[str, Outcome], stopping: Event
    ) -> dict[str, Problem | None]:
        """Save the outcome of every metric in one transaction, unless the lease was lost.

        Returns:
            The problem of each metric; ``None`` for those with a new value.
        """
        lease, fingerprints = attempt.lease, metric_states.fingerprints_of(attempt.waiting)
        problems: dict[str, Problem | None] = {}
        values: dict[str, tuple[str, Result, Tally]] = {}
        for metric_id, outcome in outcomes.items():
            if isinstance(outcome, MetricsError):
                problems[metric_id] = outcome.to_problem()
            else:
                problems[metric_id] = None
                values[metric_id] = (fingerprints[metric_id], *outcome)
        now = self._runtime.now()

        def save(db: Connection) -> None:
            if not leases.release(db, lease):
                logger.warning("Discarded a late result for survey %r.", lease.survey_id)
                return
            saved = attempts.save_outcomes(
                db,
                lease,
                problems,
                values,
                now,
                started_at=attempt.started_at,
                forget_before=now - self._runtime.settings.history_retention,
            )
            attempt.questions.save(db)
            audit.forget(db, self._runtime.settings.audit_kept_since(now), lease.account)
            if self._runtime.outbox.is_used(db):
                found = refresh_events(lease, attempt.waiting, saved, problems, values, now)
                self._runtime.outbox.record(db, list(found))

        self._save(save, stopping)
        return problems

    def _undo(self, attempt: _StartedRefresh, stopping: Event) -> None:
        """Restore the state before an attempt that was cancelled or could not be made."""
        lease, before = attempt.lease, attempt.before

        def undo(db: Connection) -> None:
            # As `_begin`: the lease, the metrics, the connection.
            if attempt.waiting:
                leases.note_forced(db, lease, attempt.waiting[0].forced_at)
            if leases.release(db, lease):
                attempts.restore_attempts(db, lease, attempt.waiting)
                connection_rows.undo_claim(db, before, attempt.started_at)

        self._save(undo, stopping)

    def _save(self, write: Callable[[Connection], None], stopping: Event) -> None:
        """Write in one transaction, and retry while the database is unavailable.

        If a transaction was committed although the connection broke, it released the lease, so the
        retry writes nothing.
        """
        for pause in SAVE_AGAIN:
            try:
                with self._runtime.store.writing() as db:
                    write(db)
            except StoreError:
                logger.warning("A refresh could not be saved; retrying.", exc_info=True)
                self._runtime.clock.wait(pause, stopping)
            else:
                return
        with self._runtime.store.writing() as db:
            write(db)


def _process_only(outcomes: Mapping[str, Outcome]) -> MetricsError | None:
    """Return why this process could answer no query although others may; ``None`` if it could."""
    errors = [one for one in outcomes.values() if isinstance(one, MetricsError)]
    if len(errors) < len(outcomes) or not all(error.process_only for error in errors):
        return None
    return next(iter(errors), None)


def _was_interrupted(state: MetricState) -> bool:
    return state.attempt is not None and state.attempt.ended_at is None
