"""The contract suite passes good sources, and a bad one fails the test that is made for it."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path

import pytest

from smaply_metrics_core.testing import SourceContract
from smaply_metrics_core.testing.suite.runner import run_test
from tests.contract_suite.mutants import __main__
from tests.contract_suite.mutants.contracts import HttpContract, InMemoryContract
from tests.contract_suite.mutants.in_memory_source import InMemorySource
from tests.contract_suite.mutants.registry import Mutant, kills, mutants

FEWEST = 30


class TestTiny(InMemoryContract):
    """A source in memory that keeps the contract passes every test of it."""


class TestRemote(HttpContract):
    """A source over HTTP that keeps the contract passes every test of it."""


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_a_bad_source_fails(mutant: Mutant) -> None:
    """The test that is made for a fault fails, says how to mend it, and tells no secret."""
    verdict = mutant.verdict()
    assert kills(verdict), f"{mutant.killer}: {verdict}"
    for secret in mutant.tried()().lab.secrets():
        assert secret not in verdict.message


def test_every_test_that_can_be_killed_for_has_a_mutant() -> None:
    """Each test that is about the source, and not about the test class, has a source to fail."""
    of_the_class = {
        "test_every_exception_has_a_reason",
        "test_the_facts_of_the_test_are_good_enough",
        "test_every_recording_is_played",
        "test_no_credential_is_recorded",
    }
    tests = {name for name in dir(SourceContract) if name.startswith("test_")}
    assert tests - of_the_class - {mutant.killer for mutant in mutants()} == set()


@pytest.mark.parametrize("survives", [False, True])
def test_the_zoo_is_run_by_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, survives: bool
) -> None:
    """The command tries every mutant and names those that survive: then it ends with 1."""
    few = mutants()[:2]
    if survives:
        few = (*few, dataclasses.replace(few[0], name="does nothing wrong", make=InMemorySource))
    monkeypatch.setattr(__main__, "mutants", lambda: few)
    monkeypatch.setattr(__main__, "wronged", tuple)
    ended = __main__.main(["--json"])
    survivors = ["does nothing wrong"] if survives else []
    assert ended == len(survivors)
    assert json.loads(capsys.readouterr().out) == {
        "mutants": len(few),
        "killed": 2,
        "survivors": survivors,
    }


def test_the_zoo_is_large() -> None:
    """There are more than thirty mutants, no two of one name."""
    assert len({mutant.name for mutant in mutants()}) > FEWEST


def test_a_source_without_an_id_is_said() -> None:
    """What is no source at all fails with what to give instead."""

    class Nothing(TestTiny):
        """The facts of the good source."""

        source = object()

    with pytest.raises(AssertionError, match="Fix: set `source` to the id"):
        Nothing().lab.surveys()


def test_a_source_that_is_not_installed_is_said() -> None:
    """An id that nobody provides fails with those that are there."""

    class Missing(TestTiny):
        """The facts of the good source."""

        source = "no_such_source"

    with pytest.raises(AssertionError, match=r"is installed\.\nFix: .*Use one of these"):
        Missing().lab.surveys()


@pytest.mark.parametrize(
    ("fact", "given"),
    [
        ("survey_id", 3),
        ("expected", []),
        ("personal", "ann@survey.example"),
        ("cassettes", "cassettes"),
        ("recorded_at", "2026-03-01"),
        ("now", datetime(2026, 6, 1)),  # noqa: DTZ001  # The fault.
    ],
)
def test_a_fact_of_another_kind_is_named(fact: str, given: object) -> None:
    """A fact that is no such thing fails by its name, whatever else it leads to."""
    wrong: type[SourceContract] = type("Wrong", (TestTiny,), {fact: given})
    said = run_test(wrong, "test_the_facts_of_the_test_are_good_enough").message
    assert f"The fact `{fact}` is a {type(given).__name__}, and should be a" in said


def test_a_scenario_without_a_recording_is_said(tmp_path: Path) -> None:
    """A cassette that is missing is a failure, and nothing is called in its place."""

    class Unrecorded(TestTiny):
        """The facts of the good source."""

        cassettes = tmp_path

    with pytest.raises(AssertionError, match=r"no recording surveys\.yaml(.|\n)*Fix: record"):
        Unrecorded().lab.surveys()
