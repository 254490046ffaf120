"""What holds after each round, however the fleet was disturbed in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, text

from benchmarks.fleet.known_surveys import KnownValue, LoggedExport
from benchmarks.fleet.processes import name_of
from benchmarks.stores import ACTOR
from smaply_metrics_core.host import Card, Freshness
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.queued_jobs import queue_schema
from smaply_metrics_core.host.store.tables import metrics, past_attempts

_UNRECOVERED = """
    SELECT count(*)
    FROM {schema}.procrastinate_jobs AS job
    LEFT JOIN {schema}.procrastinate_workers AS worker ON worker.id = job.worker_id
    WHERE job.args ->> 'resumed' = 'true' OR (
        job.status = 'doing' AND (
            worker.id IS NULL
            OR worker.last_heartbeat < now() - make_interval(secs => :silence)
        )
    )
"""
_JOBS = "SELECT count(*) FROM {schema}.procrastinate_jobs"


class RefreshOutcomes(NamedTuple):
    """How the attempts to refresh a metric ended in one round.

    Attributes:
        successes: How many succeeded.
        failure: Why one failed; empty if none did.
    """

    successes: int = 0
    failure: str = ""

    @property
    def ended(self) -> bool:
        """Whether any attempt ended."""
        return bool(self.successes or self.failure)


def read_outcomes(store: Store, since: datetime) -> dict[str, RefreshOutcomes]:
    """Return the outcomes of the attempts of each metric, by its name, since an instant."""
    ended = (
        select(metrics.c.name, past_attempts.c.metric_id, past_attempts.c.problem)
        .outerjoin(
            past_attempts,
            (past_attempts.c.metric_id == metrics.c.id)
            & (past_attempts.c.account == ACTOR.account)
            & (past_attempts.c.started_at >= since)
            & past_attempts.c.ended_at.is_not(None),
        )
        .where(metrics.c.account == ACTOR.account)
    )
    found = defaultdict[str, list[str]](list)
    with store.reading() as db:
        for name, attempt, problem in db.execute(ended):
            outcomes = found[name]
            if attempt is not None:
                outcomes.append("" if problem is None else str(problem["message"]))
    return {
        name: RefreshOutcomes(outcomes.count(""), next(filter(None, outcomes), ""))
        for name, outcomes in found.items()
    }


def jobs_of_killed_workers(store: Store, silence: float) -> int:
    """Return how many jobs of killed workers were not taken over, or not yet retried.

    Args:
        store: The store.
        silence: After so many seconds without a heartbeat, a worker is dead.
    """
    statement = text(_UNRECOVERED.format(schema=queue_schema(store)))
    with store.reading() as db:
        return int(db.execute(statement, {"silence": silence}).scalar_one())


def jobs_in_queue(store: Store) -> int:
    """Return how many jobs wait or run."""
    with store.reading() as db:
        return int(db.execute(text(_JOBS.format(schema=queue_schema(store)))).scalar_one())


def lost_refreshes(outcomes: Mapping[str, RefreshOutcomes]) -> list[str]:
    """Return the metrics that were due, and for which no attempt ended."""
    return [f"{name} was not refreshed" for name, found in outcomes.items() if not found.ended]


def failed_refreshes(outcomes: Mapping[str, RefreshOutcomes]) -> list[str]:
    """Return the metrics with a failed attempt: their source never fails by itself."""
    return [f"{name}: {found.failure}" for name, found in outcomes.items() if found.failure]


def wrong_cards(cards: Iterable[Card], number: int) -> list[str]:
    """Return the cards that do not have the value of a round."""
    wrong = []
    for card in cards:
        value = None if card.result is None else card.result.current.value
        seen = None if value is None else KnownValue.of(value)
        if (
            card.freshness is not Freshness.FRESH
            or seen is None
            or (seen.round, name_of(seen.survey, seen.question)) != (number, card.name)
        ):
            wrong.append(f"{card.name} is {card.freshness.value} and has the value {value}")
    return wrong


def extra_exports(
    exports: Iterable[LoggedExport],
    interrupted: Collection[int],
    outcomes: Mapping[str, RefreshOutcomes],
) -> list[str]:
    """Return the exports that were neither due nor repeated because of a kill or a stop.

    Each survey that is due is exported once. It is exported once more for each process that was
    exporting it when it was killed or stopped. Since no such export is stored, each metric has one
    success.

    Args:
        exports: The exports of one round, in the order in which they started.
        interrupted: The processes that were killed or stopped.
        outcomes: The outcomes of the attempts of each metric.
    """
    processes = defaultdict[str, list[int]](list)
    for export in exports:
        processes[export.survey].append(export.process)
    extra = []
    for survey, of in processes.items():
        *earlier, _last = of
        if len(set(of)) < len(of) or not set(earlier) <= set(interrupted):
            extra.append(f"{survey} was exported by the processes {of}")
    stored = {name: found.successes for name, found in outcomes.items()}
    return [*extra, *(f"{name} was stored {n} times" for name, n in stored.items() if n > 1)]
