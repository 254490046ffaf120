"""A fleet under load: ``python -m benchmarks.fleet [--quick] --json``.

Hosts load maps all the time; workers refresh what is due. In each round all surveys have new
answers, and all metrics are due. A worker that is exporting is killed every 30 seconds and
replaced, and in some rounds all processes are restarted one after the other. The last round is not
disturbed. After each round every metric has the value of that round, was stored once, and no survey
was exported more often than it was due, but for the exports that a kill or a restart interrupted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import update

from benchmarks.fleet import checks
from benchmarks.fleet.known_surveys import SOURCE, question_id, survey_id
from benchmarks.fleet.processes import (
    READY,
    FleetPlace,
    FleetSize,
    LoadedCards,
    load_maps,
    metrics_of,
    name_of,
    run_worker,
)
from benchmarks.report import command, report
from benchmarks.stores import ACTOR, keys, open_store, postgres_url
from smaply_metrics_core.host import Calculation, Definition, MetricInput, MetricsHost
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.tables import attempts
from tests.postgresql_server import WHY_NOT
from tests.processes import Child, Children

SECONDS: Final = 900.0
"""How long a round may take: after that, what was not refreshed is lost."""
POLL: Final = 0.25
MOST_SHOWN: Final = 20
_ENDED: Final = object()
"""Marks the end of the restarts of a round."""


FULL: Final = FleetSize(
    surveys=500,
    hosts=3,
    workers=5,
    concurrency=4,
    export_seconds=1.0,
    lease=30.0,
    rounds=6,
    restarts=(2, 4),
    kill_seconds=30.0,
    kills=100,
)
QUICK: Final = FleetSize(
    surveys=20,
    hosts=1,
    workers=2,
    concurrency=2,
    export_seconds=0.5,
    lease=12.0,
    rounds=3,
    restarts=(2,),
    kill_seconds=0.0,
    kills=1,
)


@dataclass
class Fleet:
    """The processes of a fleet, which are killed, stopped and replaced.

    Attributes:
        interrupted: The processes that were killed or stopped.
        problems: What went wrong with processes, for people.
        loaded: What the hosts that have ended saw.
    """

    place: FleetPlace
    children: Children
    hosts: list[Child] = field(default_factory=list)
    workers: list[Child] = field(default_factory=list)
    interrupted: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    loaded: list[LoadedCards] = field(default_factory=list)
    kills: int = 0
    restarts: int = 0

    def start(self) -> None:
        """Start all processes at once."""
        self.hosts = [self._start_host() for _ in range(self.place.size.hosts)]
        self.workers = [self._start_worker() for _ in range(self.place.size.workers)]
        for child in (*self.hosts, *self.workers):
            _wait_until_ready(child)

    def stop(self) -> None:
        """Stop all processes."""
        for child in self.hosts:
            self._stop_host(child)
        for child in self.workers:
            self._stop_worker(child)

    def restart(self) -> Iterator[None]:
        """Restart the processes one after the other; yield after each."""
        for place, child in enumerate(self.workers):
            self._stop_worker(child)
            self.workers[place] = self._start_worker()
            _wait_until_ready(self.workers[place])
            self.restarts += 1
            yield
        for place, child in enumerate(self.hosts):
            self._stop_host(child)
            self.hosts[place] = self._start_host()
            _wait_until_ready(self.hosts[place])
            self.restarts += 1
            yield

    def kill_a_worker(self) -> bool:
        """Kill a worker that is exporting, and replace it; return ``False`` if none is."""
        exporting = [export.process for export in self.place.exports.running()]
        for place, child in enumerate(self.workers):
            if child.process.pid in exporting:
                self._note_interrupted(child)
                child.kill()
                self.kills += 1
                self.workers[place] = self._start_worker()
                _wait_until_ready(self.workers[place])
                return True
        return False

    def _start_host(self) -> Child:
        return self.children.start(load_maps, self.place, self.restarts + len(self.hosts))

    def _start_worker(self) -> Child:
        return self.children.start(run_worker, self.place)

    def _stop_host(self, child: Child) -> None:
        child.process.terminate()
        with suppress(EOFError):  # It failed, and `_wait` notes why.
            self.loaded.append(child.receive())
        self._wait(child)

    def _stop_worker(self, child: Child) -> None:
        self._note_interrupted(child)
        child.process.terminate()
        self._wait(child)

    def _wait(self, child: Child) -> None:
        failure = child.wait()
        if failure:
            self.problems.append(f"a process failed: {failure}")

    def _note_interrupted(self, child: Child) -> None:
        if child.process.pid is not None:
            self.interrupted.add(child.process.pid)


def _wait_until_ready(child: Child) -> None:
    if child.receive() != READY:
        raise RuntimeError("a process did not start")


@dataclass
class FleetRun:
    """Makes everything due, round after round, disturbs the fleet, and checks what it did.

    Attributes:
        broken: What does not hold, by invariant.
        seconds: How long each round took.
    """

    place: FleetPlace
    fleet: Fleet
    host: MetricsHost
    store: Store
    broken: dict[str, list[str]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    _killed_at: float = 0.0

    def run(self) -> None:
        """Run all rounds."""
        for number in range(1, self.place.size.rounds + 1):
            since = self._make_due(number)
            begun = time.monotonic()
            if number == 1:  # Each round but the first finds the fleet running.
                self.fleet.start()
            outcomes = self._refresh(number, since)
            self.seconds.append(round(time.monotonic() - begun, 1))
            self._check(number, outcomes)
        self.fleet.stop()
        self._note("processes that failed", self.fleet.problems)
        for seen in self.fleet.loaded:
            self._note("wrong values on maps", seen.problems)
        errors = self.place.errors.read_text() if self.place.errors.exists() else ""
        self._note("unexpected errors in the log", errors.splitlines())

    def _kills_in(self, number: int) -> int:
        return 0 if number == self.place.size.rounds else self.place.size.kills

    def _make_due(self, number: int) -> datetime:
        """Give all surveys new answers, then make all metrics due; return when."""
        if self._kills_in(number):
            # No export ends before a worker is killed, even if this process has little time for it.
            self.place.held.touch()
        self.place.answers.write(number)
        with self.store.writing() as db:
            long_ago = datetime.now(UTC) - timedelta(hours=2)
            db.execute(
                update(attempts)
                .where(attempts.c.account == ACTOR.account)
                .values(started_at=long_ago, ended_at=long_ago)
            )
            # Read under the lock, so that every later attempt starts after it.
            since = datetime.now(UTC)
        self.place.due.write(number)
        return since

    def _refresh(self, number: int, since: datetime) -> dict[str, checks.RefreshOutcomes]:
        """Disturb the fleet until every metric was refreshed; return how the attempts ended."""
        restarting = self.fleet.restart() if number in self.place.size.restarts else iter(())
        kills = self._kills_in(number)
        deadline = time.monotonic() + SECONDS
        while True:
            outcomes = checks.read_outcomes(self.store, since)
            ended = all(found.ended for found in outcomes.values())
            if kills and not ended and self._kill():
                kills -= 1
                self.place.held.unlink(missing_ok=True)
            restarted = next(restarting, _ENDED) is _ENDED
            if restarted and ended and not checks.jobs_in_queue(self.store):
                return outcomes
            if time.monotonic() > deadline:
                return outcomes
            time.sleep(POLL)

    def _kill(self) -> bool:
        """Kill a worker if it is time to, and return whether one was killed."""
        if time.monotonic() - self._killed_at < self.place.size.kill_seconds:
            return False
        silence = self.place.size.lease / 3
        if checks.jobs_of_killed_workers(self.store, silence) or not self.fleet.kill_a_worker():
            return False
        self._killed_at = time.monotonic()
        return True

    def _check(self, number: int, outcomes: dict[str, checks.RefreshOutcomes]) -> None:
        exports = [one for one in self.place.exports.started() if one.round == number]
        cards = self.host.cards.load(ACTOR, refresh=False)
        self._note("lost refreshes", checks.lost_refreshes(outcomes))
        self._note("failed refreshes", checks.failed_refreshes(outcomes))
        self._note("wrong values", checks.wrong_cards(cards, number))
        extra = checks.extra_exports(exports, self.fleet.interrupted, outcomes)
        self._note("extra exports", extra)
        if len({one.survey for one in exports}) != self.place.size.surveys:
            self._note("lost refreshes", [f"not every survey was exported in round {number}"])

    def _note(self, invariant: str, found: list[str]) -> None:
        if found:
            self.broken.setdefault(invariant, []).extend(found)

    def result(self) -> dict[str, Any]:
        """Return what was measured, and which invariants are broken."""
        due = self.place.size.surveys * self.place.size.rounds
        exports = len(self.place.exports.started())
        loaded = self.fleet.loaded
        return {
            "metrics": len(metrics_of(self.place.size.surveys)),
            "surveys": self.place.size.surveys,
            "hosts": self.place.size.hosts,
            "workers": self.place.size.workers,
            "rounds": self.place.size.rounds,
            "kills": self.fleet.kills,
            "restarts": self.fleet.restarts,
            "surveys_due": due,
            "exports": exports,
            "exports_repeated": exports - due,
            "maps_loaded": sum(seen.loads for seen in loaded),
            "cards_checked": sum(seen.cards for seen in loaded),
            "wrong_values": sum(seen.wrong for seen in loaded)
            + len(self.broken.get("wrong values", ())),
            "lost_refreshes": len(self.broken.get("lost refreshes", ())),
            "failed_refreshes": len(self.broken.get("failed refreshes", ())),
            "extra_exports": len(self.broken.get("extra exports", ())),
            "round_s": self.seconds,
            "broken": {name: found[:MOST_SHOWN] for name, found in self.broken.items()},
        }


def measure(size: FleetSize) -> dict[str, Any]:
    """Run a fleet of a size.

    Raises:
        RuntimeError: if PostgreSQL is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as made, postgres_url() as url:
        if url is None:
            raise RuntimeError(WHY_NOT)
        place = FleetPlace(Path(made), url, keys(), size)
        place.answers.write(1)
        with _opened(place) as (host, store), Children() as children:
            run = FleetRun(place, Fleet(place, children), host, store)
            run.run()
            return run.result()


@contextmanager
def _opened(place: FleetPlace) -> Iterator[tuple[MetricsHost, Store]]:
    """Open a host, create the metrics, and open the store once more, to look into it."""
    with place.open_host() as host:
        host.connections.connect(ACTOR, SOURCE, {"api_token": "a-token-of-known-surveys"})
        new = [
            MetricInput(
                name=name_of(survey, question),
                definition=Definition(
                    survey_id=survey_id(survey),
                    question_id=question_id(question),
                    calculation=Calculation.AVERAGE,
                ),
            )
            for survey, question in metrics_of(place.size.surveys)
        ]
        host.metrics.add_many(ACTOR, SOURCE, new)
        store = open_store(place.home, place.database)
        try:
            yield host, store
        finally:
            store.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fleet, and print the result; return 1 if an invariant is broken."""
    parser = command("fleet", __doc__, "a small fleet, one kill and one rolling restart")
    options = parser.parse_args(arguments)
    measured = measure(QUICK if options.quick else FULL)
    report(measured, as_json=options.json)
    undisturbed = not measured["kills"] or not measured["restarts"]
    return 1 if measured["broken"] or undisturbed else 0
