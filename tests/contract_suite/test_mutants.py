"""Correct sources pass the contract suite; a mutant fails the test that must detect it."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime
from pathlib import Path

import pytest

from smaply_metrics_core import AccessMissing
from smaply_metrics_core.testing import Refusal, SourceContract
from smaply_metrics_core.testing.suite.runner import run_test
from tests.contract_suite.mutants import __main__
from tests.contract_suite.mutants.contracts import HttpContract, InMemoryContract, RpcContract
from tests.contract_suite.mutants.entered_contract import EnteredContract
from tests.contract_suite.mutants.in_memory_source import InMemorySource
from tests.contract_suite.mutants.registry import Mutant, is_killed, mutants

MIN_MUTANTS = 281


class TestTiny(InMemoryContract):
    """A correct source in memory passes every contract test."""


@pytest.mark.deep(reason="the contract tests of Form Garden cover HTTP on every change")
class TestRemote(HttpContract):
    """A correct source over HTTP passes every contract test."""


@pytest.mark.deep(reason="the contract tests of LimeSurvey cover sessions on every change")
class TestRpc(RpcContract):
    """A correct source with login sessions passes every contract test."""


class TestEntered(EnteredContract):
    """The source of entered values passes every contract test."""


EVERY = 20
FIRST = 1
"""One in ``EVERY`` mutants runs on every change. Those from the second one on include few that leak
a secret late, which take seconds."""
SLOW = "test_retries_are_left_to_the_client"
"""A test that tries each request of each scenario, which takes more than a second."""
DEEP = pytest.mark.deep(reason="the whole set of mutants")


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(
            mutant,
            id=mutant.name,
            marks=() if number % EVERY == FIRST and mutant.killer != SLOW else DEEP,
        )
        for number, mutant in enumerate(mutants())
    ],
)
def test_a_bad_source_fails(mutant: Mutant) -> None:
    """The test of a fault fails with a fix and without a secret."""
    result = mutant.result()
    assert is_killed(result), f"{mutant.killer}: {result}"
    for secret in mutant.contract_class()().lab.secrets():
        assert secret not in result.message


def test_each_test_of_the_source_has_a_mutant() -> None:
    """Each test of the source has a mutant, unlike tests of the contract class."""
    of_the_class = {
        "test_every_exception_has_a_reason",
        "test_the_facts_of_the_test_are_good_enough",
        "test_every_recording_is_played",
        "test_no_credential_is_recorded",
    }
    tests = {name for name in dir(SourceContract) if name.startswith("test_")}
    assert tests - of_the_class - {mutant.killer for mutant in mutants()} == set()


@pytest.mark.parametrize("survives", [False, True])
def test_the_command_runs_every_mutant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, survives: bool
) -> None:
    """The command prints the surviving mutants and exits with 1 if there are any."""
    few = mutants()[:2]
    if survives:
        few = (*few, dataclasses.replace(few[0], name="does nothing wrong", make=InMemorySource))
    monkeypatch.setattr(__main__, "mutants", lambda: few)
    monkeypatch.setattr(__main__, "false_failures", tuple)
    ended = __main__.main(["--json"])
    survivors = ["does nothing wrong"] if survives else []
    assert ended == len(survivors)
    assert json.loads(capsys.readouterr().out) == {
        "mutants": len(few),
        "killed": 2,
        "survivors": survivors,
    }


def test_there_are_many_mutants() -> None:
    """There are many mutants with unique names."""
    assert len({mutant.name for mutant in mutants()}) >= MIN_MUTANTS


def test_a_source_without_an_id_is_reported() -> None:
    """An object that is not a source fails with a fix."""

    class Nothing(TestTiny):
        """The facts of the good source."""

        source = object()

    with pytest.raises(AssertionError, match="Fix: set `source` to an id"):
        Nothing().lab.surveys()


def test_a_source_that_is_not_installed_is_reported() -> None:
    """An unknown id fails with a list of the installed ones."""

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
        ("excluded_at", "2026-03-01"),
        ("empty_survey_ids", "S4"),
        ("now", datetime(2026, 6, 1)),  # noqa: DTZ001  # The fault.
    ],
)
def test_a_fact_of_another_type_is_named(fact: str, given: object) -> None:
    """A fact of another type fails with its name."""
    wrong: type[SourceContract] = type("Wrong", (TestTiny,), {fact: given})
    message = run_test(wrong, "test_the_facts_of_the_test_are_good_enough").message
    assert f"The fact `{fact}` is a {type(given).__name__}, but must be a" in message


@pytest.mark.parametrize("refusals", [{403: Refusal(b"{}", AccessMissing)}, {"locked": b"{}"}])
def test_a_refusal_of_another_type_is_named(refusals: object) -> None:
    """A refusal by a status is a body, and one by a name a ``Refusal``."""
    wrong: type[SourceContract] = type("Wrong", (TestTiny,), {"refusals": refusals})
    message = run_test(wrong, "test_the_facts_of_the_test_are_good_enough").message
    assert "The fact `refusals` has a" in message


def test_a_refusal_that_no_request_gets_is_reported() -> None:
    """A refusal whose text occurs in no request would test nothing."""
    refusals = {"locked": Refusal(b"{}", AccessMissing, at="no such call")}
    wrong: type[SourceContract] = type("Wrong", (RpcContract,), {"refusals": refusals})
    message = run_test(wrong, "test_a_refusal_with_status_200_is_reported").message
    assert message.startswith("No request is answered when the refusal “locked” is returned.")


@pytest.mark.parametrize(
    ("fact", "test"),
    [
        ("empty_survey_ids", "test_an_empty_survey_counts_zero"),
        ("excluded_at", "test_excluded_responses_belong_to_their_date_range"),
        ("expected", "test_choices_have_the_order_of_the_survey"),
    ],
)
def test_a_missing_fact_is_a_warning(fact: str, test: str) -> None:
    """A test that requires a fact passes without it, with a warning."""
    less = type("Less", (TestTiny,), {fact: {"expected": {}}.get(fact)})
    result = run_test(less, test)
    assert result.outcome == "passed"
    assert f"The fact `{fact}`" in result.warnings[0]


def test_a_scenario_without_a_recording_is_reported(tmp_path: Path) -> None:
    """A missing cassette is a failure, and no request is sent."""

    class Unrecorded(TestTiny):
        """The facts of the good source."""

        cassettes = tmp_path

    with pytest.raises(AssertionError, match=r"no cassette surveys\.yaml(.|\n)*Fix: record"):
        Unrecorded().lab.surveys()
