"""Loading: cards at once from what is stored, and a refresh of what is due."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from concurrent.futures import wait as wait_for
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.calculations.value import format_value
from smaply_metrics_core.host.actors import Actor, Role
from smaply_metrics_core.host.nothing import nothing_counted
from smaply_metrics_core.host.refreshers import SurveyKey, ThreadRefresher
from smaply_metrics_core.host.refreshing import SurveyRefresh
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store import metrics as metric_rows
from smaply_metrics_core.host.store import states as state_rows
from smaply_metrics_core.models.metric import Card, Freshness
from smaply_metrics_core.models.problem import Blame, Problem
from smaply_metrics_core.refresh import Decision, DecisionKind

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from concurrent.futures import Future

    from smaply_metrics_core.host.core import Core
    from smaply_metrics_core.host.store.connections import AccountSettings
    from smaply_metrics_core.host.store.states import Attempt, MetricState
    from smaply_metrics_core.models.result import Result

    OnProgress = Callable[[float, float | None, str], None]
    Decided = tuple[MetricState, Decision | None]

logger = logging.getLogger(__name__)

LOOK_AGAIN = 0.2
"""Seconds between looks at a refresh that another process is making."""

MOST_REFRESHES = 2
"""Refreshes of one survey that one load waits for: the running one that it joined, which may not
cover a metric made meanwhile, and its own."""


_JOINED: Final = (DecisionKind.FRESH, DecisionKind.FAILED_RESTING, DecisionKind.IN_FLIGHT)


class Cards:
    """Cards of metrics, kept fresh by the refresh policy."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._listeners: list[tuple[str, OnProgress]] = []
        self._refresher = ThreadRefresher(SurveyRefresh(core, self._tell), core.settings.workers)

    def load(  # noqa: PLR0913  # Which cards, and how eagerly.
        self,
        actor: Actor,
        metric_ids: Sequence[str] | None = None,
        *,
        wait: float = 0.0,
        force: bool = False,
        refresh: bool = True,
        progress: OnProgress | None = None,
        cancelled: threading.Event | None = None,
    ) -> tuple[Card, ...]:
        """Give cards, and refresh in the background what is due.

        Args:
            actor: Anybody of the account; forcing needs an Editor.
            metric_ids: Which metrics, in the order wanted; all of the account when ``None``.
            wait: Seconds to wait for fresh values; 0 answers at once with the last good ones.
            force: Refresh although it is not due yet (at most once a minute for each survey).
            refresh: False shows what is stored and starts nothing, as for a process that ends
                before a refresh could.
            progress: Told how far refreshes of this account are while waiting.
            cancelled: Set to wait no longer; refreshes go on.

        Raises:
            NotFound: when a metric is not in this account.
        """
        if force:
            actor.require(Role.EDITOR, "Refreshing at once")
        if not refresh:
            # Looked at first: what has ended since then shows in what is stored.
            pending = self._refresher.pending()
            decided, settings = self._decide(actor.account, metric_ids=metric_ids)
            return _cards(actor.account, decided, settings, pending)
        listener = (actor.account, progress) if progress is not None else None
        if listener is not None:
            self._listeners.append(listener)
        try:
            stop = cancelled or threading.Event()
            return self._refresh(actor.account, metric_ids, wait, stop, force=force)
        finally:
            if listener is not None:
                self._listeners.remove(listener)

    def decisions(self, actor: Actor, source: str, survey_id: str) -> tuple[Decided, ...]:
        """Give the states of a survey's metrics and what the policy says of each, for support."""
        decided, _ = self._decide(actor.account, survey=(source, survey_id))
        return decided

    def close(self) -> None:
        """Stop refreshes in the background; those cut short count as not made."""
        self._refresher.close()

    def _refresh(
        self,
        account: str,
        metric_ids: Sequence[str] | None,
        wait: float,
        stop: threading.Event,
        *,
        force: bool,
    ) -> tuple[Card, ...]:
        until = self._core.clock.monotonic() + wait
        made: Counter[SurveyKey] = Counter()
        while True:
            pending = self._refresher.pending()
            decided, settings = self._decide(
                account, metric_ids=metric_ids, force=force and not made
            )
            due = [
                key
                for key in _surveys(account, decided, DecisionKind.DUE)
                if made[key] < MOST_REFRESHES
            ]
            # Those on their way are joined, also where it was an Editor who asked for them.
            others = _surveys(account, decided, *_JOINED)
            joined = [key for key in others if key in pending and made[key] < MOST_REFRESHES]
            futures = [self._refresher.submit(key, forced=force) for key in due]
            futures += [pending[key] for key in joined if key not in due]
            made.update({*due, *joined})
            elsewhere = _surveys(account, decided, DecisionKind.IN_FLIGHT)
            left = until - self._core.clock.monotonic()
            over = stop.is_set() or self._refresher.closed
            if left <= 0 or not (futures or elsewhere) or over:
                break
            self._await(futures, left, stop)
        on_their_way = {*pending, *(() if self._refresher.closed else due)}
        return _cards(account, decided, settings, on_their_way)

    def _await(self, futures: Sequence[Future[None]], left: float, stop: threading.Event) -> None:
        if not futures:
            self._core.clock.wait(min(left, LOOK_AGAIN), stop)
            return
        until, waiting = self._core.clock.monotonic() + left, set(futures)
        while waiting and left > 0 and not stop.is_set():
            done, waiting = wait_for(waiting, timeout=min(left, LOOK_AGAIN))
            left = until - self._core.clock.monotonic()
            for future in done:
                error = None if future.cancelled() else future.exception()
                if error is not None:
                    logger.error("A refresh broke off.", exc_info=error)

    def _decide(
        self,
        account: str,
        *,
        metric_ids: Sequence[str] | None = None,
        survey: tuple[str, str] | None = None,
        force: bool = False,
    ) -> tuple[tuple[Decided, ...], AccountSettings]:
        with self._core.store.reading() as db:
            settings = connection_rows.read_account(db, account)
            states = state_rows.read(db, account, metric_ids=metric_ids, survey=survey)
        if metric_ids is not None:
            found = {state.metric.id: state for state in states}
            for metric_id in metric_ids:
                if metric_id not in found:
                    raise metric_rows.no_metric(metric_id)
            states = tuple(found[metric_id] for metric_id in metric_ids)
        return tuple(
            (
                state,
                None
                if state.connection is None
                else self._core.decide(state, settings, forced=force),
            )
            for state in states
        ), settings

    def _tell(self, key: SurveyKey, done: float, total: float | None, what: str) -> None:
        for account, progress in tuple(self._listeners):
            if account == key.account:
                progress(done, total, what)


