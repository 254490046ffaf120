"""Loads cards from the store and refreshes due metrics in the background."""

from __future__ import annotations

import threading
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Final

from smaply_metrics_core.calculations.results import format_value
from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import SurveyNotChosen
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.cards.card_builder import empty_result_problem, shown_result
from smaply_metrics_core.host.cards.pending_refreshes import PendingRefreshes, survey_of
from smaply_metrics_core.host.cards.refresh_attempts import (
    RefreshAttempt,
    shown_attempt,
    with_last_attempt,
)
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.refresh.decisions import (
    NOT_CONNECTED,
    Decided,
    RefreshExplanation,
    explain_decision,
    read_decisions,
)
from smaply_metrics_core.host.refresh.executors import (
    RefreshExecutor,
    SurveyKey,
    ThreadRefreshExecutor,
)
from smaply_metrics_core.host.refresh.failures import UnstoredFailures
from smaply_metrics_core.host.refresh.survey_refresh import SurveyRefresh
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.single_flight import SingleFlight
from smaply_metrics_core.host.store import chosen_surveys, past_attempts
from smaply_metrics_core.host.store.bulk_read import paused_collector
from smaply_metrics_core.host.store.metric_states import Attempt, MetricState
from smaply_metrics_core.host.store.past_attempts import PastAttempt
from smaply_metrics_core.host.telemetry import observe_queue
from smaply_metrics_core.models.metric import Card, Freshness, RefreshDecisionKind, RefreshProgress
from smaply_metrics_core.models.problem import Audience, Blame, Problem
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.observability.instruments import CARD_AGE, FRESHNESS
from smaply_metrics_core.refresh_policy import RefreshDecision

_NOT_ATTEMPTED: Final = (RefreshDecisionKind.DUE, RefreshDecisionKind.IN_FLIGHT)
"""The decisions about metrics whose refresh was left to other processes, if one was."""

_NOT_MADE: Final = (RefreshDecisionKind.RESTING, RefreshDecisionKind.NOT_CHOSEN)
"""The decisions about metrics whose queued refresh makes no request."""

SURVEY_NOT_CHOSEN: Final = SurveyNotChosen(
    "This metric is not refreshed, because an Admin restricted the connection to chosen surveys "
    "and its survey is not one of them.",
    remedy="Choose another survey in the metric. An Admin can add its survey to the chosen surveys "
    "on the Integrations page.",
    summary="This metric is not refreshed, because an Admin restricted the connection to other "
    "surveys.",
).to_problem()


