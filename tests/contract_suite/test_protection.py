"""Nobody weakens the suite quietly."""

from __future__ import annotations

from pathlib import Path

import pytest

from smaply_metrics_core.testing.mutants.facts import TinyContract
from smaply_metrics_core.testing.protecting import GUARDIAN
from smaply_metrics_core.testing.running import names_of_tests, run_test

pytest_plugins = ["pytester"]

REASON = "Tiny has a single page, by design of its makers"
SUITE = """
from smaply_metrics_core.testing.mutants.facts import TinyContract
from smaply_metrics_core.testing.mutants.tiny import Tiny
"""


def fails(contract: type[TinyContract]) -> str:
    """Give what the guardian says of a class that it fails."""
    verdict = run_test(contract, GUARDIAN)
    assert verdict.outcome == "failed"
    assert verdict.said.rpartition("\n")[2].startswith("Fix: ")
    return verdict.said


def test_a_replaced_test_is_named() -> None:
    """A class that replaces a test fails by its name and the test's."""

    class Quiet(TinyContract):
        """A class that passes whatever comes."""

        def test_the_check_passes(self) -> None:
            """Pass."""

    assert "Quiet replaces test_the_check_passes" in fails(Quiet)


def test_a_removed_test_is_named() -> None:
    """So does one that removes it."""

    class Less(TinyContract):
        """A class with a test less."""

        test_the_check_passes = None  # type: ignore[assignment]  # The fault.

    assert "Less replaces test_the_check_passes" in fails(Less)


def test_a_test_replaced_afterwards_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """So does one whose test is taken from it later."""

    class Later(TinyContract):
        """A class that is well at first."""

    monkeypatch.setattr(Later, "test_the_check_passes", lambda _: None, raising=False)
    assert "Later replaces test_the_check_passes" in fails(Later)


def test_what_tests_are_made_of_is_protected_too() -> None:
    """A class that answers in the source's place fails as well."""

    class Clever(TinyContract):
        """A class that knows every answer."""

        def every_fault(self) -> tuple[()]:
            """Try nothing."""
            return ()

    assert "Clever replaces every_fault" in fails(Clever)


@pytest.mark.parametrize("reason", ["", "   ", "slow"])
def test_a_reason_is_a_sentence(reason: str) -> None:
    """An exception without a reason, or with one that says nothing, is none."""

    class Short(TinyContract):
        """A class of few words."""

        exceptions = {"test_the_check_passes": reason}  # noqa: RUF012  # A fact.

    assert "Short makes an exception of test_the_check_passes" in fails(Short)


@pytest.mark.parametrize("name", ["test_that_is_not_there", GUARDIAN])
def test_an_exception_is_of_something(name: str) -> None:
    """An exception names a part of the suite, and never the test that watches over it."""

    class Vain(TinyContract):
        """A class with a wrong exception."""

        exceptions = {name: REASON}  # noqa: RUF012  # A fact.

    assert f"Vain makes an exception of {name}" in fails(Vain)


def test_the_guardian_itself_cannot_be_replaced() -> None:
    """A class that replaces the watching test cannot be made at all."""
    with pytest.raises(AssertionError, match=r"Unwatched replaces (.|\n)*Fix: "):
        type("Unwatched", (TinyContract,), {GUARDIAN: None})


def test_an_exception_with_a_reason_is_told() -> None:
    """With a reason a test is left out, or replaced, and its verdict says why."""

    class Honest(TinyContract):
        """A class with a reason."""

        exceptions = {"test_the_check_passes": REASON}  # noqa: RUF012  # A fact.

    verdict = run_test(Honest, "test_the_check_passes")
    assert (verdict.outcome, verdict.said) == ("excepted", REASON)
    assert run_test(Honest, GUARDIAN).outcome == "passed"


def test_the_report_prints_each_exception(pytester: pytest.Pytester) -> None:
    """Pytest leaves out what is excepted, and prints the reason at the end of every run."""
    pytester.makepyfile(
        SUITE
        + f"""
class TestHonest(TinyContract):
    exceptions = {{"test_the_check_passes": "{REASON}"}}
"""
    )
    done = pytester.runpytest_inprocess("-q", "-k", "guardian or passes or reason")
    done.stdout.fnmatch_lines(
        [
            "*contract suite: exceptions*",
            f"TestHonest.test_the_check_passes: {REASON}",
            f"{len(names_of_tests(TinyContract)) - 2} tests of the contract suite were deselected.",
        ]
    )
    done.assert_outcomes(passed=1, skipped=1, deselected=len(names_of_tests(TinyContract)) - 2)


@pytest.mark.parametrize("mark", ["skip", "xfail", "skipif(True, reason='later')"])
def test_a_mark_that_switches_a_test_off_ends_the_run(pytester: pytest.Pytester, mark: str) -> None:
    """A skip or an expected failure needs a reason in `exceptions`, like any other."""
    pytester.makepyfile(
        SUITE + f"import pytest\n\n@pytest.mark.{mark}\nclass TestOff(TinyContract): pass\n"
    )
    done = pytester.runpytest_inprocess("-q")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*TestOff: test_* is marked *", "Fix: *"])


def test_the_report_of_a_failure_ends_with_its_fix(pytester: pytest.Pytester) -> None:
    """What fails is told in two lines, without the suite's own code and the log of the run."""
    pytester.makepyfile(
        SUITE
        + """
class TestBroken(TinyContract):
    source = Tiny(listed=Tiny().listed[:2])
"""
    )
    done = pytester.runpytest_inprocess("-q", "-k", "list_of_surveys", "--tb=short")
    done.assert_outcomes(failed=1, deselected=len(names_of_tests(TinyContract)) - 1)
    lines = done.stdout.lines
    fix = next(number for number, line in enumerate(lines) if line.startswith("Fix: "))
    assert "The survey S3 is not among the 2 listed." in lines[fix - 1]
    assert lines[fix + 1].startswith("=")


def test_a_recording_that_nothing_plays_is_named(tmp_path: Path) -> None:
    """A cassette of no scenario fails the class; so does a scenario without one."""
    (tmp_path / "stray.yaml").write_text("interactions: []\nversion: 1\n", encoding="utf-8")

    class Recorded(TinyContract):
        """A class with a folder of recordings."""

        cassettes = tmp_path

    said = run_test(Recorded, "test_every_recording_is_played").said
    assert "There is no recording check.yaml" in said
