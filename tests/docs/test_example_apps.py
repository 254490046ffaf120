"""The apps of ``examples/`` run, on SQLite or in a schema of their own database."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.host import (
    Actor,
    Calculation,
    Definition,
    MetricsHost,
    Role,
    Settings,
)
from tests.docs.example_servers import COMMANDS, SECONDS, running_example
from tests.host.conftest import KEY, postgres  # noqa: F401  # A fixture.

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.example_servers import RunningExample

ADMIN = Actor("acme", "ada", Role.ADMIN)
NPS = Definition(survey_id="visits", question_id="nps", calculation=Calculation.NPS)


def make_account(home: Path, environment: dict[str, str]) -> str:
    """Connect a CSV file, add a metric and return its ID; it has no value yet."""
    folder = home / "files" / "acme" / "surveys"
    folder.mkdir(parents=True)
    text = "recorded_at,nps\n2026-01-02T00:00:00Z,9\n2026-01-03T00:00:00Z,10\n"
    (folder / "visits.csv").write_text(text, encoding="utf-8")
    settings = Settings.from_environment(environment=environment, account="acme")
    with MetricsHost(settings) as host:
        host.connections.connect(ADMIN, "csv_example", {"folder": "surveys"})
        return host.metrics.add(ADMIN, "csv_example", "NPS", NPS).id


def changes_by_process(app: RunningExample, processes: int) -> dict[int, list[str]]:
    """Return what each process has received, once all of them have received something."""
    found: dict[int, list[str]] = {}
    end = time.monotonic() + SECONDS
    while len(found) < processes or not all(found.values()):
        assert time.monotonic() < end, f"not every process has received an event: {found}"
        answer: dict[str, Any] = app.get("/changes")
        found[answer["process"]] = answer["changes"]
    return found


@pytest.mark.deep(reason="servers of three frameworks, one of which forks")
@pytest.mark.parametrize("name", sorted(COMMANDS))
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_the_app_shows_fresh_cards_and_learns_of_changes(
    name: str, database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The card is refreshed by one process, and each process receives the change."""
    environment = {
        "SMAPLY_METRICS_HOME": str(tmp_path),
        "SMAPLY_METRICS_ENCRYPTION_KEYS": KEY,
    }
    if database == "postgresql":
        server = request.getfixturevalue("postgres")
        environment["SMAPLY_METRICS_DATABASE_URL"] = server.url(server.make_database())
        environment["SMAPLY_METRICS_DATABASE_SCHEMA"] = "smaply_metrics"
    metric_id = make_account(tmp_path, environment)
    with running_example(name, environment, tmp_path / "log") as app:
        app.get("/changes")  # Django opens its host with the first request.
        assert app.get(f"/cards/{metric_id}")["value"] == 100
        assert [card["id"] for card in app.get("/cards")] == [metric_id]
        assert app.get("/cards/met_0", 404)["kind"] == "not_found"
        found = changes_by_process(app, 2 if name == "flask_app" else 1)
        assert list(found.values()) == [[metric_id]] * len(found)
    with MetricsHost(Settings.from_environment(environment=environment)) as host:
        assert host.events.consumers() == ()