class Cards:
    """Loads the cards of metrics and refreshes them by the refresh policy."""

    def __init__(
        self,
        runtime: Runtime,
        sessions: ConnectionSessions,
        refresh_executor: RefreshExecutor | None = None,
    ) -> None:
        self._runtime = runtime
        self._listeners: list[tuple[str, ProgressCallback]] = []
        # A load must see what was written before it, so it never joins a running read.
        self._reads = SingleFlight[tuple[Decided, ...]](join_running=False)
        self._failures = UnstoredFailures()
        self._refresh_executor = refresh_executor or ThreadRefreshExecutor(
            SurveyRefresh(runtime, sessions, self._report_progress),
            runtime.settings.refresh_threads,
        )
        self._stop_observing = observe_queue(
            runtime.store, self._refresh_executor, queued=refresh_executor is not None
        )

    def load(  # noqa: PLR0913  # Which cards to load, and how to refresh them.
        self,
        actor: Actor,
        metric_ids: Sequence[str] | None = None,
        *,
        wait: float = 0.0,
        force: bool = False,
        refresh: bool = True,
        progress: ProgressCallback | None = None,
        cancelled: threading.Event | None = None,
    ) -> tuple[Card, ...]:
        """Return cards, and refresh due metrics in the background.

        Args:
            actor: Any role; ``force`` requires an Editor.
            metric_ids: The metrics, in the order of the returned cards; all metrics of the account
                when ``None``.
            wait: Seconds to wait for fresh values; 0 returns the last good ones immediately.
            force: Whether to refresh metrics that are not due yet, at most once a minute per
                survey.
            refresh: ``False`` returns the stored values and starts no refresh, as for a process
                that ends immediately.
            progress: Receives the progress of this account's refreshes while waiting.
            cancelled: An event that ends the wait when it is set; refreshes continue.

        Raises:
            RoleRequired: when ``force`` is set and the actor is a Viewer.
            NotFound: when a metric is not in this account.
        """
        if force:
            actor.require(Role.EDITOR, "Refreshing now")
        with correlated(), telemetry.span("load") as span:
            cards = self._load(actor, metric_ids, wait, progress, cancelled, force, refresh)
            if span.recording:
                span.set({"smaply_metrics.cards": len(cards)})
        if telemetry.enabled():
            self._measure_ages(cards)
        return cards

    def _load(  # noqa: PLR0913, PLR0917  # As ``load``.
        self,
        actor: Actor,
        metric_ids: Sequence[str] | None,
        wait: float,
        progress: ProgressCallback | None,
        cancelled: threading.Event | None,
        force: bool,  # noqa: FBT001  # Passed on.
        refresh: bool,  # noqa: FBT001  # Passed on.
    ) -> tuple[Card, ...]:
        if not refresh:
            # Before the store is read, so that refreshes that end in between are seen there.
            pending = self._refresh_executor.pending()
            decided = self._decide(actor.account, metric_ids=metric_ids)
            return self._shown(actor, self._cards(actor.account, decided, pending))
        listener = (actor.account, progress) if progress is not None else None
        if listener is not None:
            self._listeners.append(listener)
        try:
            awaited = PendingRefreshes(
                self._refresh_executor, self._failures, self._runtime.clock, wait, cancelled
            )
            cards = self._refresh(actor.account, metric_ids, awaited, force=force)
            return self._shown(actor, cards)
        finally:
            if listener is not None:
                self._listeners.remove(listener)

    def explain(self, actor: Actor, metric_id: str) -> RefreshExplanation:
        """Return why a metric was or was not refreshed, and when it is refreshed next.

        Raises:
            NotFound: when it is not in this account.
        """
        ((state, decision),) = self._decide(actor.account, metric_ids=[metric_id])
        with self._runtime.store.reading() as db:
            past = past_attempts.read(db, actor.account, [metric_id])
        attempts = with_last_attempt(past.get(metric_id, ()), state, decision)
        return explain_decision(state, decision, self._attempts(actor, attempts))

    def make_due(self, actor: Actor, connection_id: str, survey_id: str) -> None:
        """Let the next load refresh the metrics of a survey, as after its data was replaced.

        A refresh that is running, and may have read the old data, counts as no attempt.

        Raises:
            RoleRequired: when the actor is a Viewer.
            NotFound: when the account has no such connection.
        """
        actor.require(Role.EDITOR, "Refreshing now")
        row = self._runtime.find_connection(actor.account, connection_id)
        with self._runtime.store.writing() as db:
            chosen_surveys.lock(db, row)
            chosen_surveys.drop_attempts(db, row, [survey_id])

    def attempts(
        self, actor: Actor, metric_ids: Sequence[str]
    ) -> dict[str, tuple[RefreshAttempt, ...]]:
        """Return the last attempts to refresh each metric, the newest first.

        At most ten of each metric are stored, those of earlier definitions included. The one that
        is running is not part of the result; one whose process died is from the next one on.
        Metrics that are not in this account have none.
        """
        with self._runtime.store.reading() as db:
            past = past_attempts.read(db, actor.account, metric_ids)
        return {one: self._attempts(actor, past.get(one, ())) for one in metric_ids}

    def _attempts(self, actor: Actor, past: Sequence[PastAttempt]) -> tuple[RefreshAttempt, ...]:
        title = self._runtime.registry.title
        return tuple(shown_attempt(one, actor.role.audience, title(one.source)) for one in past)

    def close(self) -> None:
        """Stop background refreshes; interrupted ones do not count as attempts."""
        self._stop_observing()
        self._refresh_executor.close()

    def _refresh(
        self,
        account: str,
        metric_ids: Sequence[str] | None,
        awaited: PendingRefreshes,
        *,
        force: bool,
    ) -> tuple[Card, ...]:
        while True:
            awaited.look()
            forced = force and not awaited.asked
            decided = self._decide(account, metric_ids=metric_ids, force=forced)
            awaited.hand_over(account, decided, forced=forced)
            if not awaited.pause():
                return self._cards(account, decided, awaited.on_their_way)

    def _decide(
        self,
        account: str,
        *,
        metric_ids: Sequence[str] | None = None,
        force: bool = False,
    ) -> tuple[Decided, ...]:
        wanted = None if metric_ids is None else tuple(metric_ids)
        return self._reads.run(
            (account, wanted, force),
            lambda: read_decisions(self._runtime, account, metric_ids=wanted, forced=force),
        )

    def _shown(self, actor: Actor, cards: tuple[Card, ...]) -> tuple[Card, ...]:
        """Return the cards with their problems worded for the actor's role."""
        reader, title = actor.role.audience, self._runtime.registry.title
        return tuple(
            card
            if card.problem is None
            else card.model_copy(
                update={"problem": card.problem.for_reader(reader, source=title(card.source))}
            )
            for card in cards
        )

    def _cards(
        self, account: str, decided: Sequence[Decided], pending: Container[SurveyKey]
    ) -> tuple[Card, ...]:
        """Return the cards; those whose survey has a pending refresh are shown as refreshing."""
        cards = []
        with paused_collector(len(decided)):
            for state, decision in decided:
                key = survey_of(account, state)
                connection = self._connection_name(state)
                if key in pending:
                    cards.append(_card(state, _on_its_way(decision), connection))
                    continue
                failure = self._failures.find(key, state.attempt) if state.survey_chosen else None
                cards.append(_card(state, decision, connection, failure))
        return tuple(cards)

    def _measure_ages(self, cards: Sequence[Card]) -> None:
        now = self._runtime.now()
        for card in cards:
            if card.as_of is not None:
                age = max(0.0, (now - card.as_of).total_seconds())
                telemetry.measure(CARD_AGE, age, {FRESHNESS: card.freshness.value})

    def _connection_name(self, state: MetricState) -> str:
        if state.connection is None:
            return ""
        return state.connection.name or self._runtime.registry.title(state.source)

    def _report_progress(self, key: SurveyKey, done: float, total: float | None, what: str) -> None:
        for account, progress in tuple(self._listeners):
            if account == key.account:
                progress(done, total, what)


