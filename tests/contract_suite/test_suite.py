"""The contract suite passes a good source, and a bad one fails the test that is made for it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from smaply_metrics_core.testing import SourceContract
from tests.contract_suite.mutants import MUTANTS
from tests.contract_suite.tiny import FIRST, IP, TOKEN, Tiny


class TestTiny(SourceContract):
    """A source that keeps the contract passes every test of it."""

    source: ClassVar[Any] = Tiny()
    credentials: ClassVar = {"api_token": TOKEN}
    wrong_credentials: ClassVar = {"api_token": "the-wrong-token-of-tiny"}
    survey_id = "S3"
    recorded_at = FIRST + timedelta(days=41, seconds=41)
    personal = (IP,)


@pytest.mark.parametrize("fault", MUTANTS)
def test_a_bad_source_fails(fault: str) -> None:
    """The test that is made for a fault fails, says how to mend it, and tells no secret."""
    mutant, killer = MUTANTS[fault]

    class Contract(TestTiny):
        """The facts of the good source."""

        source = mutant

    with pytest.raises(AssertionError) as failure:
        getattr(Contract(), killer)()
    what, _, fix = str(failure.value).rpartition("\n")
    assert what
    assert fix.startswith("Fix: ")
    assert TOKEN not in what + fix


def test_a_source_without_an_id_is_said() -> None:
    """What is no source at all fails with what to give instead."""

    class Nothing(TestTiny):
        """The facts of the good source."""

        source = object()

    with pytest.raises(AssertionError, match="Fix: set `source` to the id"):
        Nothing().surveys()


def test_a_source_that_is_not_installed_is_said() -> None:
    """An id that nobody provides fails with those that are there."""

    class Missing(TestTiny):
        """The facts of the good source."""

        source = "no_such_source"

    with pytest.raises(AssertionError, match=r"is installed\.\nFix: .*Use one of these"):
        Missing().surveys()


def test_a_scenario_without_a_recording_is_said(tmp_path: Path) -> None:
    """A cassette that is missing is a failure, and nothing is called in its place."""

    class Unrecorded(TestTiny):
        """The facts of the good source."""

        cassettes = tmp_path

    with pytest.raises(AssertionError, match=r"no recording surveys\.yaml(.|\n)*Fix: record"):
        Unrecorded().surveys()