def _surveys(
    account: str, decided: Sequence[Decided], *kinds: DecisionKind
) -> tuple[SurveyKey, ...]:
    return tuple(
        dict.fromkeys(
            _survey(account, state)
            for state, decision in decided
            if decision is not None and decision.kind in kinds
        )
    )


def _survey(account: str, state: MetricState) -> SurveyKey:
    return SurveyKey(account, state.metric.source, state.metric.definition.survey_id)


def _cards(
    account: str,
    decided: Sequence[Decided],
    settings: AccountSettings,
    pending: Container[SurveyKey],
) -> tuple[Card, ...]:
    """Make the cards; those whose survey waits for its refresh in this process say so."""
    return tuple(
        _card(
            state,
            _on_its_way(decision) if _survey(account, state) in pending else decision,
            settings,
        )
        for state, decision in decided
    )


def _on_its_way(decision: Decision | None) -> Decision | None:
    if decision is None or decision.kind is DecisionKind.RESTING:
        return decision  # Its connection is left alone, so the refresh will not be made.
    return replace(decision, kind=DecisionKind.IN_FLIGHT, reason="It is being updated now.")


def _card(state: MetricState, decision: Decision | None, account: AccountSettings) -> Card:
    metric = state.metric
    fingerprint = metric.definition.fingerprint(zone=account.zone, week_start=account.week_start)
    # A value made for another definition, or another time zone, is never shown.
    value = state.value if state.value and state.value.fingerprint == fingerprint else None
    attempt = state.attempt if state.attempt and state.attempt.fingerprint == fingerprint else None
    problem = _attempt_problem(attempt, decision)
    return Card(
        metric_id=metric.id,
        name=metric.name,
        source=metric.source,
        type=metric.definition.type,
        display=metric.display,
        result=value.result if value else None,
        text=format_value(value.result.unit, value.result.current.value) if value else "",
        as_of=value.as_of if value else None,
        freshness=_freshness(decision, failed=problem is not None, valued=value is not None),
        problem=_shown_problem(state, decision, problem, value.result if value else None),
        next_at=decision.next_at if decision else None,
        explanation=decision.reason
        if decision
        else "The account has no connection to this source; connect it to go on.",
    )


def _attempt_problem(attempt: Attempt | None, decision: Decision | None) -> Problem | None:
    if attempt is None or attempt.ended_at is not None:
        return attempt.problem if attempt else None
    if decision is not None and decision.kind is DecisionKind.IN_FLIGHT:
        return None
    return Problem(
        kind="interrupted",
        message="The last update was cut short: the process that made it has ended.",
        remedy="It is made again when it is due; an Editor can ask for it at once.",
        retryable=True,
        blame=Blame.CONFIGURATION,
    )


def _freshness(decision: Decision | None, *, failed: bool, valued: bool) -> Freshness:
    if decision is None:
        return Freshness.NOT_CONNECTED
    if decision.kind is DecisionKind.IN_FLIGHT:
        return Freshness.REFRESHING
    if decision.kind is DecisionKind.FRESH:
        return Freshness.FRESH
    if failed:
        return Freshness.FAILED
    return Freshness.STALE if valued else Freshness.NEVER


def _shown_problem(
    state: MetricState,
    decision: Decision | None,
    problem: Problem | None,
    result: Result | None,
) -> Problem | None:
    if decision is None:
        return Problem(
            kind="not_connected",
            message=f"The account is not connected to {state.metric.source}.",
            remedy="An Admin connects it under Integrations; the metric then goes on.",
            blame=Blame.CONFIGURATION,
        )
    if decision.kind is DecisionKind.RESTING and state.connection is not None:
        return state.connection.problem or problem
    return problem or (nothing_counted(result) if result is not None else None)
