"""What a process does in a soak: all that hosts do, hour after hour, with a clock that is ahead."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.host import (
    Actor,
    AsyncMetricsHost,
    Calculation,
    Definition,
    EventKind,
    Freshness,
    MetricsHost,
    Role,
    Settings,
)
from smaply_metrics_core.host.store import metric_states
from smaply_metrics_core.host.store.model_cache import ModelCache
from smaply_metrics_core.models.result import Result
from tests.host.conftest import KEY
from tests.soak.samples import Sample, open_files, take_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from multiprocessing.connection import Connection

ACCOUNT: Final = "default"
ADMIN: Final = Actor(ACCOUNT, "Ada", Role.ADMIN)
EDITOR: Final = Actor(ACCOUNT, "Ed", Role.EDITOR)
VIEWER: Final = Actor(ACCOUNT, "Vera", Role.VIEWER)
SURVEYS: Final = ("910001", "910002")
WAIT: Final = 300.0
HOUR: Final = 3_700.0
VIEWERS: Final = 4
CACHED: Final = 200_000
"""The size of the cache of results, which is full within a minute instead of hours."""
CSV: Final = "\n".join(["recorded_at,nps", *(f"2026-01-01T00:00:00Z,{n % 11}" for n in range(200))])


@dataclass(frozen=True)
class SoakPlace:
    """Where a process soaks.

    Attributes:
        home: Its home.
        database: The URL of a PostgreSQL database, whose queue it uses; ``None`` for SQLite.
        limesurvey: The address of the LimeSurvey server.
        credentials: The credentials of its user.
        seconds: How long to soak.
    """

    home: Path
    database: str | None
    limesurvey: str
    credentials: dict[str, str]
    seconds: float

    def settings(self) -> Settings:
        """Return the settings of a host."""
        environment = {
            "SMAPLY_METRICS_ENCRYPTION_KEYS": KEY,
            "SMAPLY_METRICS_SOURCES_ADDRESSES": f"limesurvey={self.limesurvey}",
            "SMAPLY_METRICS_HISTORY_RETENTION_DAYS": "3",
            "SMAPLY_METRICS_AUDIT_RETENTION_DAYS": "3",
        }
        if self.database:
            environment["SMAPLY_METRICS_DATABASE_URL"] = self.database
            environment["SMAPLY_METRICS_REFRESH_EXECUTOR"] = "procrastinate"
        return Settings.from_environment(self.home, environment)


class SoakClock(SystemClock):
    """The system's clock, ahead by as many hours as were soaked."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the time."""
        return super().now() + self._ahead

    def forward(self, seconds: float) -> None:
        """Move the clock forward, so that every metric is due."""
        self._ahead += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Soaked:
    """What a process did, and what it held meanwhile."""

    rounds: int
    events: int
    samples: list[Sample]


