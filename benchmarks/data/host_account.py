"""The account of the benchmark: a file of responses, 30 metrics, and a map that shows them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from smaply_metrics_core.host import (
    Actor,
    ChartType,
    Definition,
    Display,
    GroupBy,
    MetricsHost,
    Role,
    SystemClock,
)
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.store.card_placements import CardPlacements
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.store.maps import Maps
from smaply_metrics_host.store.people import People

ACCOUNT: Final = "bench"
FILE: Final = "visits.csv"
CARDS: Final = 30
STAGES: Final = 6
RESPONSES: Final = 2_000
DAYS: Final = 360
KINDS: Final = (
    (None, ChartType.NUMBER),
    ("period:month", ChartType.LINE),
    (None, ChartType.GAUGE),
    ("period:quarter", ChartType.BAR),
    ("field:store", ChartType.HORIZONTAL_BAR),
)
"""The group-by and the chart of each card, in turn."""


def write_file(folder: Path, seed: int) -> None:
    """Write the responses; another seed gives other numbers."""
    chance = random.Random(seed)  # noqa: S311  # Invented answers, no secrets.
    now = datetime.now(UTC)
    rows = ["recorded_at,field:store,nps"]
    for _ in range(RESPONSES):
        at = now - timedelta(days=chance.uniform(0, DAYS))
        score = min(10, max(0, round(chance.gauss(7.5, 2))))
        rows.append(f"{at.isoformat()},{chance.choice(('Graz', 'Linz', 'Wien'))},{score}")
    (folder / FILE).write_text("\n".join(rows), encoding="utf-8")


def seed(home: Path) -> str:
    """Create everything in a home; return the id of the map. No value is calculated yet."""
    settings = HostSettings.from_environment(home, "http://127.0.0.1", {})
    write_file(settings.files_of(ACCOUNT), seed=1)
    clock, database = SystemClock(), Database(home)
    people, maps, card_placements = (
        People(database, clock),
        Maps(database, clock),
        CardPlacements(database),
    )
    people.invite(ACCOUNT, "Ada", Role.ADMIN)
    workspace = people.workspaces(ACCOUNT)[0].id
    journey = maps.add(ACCOUNT, workspace, "Benchmark")
    lane = maps.add_lane(ACCOUNT, journey, "Metrics", "data")
    stages = [maps.add_stage(ACCOUNT, journey, f"Stage {n}") for n in range(STAGES)]
    ada = Actor(ACCOUNT, "Ada", Role.ADMIN)
    with MetricsHost(settings.framework) as host:
        connection = host.connections.connect(ada, "csv_example", {"folder": "."})
        for number in range(CARDS):
            group_by, chart = KINDS[number % len(KINDS)]
            metric = host.metrics.add(
                ada,
                connection.id,
                f"NPS {number}",
                Definition.model_validate(
                    {
                        "type": "series" if group_by else "number",
                        "survey_id": "visits",
                        "question_id": "nps",
                        "calculation": "nps",
                        "group_by": GroupBy.parse(group_by) if group_by else None,
                    }
                ),
                workspace=workspace,
            )
            cell = Cell(journey, lane, stages[number % STAGES])
            card_placements.place(ACCOUNT, cell, metric.id, Display(chart=chart, target=50))
    database.close()
    return journey


def invite(home: Path, name: str, role: Role) -> str:
    """Return the path of a link that signs a person in once it is confirmed, by POST."""
    database = Database(home)
    try:
        return f"/sign-in/{People(database, SystemClock()).invite(ACCOUNT, name, role)}"
    finally:
        database.close()
