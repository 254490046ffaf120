"""The demo's file of store visits, as the source for CSV files reads it."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

VISITS: Final = 640
DAYS: Final = 400
STORES: Final = ("Graz", "Innsbruck", "Linz", "Wien")
SERVICES: Final = ("advice", "test ride", "repair", "pick-up")
TESTS: Final = 0.02
UNFINISHED: Final = 0.05
BLANK: Final = 0.1
USED: Final = 0.4
"""Shares of the visits, and of those that use a service."""


def write_visits(path: Path, *, seed: int, until: datetime) -> None:
    """Write a file of invented store visits; the same seed and day write the same ones.

    Args:
        path: The file; an existing one is replaced.
        seed: Another seed invents other visitors.
        until: The end of the days that the visits are spread over.
    """
    chance = random.Random(f"visits {seed}")  # noqa: S311  # Invented answers, no secrets.
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        header = ("recorded_at", "status", "finished", "field:store", "nps", "satisfaction")
        rows.writerow([*header, "services[]", "minutes waited"])
        for number in range(VISITS):
            at = until - timedelta(
                days=DAYS * (1 - number / VISITS) ** 1.2, minutes=chance.randint(0, 600)
            )
            place = chance.randrange(len(STORES))
            waited = round(chance.lognormvariate(1.6, 0.6) * (1.3 - 0.1 * place), 1)
            mood = chance.gauss(7.6 + number / VISITS + 0.35 * place - waited / 18, 1.9)
            services = [one for one in SERVICES if chance.random() < USED]
            rows.writerow(
                [
                    at.isoformat(timespec="seconds"),
                    "test" if chance.random() < TESTS else "",
                    int(chance.random() > UNFINISHED),
                    STORES[place],
                    min(10, max(0, round(mood))),
                    min(5, max(1, round(mood / 2))) if chance.random() > BLANK else "",
                    ";".join(services),
                    waited,
                ]
            )
