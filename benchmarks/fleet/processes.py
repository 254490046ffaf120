"""The processes of the fleet: hosts that load maps and check each card, and workers."""

from __future__ import annotations

import logging
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from benchmarks.fleet.known_surveys import (
    QUESTIONS,
    SOURCE,
    ExportLog,
    KnownSurveys,
    KnownValue,
    RoundFile,
)
from benchmarks.stores import ACTOR, settings_of
from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.host import Card, Deadlines, Freshness, MetricsHost
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.host.fake_source import entry_point

READY: Final = "ready"
MAP_CARDS: Final = 30
MAP_PAUSE: Final = 0.02
"""The time between two maps of a host, in seconds."""
PATIENCE: Final = 120.0
"""How long a call without I/O may take, in seconds."""
MOST_PROBLEMS: Final = 20


@dataclass(frozen=True)
class FleetSize:
    """How large a fleet is, and how it is disturbed.

    Attributes:
        surveys: The number of surveys, each with 20 metrics.
        hosts: The number of processes that load maps.
        workers: The number of processes that refresh.
        concurrency: How many surveys a worker refreshes at the same time.
        export_seconds: How long an export takes.
        lease: The length of a lease in seconds; a third of it after its last sign of life, a worker
            is considered dead.
        rounds: How many times all metrics are due.
        restarts: The rounds in which all processes are restarted.
        kill_seconds: The time between two kills; more, until the surveys of the last one are
            refreshed. (A survey whose worker was killed twice is left until it is due again.)
        kills: The most kills in each round but the last.
    """

    surveys: int
    hosts: int
    workers: int
    concurrency: int
    export_seconds: float
    lease: float
    rounds: int
    restarts: tuple[int, ...]
    kill_seconds: float
    kills: int


@dataclass(frozen=True)
class FleetPlace:
    """Where a fleet works.

    Attributes:
        home: The home of all processes, with the files of the source.
        database: The URL of the PostgreSQL database.
        environment: The variable with the encryption key.
        size: How large it is, and how it is disturbed.
    """

    home: Path
    database: str
    environment: dict[str, str]
    size: FleetSize

    @property
    def answers(self) -> RoundFile:
        """The round whose answers the surveys have."""
        return RoundFile(self.home / "answers")

    @property
    def due(self) -> RoundFile:
        """The round of which all metrics were due: a fresh card has its value, or a later one."""
        return RoundFile(self.home / "due")

    @property
    def held(self) -> Path:
        """A file; while it exists, no export ends."""
        return self.home / "held"

    @property
    def exports(self) -> ExportLog:
        """The log of exports."""
        return ExportLog(self.home / "exports")

    @property
    def errors(self) -> Path:
        """The log of errors of all processes."""
        return self.home / "errors"

    def open_host(self) -> MetricsHost:
        """Open a host that queues refreshes."""
        source = KnownSurveys(
            self.size.surveys, self.size.export_seconds, self.held, self.answers, self.exports
        )
        return MetricsHost(
            settings_of(
                self.home,
                self.database,
                self.environment,
                refresh_executor="procrastinate",
                deadlines=Deadlines(lease=self.size.lease),
            ),
            registry=SourceRegistry(
                clock=SystemClock(),
                temp_dir=self.home / "tmp",
                entry_points=lambda: [entry_point(SOURCE, source, "known-surveys")],
            ),
        )


@dataclass
class LoadedCards:
    """What a host saw.

    Attributes:
        loads: How many maps it loaded.
        cards: How many cards they had.
        wrong: The number of cards with a value that they cannot have.
        problems: Some of these cards.
    """

    loads: int = 0
    cards: int = 0
    wrong: int = 0
    problems: list[str] = field(default_factory=list)
    _newest: dict[str, int] = field(default_factory=dict, repr=False)

    def add(self, cards: tuple[Card, ...], since: int, until: int) -> None:
        """Check the cards of a map.

        Args:
            cards: The cards.
            since: The round that was due before the map was loaded.
            until: The round whose answers the surveys had afterwards.
        """
        self.loads += 1
        self.cards += len(cards)
        for card in cards:
            problem = self._check(card, since, until)
            if problem:
                self.wrong += 1
                self.problems = [*self.problems, f"{card.name}: {problem}"][:MOST_PROBLEMS]

    def _check(self, card: Card, since: int, until: int) -> str:
        """Return what is wrong with a card; empty if nothing is."""
        value = None if card.result is None else card.result.current.value
        if value is None:
            # A value that was there does not disappear, and a fresh card has one.
            missing = card.freshness is Freshness.FRESH or card.name in self._newest
            return "it has no value" if missing else ""
        seen = KnownValue.of(value)
        if value != seen.number or card.name != name_of(seen.survey, seen.question):
            return f"its value is {value}, that of another metric"
        oldest = self._newest.get(card.name, 1)
        if card.freshness is Freshness.FRESH:
            oldest = max(oldest, since)
        self._newest[card.name] = max(seen.round, self._newest.get(card.name, 1))
        if not oldest <= seen.round <= until:
            return f"its value is of round {seen.round}, not {oldest} to {until}"
        return ""


def name_of(survey: int, question: int) -> str:
    """Return the name of a metric."""
    return f"{survey}/{question}"


def load_maps(pipe: Connection, place: FleetPlace, seed: int) -> None:
    """Load maps until this process is terminated; send what it saw."""
    _prepare(place)
    seen = LoadedCards()
    with suppress(SystemExit), place.open_host() as host:
        chance = random.Random(seed)  # noqa: S311  # Repeatable, no secrets.
        ids = [metric.id for metric in host.metrics.list(ACTOR)]
        maps = [ids[begin : begin + MAP_CARDS] for begin in range(0, len(ids), MAP_CARDS)]
        pipe.send(READY)
        while True:
            chance.shuffle(maps)
            for one in maps:
                since = place.due.read()
                cards = host.cards.load(ACTOR, one)
                seen.add(cards, since, place.answers.read())
                time.sleep(MAP_PAUSE)
    pipe.send(seen)


def run_worker(pipe: Connection, place: FleetPlace) -> None:
    """Run queued refreshes until this process is terminated or killed."""
    _prepare(place)
    with (
        suppress(SystemExit),
        place.open_host() as host,
        host.worker(place.size.concurrency) as worker,
    ):
        pipe.send(READY)
        worker.wait()


def _prepare(place: FleetPlace) -> None:
    """Stop on SIGTERM as a command does, and write unexpected errors to a file.

    Warnings are not written, because kills cause them, and neither are errors of Procrastinate: a
    worker that gets no CPU time for a third of its lease is considered dead. Another one takes its
    jobs over, and Procrastinate logs that the worker cannot end them.
    """

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit

    signal.signal(signal.SIGTERM, stop)
    logging.basicConfig(handlers=[logging.NullHandler()])  # No warning on standard error.
    errors = logging.FileHandler(place.errors)
    errors.setLevel(logging.ERROR)
    logging.getLogger("smaply_metrics_core").addHandler(errors)


def metrics_of(surveys: int) -> list[tuple[int, int]]:
    """Return the survey and the question of each metric."""
    return [(survey, question) for survey in range(surveys) for question in range(QUESTIONS)]
