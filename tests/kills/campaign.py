"""Kills processes at random moments and checks that nothing is lost.

Run by hand as ``python -m tests.kills.campaign --kills 1000 --seed 1``; ``make kills`` does.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.host import Role
from tests.host.conftest import KEY
from tests.host.host_process import open_host
from tests.kills import work
from tests.kills.invariants import Ledger, check, check_queue, check_reference_host
from tests.postgresql_server import WHY_NOT, find_programs, running_postgres
from tests.processes import Child, Children

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgresql_server import PrivatePostgres

HOUR: Final = 3601
LIFE: Final = 40
"""How many kills a store survives before a new one is begun, so that kills hit its creation too."""
LONGEST: Final = 0.4
"""The longest life of a process in seconds."""

ON_SQLITE: Final = (
    work.open_and_work,
    work.open_and_work,
    work.run_commands,
    work.run_reference_host,
)
ON_POSTGRESQL: Final = (work.open_and_work, work.open_and_work, work.run_worker, work.run_worker)


@dataclass
class Campaign:
    """Kills on one store after the other.

    Attributes:
        folder: An empty folder for the stores.
        seed: Decides everything but the timing of the machine.
        killed: How many processes of each kind were killed.
        reports: How many things were reported as stored.
    """

    folder: Path
    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    reports: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311  # Repeatable, no secrets.
        self._lives = 0

    def run(self, kills: int, postgres: PrivatePostgres | None) -> None:
        """Kill processes; every other store is in PostgreSQL if there is a server."""
        while kills > 0:
            database = None
            if postgres is not None and self._lives % 2:
                database = postgres.url(postgres.make_database())
            self._live(min(kills, LIFE), database)
            kills -= LIFE

    def _live(self, kills: int, database: str | None) -> None:
        self._lives += 1
        folder = self.folder / f"life-{self._lives}"
        told = make_told(folder, database)
        ledger, killed = Ledger(), 0
        kinds = ON_POSTGRESQL if database else ON_SQLITE
        while killed < kills:
            self._round(told, ledger, self._chance.sample(kinds, min(3, kills - killed)))
            killed += min(3, kills - killed)
        if database:
            with Children() as children:
                children.start(work.run_worker, told)
                check_queue(database)
        else:
            check_reference_host(told, ledger)
        self.reports += ledger.reports
        shutil.rmtree(folder)

    def _round(
        self, told: dict[str, Any], ledger: Ledger, kinds: list[Callable[..., None]]
    ) -> None:
        """Start some processes, kill each at a random moment, and check what they leave."""
        with Children() as children:
            started: list[tuple[float, Child]] = []
            for kind in kinds:
                child = children.start(kind, {**told, "seed": self._chance.getrandbits(32)})
                child.receive()
                started.append((time.monotonic() + self._chance.uniform(0, LONGEST), child))
                self.killed[kind.__name__] += 1
            for moment, child in sorted(started, key=lambda each: each[0]):
                time.sleep(max(0.0, moment - time.monotonic()))
                assert child.process.is_alive(), child.wait()
                child.kill()
                ledger.take(child)
        told["ahead"] += HOUR
        check(told, ledger)
        told["ahead"] += HOUR


def ledger_of(told: dict[str, Any]) -> Ledger:
    """Return what a host with one connection and one metric has stored."""
    with open_host(told) as host:
        (card,) = host.cards.load(work.actor(Role.VIEWER, "acme"), refresh=False)
        (connection,) = host.connections.list(work.actor(Role.ADMIN, "acme"))
    assert card.as_of is not None
    return Ledger(
        connections={("acme", connection.id)},
        metrics={("acme", card.metric_id)},
        values={card.metric_id: card.as_of},
    )


def make_told(folder: Path, database: str | None) -> dict[str, Any]:
    """Return what processes need to know about a new store."""
    home = folder / "home"
    (home / "files" / "cli").mkdir(parents=True)
    rows = "recorded_at,nps\n2026-01-01T00:00:00Z,9\n"
    (home / "files" / "cli" / "visits.csv").write_text(rows)
    (folder / "bundles").mkdir()
    return {
        "home": str(home),
        "bundles": str(folder / "bundles"),
        "key": KEY if database else None,  # In SQLite, kills hit the creation of the key file.
        "database": database,
        "log": str(folder / "log"),
        "hold": str(folder / "hold"),
        "lease": 6.0,
        "refresher": "procrastinate" if database else "threads",
        "ahead": HOUR,
    }


def main() -> None:
    """Run the campaign from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    given = parser.parse_args()
    print(f"{given.kills} kills with --seed {given.seed}", flush=True)  # noqa: T201
    programs, begun = find_programs(), time.monotonic()
    if programs is None:
        sys.exit(WHY_NOT)
    with tempfile.TemporaryDirectory() as folder, running_postgres(programs) as postgres:
        campaign = Campaign(Path(folder), given.seed)
        campaign.run(given.kills, postgres)
    print(  # noqa: T201
        f"Nothing was lost: {campaign.reports} reported things after "
        f"{sum(campaign.killed.values())} kills ({dict(campaign.killed)}) "
        f"in {time.monotonic() - begun:.0f} seconds."
    )


if __name__ == "__main__":
    main()