class Soak:
    """One process's work on a host."""

    def __init__(self, place: SoakPlace, clock: SoakClock, host: MetricsHost) -> None:
        self._place = place
        self._clock = clock
        self._host = host
        self._events = 0
        self._tasks: tuple[Callable[[], object], ...] = (
            self._check,
            self._preview,
            self._add_and_delete,
            self._export,
            self._browse,
            self._open_another_host,
            self._follow_events,
        )

    def run(self) -> Soaked:
        """Soak; return what was done."""
        self._set_up()
        self._host.events.subscribe("soak", self._count)
        samples: list[Sample] = []
        rounds, end = 0, time.monotonic() + self._place.seconds
        with ThreadPoolExecutor(VIEWERS) as viewers:
            while rounds < len(self._tasks) or time.monotonic() < end:
                self._clock.forward(HOUR)
                list(viewers.map(self._load, range(VIEWERS)))
                self._tasks[rounds % len(self._tasks)]()
                rounds += 1
                gc.collect()
                samples.append(take_sample(self._connections()))
        return Soaked(rounds, self._events, samples)

    def _set_up(self) -> None:
        files = self._place.home / "files" / ACCOUNT
        files.mkdir(parents=True)
        (files / "visits.csv").write_text(CSV, encoding="utf-8")
        connections = self._host.connections
        connections.connect(ADMIN, "limesurvey", self._place.credentials)
        connections.connect(ADMIN, "csv_example", {"folder": "."})
        for survey in SURVEYS:
            for definition in self._definitions(survey):
                name = f"{survey} {definition.question_id} {definition.calculation}"
                self._host.metrics.add(EDITOR, "limesurvey", name, definition)
        nps = Definition(survey_id="visits", question_id="nps", calculation=Calculation.NPS)
        self._host.metrics.add(EDITOR, "csv_example", "Visits", nps)

    def _definitions(self, survey: str) -> list[Definition]:
        questions = self._host.catalog.questionnaire(EDITOR, "limesurvey", survey).walk()
        return [
            Definition(survey_id=survey, question_id=question.id, calculation=calculation)
            for question in questions
            for calculation in (Calculation.ANSWERED, Calculation.AVERAGE, Calculation.NPS)
            if calculation in question.calculations
        ][:6]

    def _count(self, _: object) -> None:
        self._events += 1

    def _load(self, _: int) -> None:
        for card in self._host.cards.load(VIEWER, wait=WAIT):
            if card.freshness is not Freshness.FRESH:
                raise AssertionError(f"{card.name} is {card.freshness}: {card.problem}")

    def _check(self) -> None:
        checked = self._host.connections.check(ADMIN, "limesurvey")
        if checked.problem is not None:
            raise AssertionError(checked.problem)
        self._host.connections.edit(ADMIN, "limesurvey", self._place.credentials)

    def _preview(self) -> None:
        definition = Definition(survey_id=SURVEYS[0], calculation=Calculation.RESPONSES)
        self._host.metrics.preview(EDITOR, "limesurvey", definition, reload=True)

    def _add_and_delete(self) -> None:
        definition = Definition(survey_id=SURVEYS[0], calculation=Calculation.RESPONSES)
        metric = self._host.metrics.add(EDITOR, "limesurvey", "For a moment", definition)
        self._load(0)
        self._host.metrics.delete(EDITOR, metric.id)

    def _export(self) -> None:
        path = self._place.home / "bundle.zip"
        self._host.debug_bundles.export(ADMIN, "limesurvey", SURVEYS[0], path)
        path.unlink()

    def _browse(self) -> None:
        self._host.catalog.surveys(EDITOR, "limesurvey", reload=True)
        for metric in self._host.metrics.list(VIEWER):
            self._host.cards.explain(VIEWER, metric.id)
            self._host.metrics.history(VIEWER, metric.id)

    def _open_another_host(self) -> None:
        with MetricsHost(self._place.settings(), clock=self._clock) as host:
            host.cards.load(VIEWER, refresh=False)

    def _follow_events(self) -> None:
        async def follow() -> None:
            async with AsyncMetricsHost(self._place.settings(), clock=self._clock) as host:
                stream = host.events.stream("soak-stream", kinds=[EventKind.REFRESH_ENDED])
                waiting = asyncio.ensure_future(anext(stream))
                self._clock.forward(HOUR)
                await host.cards.load(VIEWER, wait=WAIT)
                await asyncio.wait_for(waiting, WAIT)
                await stream.aclose()

        asyncio.run(follow())

    def _connections(self) -> int:
        if self._place.database is None:
            return open_files("store.db")
        with self._host._store.reading() as db:  # noqa: SLF001  # No service shows it.
            counted = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            return int(db.execute(counted).scalar_one())


def soak(pipe: Connection, place: SoakPlace) -> None:
    """Soak in a process of its own; send what it did."""
    metric_states._RESULTS = ModelCache(Result, CACHED)  # type: ignore[misc]  # noqa: SLF001  # Full within minutes.
    os.environ.pop("SMAPLY_METRICS_HOME", None)
    clock = SoakClock()
    with MetricsHost(place.settings(), clock=clock, lease_clock=SystemClock()) as host:
        if place.database is None:
            pipe.send(Soak(place, clock, host).run())
        else:
            with host.worker(2):
                pipe.send(Soak(place, clock, host).run())
