"""The one-hour rule, tested by the exports that the survey tool receives."""

from __future__ import annotations

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command

T, T_3600, T_3601 = "2026-04-01T12:00:00Z", "2026-04-01T13:00:00Z", "2026-04-01T13:00:01Z"


def exports(sandbox: SandboxServer) -> int:
    """Return the number of started exports."""
    return sum(call["route"] == "export_start" for call in sandbox.state.calls())


@pytest.fixture
def metric(linked: Command, sandbox: SandboxServer) -> Command:
    """A home with two metrics on one survey, never loaded."""
    for name in ("one", "two"):
        linked.done(
            *("metric", "add", name, "--connection", "qualtrics"),
            *("--survey", SURVEY, "--calculation", "responses"),
        )
    sandbox.state.clear_log()
    return linked


def test_a_metric_is_due_after_more_than_one_hour(metric: Command, sandbox: SandboxServer) -> None:
    """A load at T starts an export, one at T + 3,600 s none, and one at T + 3,601 s another."""
    made = []
    for now in (T, T_3600, T_3601):
        sandbox.state.clear_log()
        cards = metric.done("card", "load", "--now", now)["cards"]
        made.append(exports(sandbox))
        assert [card["freshness"] for card in cards] == ["fresh", "fresh"]

    assert made == [1, 0, 1]


def test_a_failed_attempt_counts(metric: Command, sandbox: SandboxServer) -> None:
    """A failed attempt is not repeated for an hour, and the old value is kept."""
    first = metric.done("card", "load", "--now", "2026-04-01T10:00:00Z")["cards"]
    made, freshness = [], []
    for now in (T, T_3600, T_3601):
        sandbox.state.clear_log()
        if now != T_3601:
            sandbox.state.add_fault("export_progress", kind="failed", times=2)
        cards = metric.done("card", "load", "--now", now)["cards"]
        sandbox.state.clear_faults()
        made.append(exports(sandbox))
        freshness.append(cards[0]["freshness"])
        assert [card["value"] for card in cards] == [card["value"] for card in first]

    assert made == [2, 0, 1]  # An export that fails is started once more.
    assert freshness == ["failed", "failed", "fresh"]


def test_an_editor_may_refresh_at_once(metric: Command, sandbox: SandboxServer) -> None:
    """--force starts an export within the hour, but only one per minute."""
    metric.done("card", "load", "--now", T)
    sandbox.state.clear_log()

    for now in ("2026-04-01T12:10:00Z", "2026-04-01T12:10:30Z", "2026-04-01T12:11:01Z"):
        metric.done("card", "load", "--now", now, "--force")

    assert exports(sandbox) == 2


def test_a_clock_without_a_zone_is_utc(metric: Command) -> None:
    """--now without an offset is UTC; an offset is respected."""
    metric.done("card", "load", "--now", "2026-04-01T12:00:00")

    (card, _) = metric.done("card", "load", "--now", "2026-04-01T15:00:00+02:00")["cards"]

    assert card["as_of"] == "2026-04-01T12:00:00Z"


def test_a_new_definition_discards_the_value(metric: Command, sandbox: SandboxServer) -> None:
    """A new name or display keeps the value; a new definition discards it."""
    (card, _) = metric.done("card", "load", "--now", T)["cards"]
    metric.done("metric", "edit", card["id"], "--name", "renamed", "--prefix", "n = ")
    sandbox.state.clear_log()
    renamed = metric.done("card", "load", card["id"], "--now", T_3600)["cards"][0]
    metric.done("metric", "edit", card["id"], "--range", "last_90_days")
    stored = metric.done("card", "load", card["id"], "--now", T_3600, "--wait", "0")["cards"][0]

    assert renamed["value"] == card["value"]
    assert stored["value"] is None
    assert stored["as_of"] is None
