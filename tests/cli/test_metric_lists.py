"""``metric list`` with conditions, ``duplicate``, ``move``, and ``history --format csv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Command

ADD = ("--connection", "csv_example", "--survey", "visits", "--question", "nps")


@pytest.fixture
def stocked(command: Command) -> Command:
    """An account with two metrics of a CSV file."""
    files = command.home / "files" / "default" / "shop"
    files.mkdir(parents=True)
    (files / "visits.csv").write_text("recorded_at,nps\n2026-01-02T00:00:00Z,9\n", encoding="utf-8")
    command.done("connection", "add", "csv_example", "--set", "folder=shop")
    for name in ("NPS of visits", "Average"):
        command.done("metric", "add", name, *ADD, "--calculation", "average")
    return command


def names(listed: list[dict[str, str]]) -> list[str]:
    """Return the names of metrics."""
    return [metric["name"] for metric in listed]


def test_metrics_are_found_copied_and_moved(stocked: Command) -> None:
    """By name, survey and workspace."""
    first, second = stocked.done("metric", "list")
    assert names(stocked.done("metric", "list", "--search", "VISIT")) == ["NPS of visits"]
    assert len(stocked.done("metric", "list", "--survey", "visits")) == 2
    assert "No metric matches." in stocked("metric", "list", "--survey", "other").out
    copied = stocked.done("metric", "duplicate", first["id"], "--workspace", "shops")
    assert copied["name"] == "NPS of visits (copy)"
    assert "Added Copy" in stocked("metric", "duplicate", second["id"], "--name", "Copy").out
    assert (
        f"Moved Average  {second['id']}"
        in stocked("metric", "move", second["id"], "--workspace", "shops").out
    )
    found = stocked.done("metric", "list", "--workspace", "shops")
    assert sorted(names(found)) == ["Average", "NPS of visits (copy)"]


def test_a_history_is_printed_as_csv(stocked: Command) -> None:
    """For spreadsheets and scripts."""
    first = stocked.done("metric", "list")[0]
    stocked("card", "load")
    header, row = stocked("metric", "history", first["id"], "--format", "csv").out.splitlines()
    assert header.startswith("metric_id,as_of,unit,value,low,high,answered")
    assert row.startswith(f"{first['id']},")
    assert ",9.0," in row
