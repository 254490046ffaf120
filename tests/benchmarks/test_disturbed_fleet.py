"""The benchmark of a fleet notices wrong values, lost refreshes and extra exports."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.fleet import checks, run
from benchmarks.fleet.checks import RefreshOutcomes
from benchmarks.fleet.known_surveys import ExportLog, KnownValue, LoggedExport, RoundFile
from benchmarks.fleet.processes import LoadedCards
from smaply_metrics_core.host import Card, Freshness
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from pathlib import Path

ONCE = {"1/2": RefreshOutcomes(1)}


def card(value: float | None, freshness: Freshness = Freshness.FRESH) -> Card:
    """Return the card of question 2 of survey 1."""
    result = None if value is None else SimpleNamespace(current=SimpleNamespace(value=value))
    fields: dict[str, Any] = {"name": "1/2", "freshness": freshness, "result": result}
    return Card.model_construct(**fields)


def known(number: int, survey: int = 1, question: int = 2) -> float:
    """Return the value of a question in a round."""
    return KnownValue(number, survey, question).number


@pytest.mark.parametrize(
    ("value", "freshness", "problem"),
    [
        (known(3), Freshness.FRESH, ""),
        (known(2), Freshness.REFRESHING, ""),
        (known(2), Freshness.FRESH, "of round 2, not 3 to 3"),
        (known(4), Freshness.FRESH, "of round 4, not 3 to 3"),
        (known(1), Freshness.REFRESHING, "of round 1, not 2 to 3"),
        (known(3, survey=4), Freshness.FRESH, "of another metric"),
        (known(3, question=4), Freshness.FRESH, "of another metric"),
        (known(3) + 0.25, Freshness.FRESH, "of another metric"),
        (None, Freshness.REFRESHING, "no value"),
    ],
)
def test_each_loaded_card_is_checked(
    value: float | None, freshness: Freshness, problem: str
) -> None:
    """A fresh card has the value of a round that was due; no card goes back or loses its value."""
    seen = LoadedCards()
    seen.add((card(None, Freshness.REFRESHING), card(known(2))), since=1, until=2)
    assert seen.wrong == 0
    seen.add((card(value, freshness),), since=3, until=3)
    assert (seen.loads, seen.cards) == (2, 3)
    assert seen.wrong == bool(problem)
    assert all(problem in one for one in seen.problems)


def test_a_fresh_card_has_a_value() -> None:
    """Also in the first round."""
    seen = LoadedCards()
    seen.add((card(None),), since=1, until=1)
    assert seen.wrong == 1


def test_a_round_ends_with_its_values() -> None:
    """A card that is stale, of an earlier round or without a value is wrong."""
    assert checks.wrong_cards([card(known(3))], 3) == []
    for wrong in (card(known(2)), card(known(3), Freshness.FAILED), card(None), card(known(3, 4))):
        assert len(checks.wrong_cards([wrong], 3)) == 1


def exports(*processes: int) -> list[LoggedExport]:
    """Return the exports of a survey by these processes, in this order."""
    return [LoggedExport(1, "survey-1", process) for process in processes]


def test_an_export_is_repeated_only_after_an_interruption() -> None:
    """It is made once, and once more for each process that was killed or stopped during it."""
    assert checks.extra_exports(exports(10), set(), ONCE) == []
    assert checks.extra_exports(exports(10, 11, 12), {10, 11}, ONCE) == []
    for extra, interrupted in ((exports(10, 11), {11}), (exports(10, 10), {10})):
        assert len(checks.extra_exports(extra, interrupted, ONCE)) == 1
    assert checks.extra_exports(exports(10, 11), {10}, {"1/2": RefreshOutcomes(2)}) == [
        "1/2 was stored 2 times"
    ]


def test_lost_and_failed_refreshes_are_named() -> None:
    """No attempt, or one with a problem."""
    found = {"a": RefreshOutcomes(), "b": RefreshOutcomes(0, "no"), "c": RefreshOutcomes(1)}
    assert checks.lost_refreshes(found) == ["a was not refreshed"]
    assert checks.failed_refreshes(found) == ["b: no"]


def test_the_log_tells_running_exports_from_ended_ones(tmp_path: Path) -> None:
    """Each export of a process is one; a file of a round is replaced as a whole."""
    log, answers = ExportLog(tmp_path / "exports"), RoundFile(tmp_path / "answers")
    assert log.started() == log.running() == []
    first, second = exports(10, 11)
    log.write("start", first)
    log.write("start", second)
    log.write("end", first)
    assert (log.started(), log.running()) == ([first, second], [second])
    for number in (1, 12):
        answers.write(number)
        assert answers.read() == number


def test_a_broken_invariant_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1, also if nothing was disturbed."""
    for measured in (
        {"kills": 1, "restarts": 3, "broken": {"lost refreshes": ["1/2 was not refreshed"]}},
        {"kills": 0, "restarts": 3, "broken": {}},
    ):
        monkeypatch.setattr(run, "measure", lambda _, found=measured: found)
        assert run.main(["--quick", "--json"]) == 1
        assert json.loads(capsys.readouterr().out) == measured


@pytest.mark.deep(reason="runs the benchmark: a kill, a restart, and waiting for a lease to expire")
def test_a_disturbed_fleet_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each survey is refreshed once in each round, and once more after the kill."""
    require_postgres()
    small = replace(run.QUICK, surveys=6, rounds=2, restarts=(1,), export_seconds=0.2)
    monkeypatch.setattr(run, "QUICK", small)
    assert run.main(["--quick", "--json"]) == 0, capsys.readouterr().out
    found = json.loads(capsys.readouterr().out)
    assert (found["metrics"], found["kills"], found["restarts"]) == (120, 1, 3)
    assert found["surveys_due"] == 12 <= found["exports"]
    assert found["cards_checked"] > 0
    assert found["wrong_values"] == found["lost_refreshes"] == found["extra_exports"] == 0