def _on_its_way(decision: RefreshDecision | None) -> RefreshDecision | None:
    if decision is None or decision.kind in _NOT_MADE:
        return decision  # Although it was queued, the refresh will not run.
    return replace(decision, kind=RefreshDecisionKind.IN_FLIGHT, reason="A refresh is in progress.")


def _card(
    state: MetricState,
    decision: RefreshDecision | None,
    connection: str,
    failure: Problem | None = None,
) -> Card:
    """Return the card of a metric.

    ``connection`` is the name of its connection. ``failure`` is why its last refresh in this
    process failed, if that could not be stored.
    """
    fingerprint = state.fingerprint
    # A value of another definition or time zone is never shown.
    value = state.value if state.value and state.value.fingerprint == fingerprint else None
    result = shown_result(state, value.result) if value else None
    attempt = state.attempt if state.attempt and state.attempt.fingerprint == fingerprint else None
    problem = failure or _attempt_problem(attempt, decision)
    return Card(
        metric_id=state.id,
        name=state.name,
        source=state.source,
        connection_id=state.connection.id if state.connection else "",
        connection=connection,
        type=state.type,
        display=state.display,
        result=result,
        text=format_value(result.unit, result.current.value) if result else "",
        as_of=value.as_of if value else None,
        running=_running(state, decision),
        freshness=Freshness.FAILED
        if failure is not None and decision is not None
        else _freshness(decision, failed=problem is not None, valued=value is not None),
        problem=_shown_problem(state, decision, problem, result),
        decision=decision.kind if decision else None,
        next_at=decision.next_at if decision else None,
        explanation=decision.reason if decision else NOT_CONNECTED,
    )


def _running(state: MetricState, decision: RefreshDecision | None) -> RefreshProgress | None:
    in_flight = decision is not None and decision.kind is RefreshDecisionKind.IN_FLIGHT
    if not in_flight or state.running_since is None:
        return None
    return RefreshProgress(started_at=state.running_since, percent=state.percent)


def _attempt_problem(attempt: Attempt | None, decision: RefreshDecision | None) -> Problem | None:
    if attempt is None or attempt.ended_at is not None:
        return attempt.problem if attempt else None
    if decision is not None and decision.kind is RefreshDecisionKind.IN_FLIGHT:
        return None
    return Problem(
        kind="interrupted",
        message="The last refresh was interrupted because its process ended.",
        remedy="It is retried automatically; an Editor can refresh the card now.",
        retryable=True,
        blame=Blame.CONFIGURATION,
        audience=Audience.VIEWER,
    )


def _freshness(decision: RefreshDecision | None, *, failed: bool, valued: bool) -> Freshness:
    if decision is None:
        return Freshness.NOT_CONNECTED
    if decision.kind is RefreshDecisionKind.NOT_CHOSEN:
        return Freshness.NOT_CHOSEN
    if decision.kind is RefreshDecisionKind.IN_FLIGHT:
        return Freshness.REFRESHING
    if decision.kind is RefreshDecisionKind.FRESH:
        return Freshness.FRESH
    if failed:
        return Freshness.FAILED
    return Freshness.STALE if valued else Freshness.NEVER


def _shown_problem(
    state: MetricState,
    decision: RefreshDecision | None,
    problem: Problem | None,
    result: Result | None,
) -> Problem | None:
    if decision is None:
        return Problem(
            kind="not_connected",
            message=NOT_CONNECTED,
            remedy="Connect the source on the Integrations page to resume refreshes, or edit the "
            "metric to use another connection.",
            blame=Blame.CONFIGURATION,
            summary=NOT_CONNECTED,
        )
    if decision.kind is RefreshDecisionKind.NOT_CHOSEN:
        return SURVEY_NOT_CHOSEN
    if decision.kind is RefreshDecisionKind.RESTING and state.connection is not None:
        return state.connection.problem or problem
    if decision.kind in _NOT_ATTEMPTED and state.connection is not None:
        problem = state.connection.left_problem or problem
    return problem or (None if result is None else empty_result_problem(result))
