"""A host in a process of its own, with a shop that logs its exports to a file.

It gets an object with:

home, database: the location of the store; ``database`` may be null.
log: the file that gets a line with the survey's id for each export that starts.
hold: exports wait while this file exists.
lease: the length of a lease, in seconds.
key: the encryption key; without it, a key file in the home is used.
ahead: by how many seconds the clock of the host is ahead, 0 by default.
refresher: where refreshes run.
threads, wait: the number of threads that load every card, and how long they wait, in seconds.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import SecretStr

from smaply_metrics_core import MetricQuery, MetricsError, SourceContext, Tally, hookimpl
from smaply_metrics_core.cli.signals import terminated_gracefully
from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.host import (
    Actor,
    AllowedDestinations,
    Deadlines,
    MetricsHost,
    Role,
    Settings,
)
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.host.fake_source import Shop, ShopCredentials, entry_point, stars

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from smaply_metrics_core.host import Card

SECONDS = 0.02
READY = "ready"

Told: TypeAlias = dict[str, Any]


class AdvancedClock(SystemClock):
    """The system's clock, some seconds ahead."""

    def __init__(self, ahead: float) -> None:
        self._ahead = timedelta(seconds=ahead)

    def now(self) -> datetime:
        """Return the time that it will be."""
        return super().now() + self._ahead


@dataclass
class LoggedShop(Shop):
    """A shop that logs which exports start, and blocks them while a file exists."""

    log: Path = field(default_factory=Path)
    hold: Path = field(default_factory=Path)

    @hookimpl
    def fetch_metric(
        self,
        credentials: ShopCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Count the stars."""
        with self.log.open("a") as file:
            file.write(f"{survey_id}\n")
        context.progress(1, 4, "Exporting")
        while self.hold.exists():
            context.pause(SECONDS)
        yield from super().fetch_metric(credentials, context, survey_id, queries)


def open_host(told: Told) -> MetricsHost:
    """Open the host that the object describes."""
    home = Path(told["home"])
    return MetricsHost(
        Settings(
            home=home,
            allowed=AllowedDestinations(store=home / "store.db"),
            deadlines=Deadlines(lease=told["lease"]),
            database_url=SecretStr(told["database"]) if told["database"] else None,
            encryption_keys=SecretStr(told["key"]) if told["key"] else None,
            refresh_executor=told["refresher"],
        ),
        clock=AdvancedClock(told["ahead"]) if told.get("ahead") else None,
        registry=SourceRegistry(
            clock=SystemClock(),
            temp_dir=home / "tmp",
            entry_points=lambda: [
                entry_point(
                    "shop",
                    LoggedShop(
                        answers={"S1": stars("5", "4", "3", None), "S2": stars("1", "2")},
                        log=Path(told["log"]),
                        hold=Path(told["hold"]),
                    ),
                )
            ],
        ),
    )


def load_cards(pipe: Connection, told: Told) -> None:
    """Send ``ready``, wait for an answer, load, and send a list of the cards of each thread."""
    viewer = Actor("acme", "vera", Role.VIEWER)
    with open_host(told) as host, ThreadPoolExecutor(told["threads"]) as pool:
        pipe.send(READY)
        pipe.recv()

        def load(_: int) -> list[tuple[str, str, str]]:
            cards: tuple[Card, ...] = host.cards.load(viewer, wait=told["wait"])
            return [(card.name, card.text, card.freshness.value) for card in cards]

        seen = list(pool.map(load, range(told["threads"])))
    pipe.send(seen)


def run_worker(pipe: Connection, told: Told) -> None:
    """Send ``ready`` once a worker accepts jobs, and run it until this process is terminated."""
    with terminated_gracefully(), open_host(told) as host, host.worker(2) as worker:
        pipe.send(READY)
        worker.wait()


def run_command(
    pipe: Connection, arguments: list[str], environment: dict[str, str], errors: str
) -> None:
    """Run ``smaply-metrics`` with these settings only, and a file as standard error."""
    from smaply_metrics_core.cli import main

    for name in [name for name in os.environ if "SMAPLY" in name]:
        del os.environ[name]
    os.environ.update(environment)
    sys.argv = ["smaply-metrics", *arguments]
    with Path(errors).open("w", encoding="utf-8") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    main()


def run_worker_without_interrupts(pipe: Connection, told: Told) -> None:
    """Send ``ready`` once ``wait`` waits, with other threads that receive the signals instead."""

    def tell() -> None:
        while sys._current_frames()[main].f_code is not threading.Condition.wait.__code__:  # noqa: SLF001  # The documented way to see what a thread runs.
            time.sleep(SECONDS)
        pipe.send(READY)

    main = threading.get_ident()
    with terminated_gracefully(), open_host(told) as host, host.worker(2) as worker:
        watching = threading.Thread(target=tell, daemon=True)
        watching.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        worker.wait()
