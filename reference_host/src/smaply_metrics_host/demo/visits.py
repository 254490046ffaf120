"""The demo's store visits: the same ones as a CSV file and as a database."""

from __future__ import annotations

import csv
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

VISITS: Final = 640
DAYS: Final = 400
STORES: Final = ("Graz", "Innsbruck", "Linz", "Wien")
SERVICES: Final = ("advice", "test ride", "repair", "pick-up")
TESTS: Final = 0.02
UNFINISHED: Final = 0.05
BLANK: Final = 0.1
USED: Final = 0.4
"""Shares of the visits, and of those that use a service."""


CHECKOUT: Final = (5, 4, 5, 3, 4, 5, 2, 4)
"""Ratings of the checkout, given in turn, so that they hardly change from month to month."""


class Visit(NamedTuple):
    """A visit and its answers; the names are the columns of the database."""

    recorded_at: datetime
    status: str
    finished: bool
    store: str
    nps: int
    satisfaction: int | None
    checkout: int
    services: str
    minutes_waited: float


def invent_visits(*, seed: int, until: datetime) -> Iterator[Visit]:
    """Yield invented store visits; the same seed and day yield the same ones.

    Args:
        seed: Another seed invents other visitors.
        until: The end of the days that the visits are spread over.
    """
    chance = random.Random(f"visits {seed}")  # noqa: S311  # Invented answers, no secrets.
    for number in range(VISITS):
        at = until - timedelta(
            days=DAYS * (1 - number / VISITS) ** 1.2, minutes=chance.randint(0, 600)
        )
        place = chance.randrange(len(STORES))
        waited = round(chance.lognormvariate(1.6, 0.6) * (1.3 - 0.1 * place), 1)
        mood = chance.gauss(7.6 + number / VISITS + 0.35 * place - waited / 18, 1.9)
        services = [one for one in SERVICES if chance.random() < USED]
        yield Visit(
            at.replace(microsecond=0),
            "test" if chance.random() < TESTS else "",
            chance.random() > UNFINISHED,
            STORES[place],
            min(10, max(0, round(mood))),
            min(5, max(1, round(mood / 2))) if chance.random() > BLANK else None,
            CHECKOUT[number % len(CHECKOUT)],
            ";".join(services),
            waited,
        )


def write_visits(path: Path, *, seed: int, until: datetime) -> None:
    """Write the visits as a CSV file; an existing one is replaced."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        header = ("recorded_at", "status", "finished", "field:store", "nps", "satisfaction")
        rows.writerow([*header, "checkout", "services[]", "minutes waited"])
        for visit in invent_visits(seed=seed, until=until):
            time = visit.recorded_at.isoformat()
            rows.writerow([time, visit.status, int(visit.finished), *visit[3:]])


def write_visits_database(path: Path, *, seed: int, until: datetime) -> None:
    """Write the same visits as an SQLite file; an existing one is replaced."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE visits (recorded_at text, state text, store text, nps integer, "
            "satisfaction integer, checkout integer, services text, minutes_waited real)"
        )
        connection.executemany(
            "INSERT INTO visits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    visit.recorded_at.isoformat(),
                    visit.status or ("" if visit.finished else "unfinished"),
                    *visit[3:],
                )
                for visit in invent_visits(seed=seed, until=until)
            ),
        )
        connection.commit()


MAPPING: Final = """\
surveys:
- id: visits
  name: Store visits
  table: visits
  recorded_at: {column: recorded_at}
  status: {column: state, exclude: {test: test, unfinished: unfinished}}
  questions:
  - {column: nps, text: "Would you recommend this store?", type: nps}
  - column: satisfaction
    text: "How satisfied are you with your visit?"
    type: scale
    choices: [{key: 1}, {key: 2}, {key: 3}, {key: 4}, {key: 5}]
  - column: checkout
    text: "How easy was it to pay?"
    type: scale
    choices: [{key: 1}, {key: 2}, {key: 3}, {key: 4}, {key: 5}]
  - {column: services, text: "What did you come for?", type: multiple, delimiter: ";"}
  - {column: minutes_waited, text: Minutes waited, type: number}
  fields:
  - {column: store, label: Store}
"""
"""How the SQL source reads the database."""
