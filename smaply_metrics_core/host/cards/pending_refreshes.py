"""The refreshes that one load has submitted or joined, and how long it waits for them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import Final, TypeAlias

from smaply_metrics_core.context import Clock
from smaply_metrics_core.host.refresh.decisions import Decided
from smaply_metrics_core.host.refresh.executors import RefreshExecutor, SurveyKey
from smaply_metrics_core.host.refresh.failures import UnstoredFailures
from smaply_metrics_core.host.store.metric_states import Attempt, MetricState
from smaply_metrics_core.models.metric import RefreshDecisionKind

Attempts: TypeAlias = tuple[Attempt | None, ...]

LOOK_AGAIN: Final = 0.2
"""Seconds until a refresh of another process is polled for the first time. Later polls are further
apart, because many loads may be waiting."""

LONGEST_PAUSE: Final = 2.0

HAND_AGAIN: Final = 5.0
"""Seconds after which a refresh that no other process has started is submitted again."""

MOST_REFRESHES: Final = 2
"""Refreshes of one survey that one load waits for: the running one that it joined, which may lack a
metric created since, and its own."""


_JOINED: Final = (
    RefreshDecisionKind.FRESH,
    RefreshDecisionKind.FAILED_RESTING,
    RefreshDecisionKind.IN_FLIGHT,
)


class PendingRefreshes:
    """The refreshes that one load waits for.

    Args:
        refresh_executor: Runs or queues the refreshes that are due.
        failures: Notes refreshes that fail without a stored outcome.
        clock: The clock.
        seconds: The maximum time to wait.
        cancelled: An event that ends the wait when it is set.
    """

    def __init__(
        self,
        refresh_executor: RefreshExecutor,
        failures: UnstoredFailures,
        clock: Clock,
        seconds: float,
        cancelled: threading.Event | None,
    ) -> None:
        self._refresh_executor = refresh_executor
        self._failures = failures
        self._clock = clock
        self._until = clock.monotonic() + seconds
        self._cancelled = cancelled or threading.Event()
        self._made: Counter[SurveyKey] = Counter()
        self._pending: Mapping[SurveyKey, Future[object]] = {}
        self._due: Sequence[SurveyKey] = ()
        self._futures: dict[SurveyKey, Future[object]] = {}
        self._handed: dict[SurveyKey, tuple[Attempts, float]] = {}
        self._elsewhere = False
        self._pause = LOOK_AGAIN

    @property
    def asked(self) -> bool:
        """Whether this load has submitted or joined a refresh."""
        return bool(self._made)

    def look(self) -> None:
        """Note the pending refreshes of this process."""
        # Before the store is read, so that those that end in between are seen there.
        self._pending = self._refresh_executor.pending()

    def hand_over(self, account: str, decided: Sequence[Decided], *, forced: bool) -> None:
        """Submit the refreshes that are due, and join the pending ones of this process."""
        now = self._clock.monotonic()
        for key, (attempts, _) in tuple(self._handed.items()):
            if _attempts(account, decided, key) != attempts:
                del self._handed[key]  # Another process has started or finished it.
        due = [
            key
            for key in _surveys(account, decided, RefreshDecisionKind.DUE)
            if self._made[key] < MOST_REFRESHES
            and now - self._handed.get(key, ((), now - HAND_AGAIN))[1] >= HAND_AGAIN
        ]
        # Pending refreshes are joined, including those that an Editor requested.
        self._futures = {
            key: self._pending[key]
            for key in _surveys(account, decided, *_JOINED)
            if key in self._pending and key not in due and self._made[key] < MOST_REFRESHES
        }
        self._made.update(self._futures.keys())
        for key in due:
            attempts = _attempts(account, decided, key)
            future = self._refresh_executor.submit(key, forced=forced)
            self._failures.watch(key, attempts, future)
            if future is not None:
                self._futures[key] = future
            else:
                self._handed[key] = (attempts, now)
        self._made.update(due)
        self._due = due
        self._elsewhere = bool(_surveys(account, decided, RefreshDecisionKind.IN_FLIGHT))

    def pause(self) -> bool:
        """Wait until there may be news; return ``False`` when there is nothing to wait for."""
        left = self._until - self._clock.monotonic()
        waiting = self._futures or self._handed or self._elsewhere
        if left <= 0 or not waiting or self._refresh_executor.closed or self._cancelled.is_set():
            return False
        if not self._futures:
            self._clock.wait(min(left, self._pause), self._cancelled)
            self._pause = min(self._pause * 1.5, LONGEST_PAUSE)
            return True
        running: set[Future[object]] = set(self._futures.values())
        while running and left > 0 and not self._cancelled.is_set():
            _, running = wait_for(running, timeout=min(left, LOOK_AGAIN))
            left = self._until - self._clock.monotonic()
        return True

    @property
    def on_their_way(self) -> set[SurveyKey]:
        """The surveys with a refresh that is queued or running."""
        due = () if self._refresh_executor.closed else self._due
        return {*self._pending, *self._handed, *due}


def survey_of(account: str, state: MetricState) -> SurveyKey:
    """Return the key of the survey that a metric is refreshed with."""
    return SurveyKey(account, state.connection_id, state.survey_id)


def _surveys(
    account: str, decided: Sequence[Decided], *kinds: RefreshDecisionKind
) -> tuple[SurveyKey, ...]:
    return tuple(
        dict.fromkeys(
            survey_of(account, state)
            for state, decision in decided
            if decision is not None and decision.kind in kinds
        )
    )


def _attempts(account: str, decided: Sequence[Decided], key: SurveyKey) -> Attempts:
    return tuple(state.attempt for state, _ in decided if survey_of(account, state) == key)
