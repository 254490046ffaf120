"""Replaced parts of the suite are detected."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import SkipTest

import pytest

from smaply_metrics_core import Clock
from smaply_metrics_core.testing import SourceContract
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.suite import fault_injection, overrides, tally_invariants
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.overrides import GUARDIAN
from smaply_metrics_core.testing.suite.runner import contract_test_names, run_test
from smaply_metrics_core.testing.suite.scenarios import every_scenario
from smaply_metrics_core.testing.suite.subjects import debug_bundles, http_faults
from tests.contract_suite.mutants.contracts import InMemoryContract

pytest_plugins = ["pytester"]

REASON = "Tiny has only a single page by design"
SUITE = """
from tests.contract_suite.mutants.contracts import InMemoryContract
from tests.contract_suite.mutants.in_memory_source import InMemorySource
"""


def fails(contract: type[InMemoryContract]) -> str:
    """Return the message with which the protecting test fails."""
    verdict = run_test(contract, GUARDIAN)
    assert verdict.outcome == "failed"
    assert verdict.message.rpartition("\n")[2].startswith("Fix: ")
    return verdict.message


def test_a_replaced_test_is_named() -> None:
    """A class that replaces a test fails with both names."""

    class Quiet(InMemoryContract):
        """A class with a test that checks nothing."""

        def test_the_check_passes(self) -> None:
            """Pass."""

    assert "Quiet replaces test_the_check_passes" in fails(Quiet)


def test_a_removed_test_is_named() -> None:
    """A class that removes a test fails."""

    class Less(InMemoryContract):
        """A class without a test."""

        test_the_check_passes = None  # type: ignore[assignment]  # The fault.

    assert "Less replaces test_the_check_passes" in fails(Less)


def test_a_test_replaced_afterwards_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A class whose test is replaced later fails."""

    class Later(InMemoryContract):
        """A class that is changed later."""

    monkeypatch.setattr(Later, "test_the_check_passes", lambda _: None, raising=False)
    assert "Later replaces test_the_check_passes" in fails(Later)


def test_a_replaced_lab_is_named() -> None:
    """A class with its own lab fails, whether it replaces the property or the stored lab."""

    class NoLab(Lab):
        """A lab that runs nothing."""

        def run(self, scenario: str, work: object, *, values: object = None) -> Any:  # noqa: ANN401
            """Return nothing."""

    class Clever(InMemoryContract):
        """A class that replaces the property."""

        lab = NoLab(InMemoryContract())

    class Sly(InMemoryContract):
        """A class that replaces the stored lab."""

        _lab = NoLab(InMemoryContract())

    class Borrower(InMemoryContract):
        """A class with the lab of another source."""

        source = "there_is_no_such_source"
        _lab = InMemoryContract().lab

    assert "Clever replaces lab" in fails(Clever)
    assert "Sly replaces _lab" in fails(Sly)
    assert "Borrower replaces _lab" in fails(Borrower)
    with pytest.raises(AssertionError, match="uses the lab of InMemoryContract"):
        Borrower().test_the_check_passes()


def test_a_replaced_method_of_the_lab_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change to the class of the lab fails every contract class."""
    monkeypatch.setattr(Lab, "expect_no_leak", lambda *_: None)
    assert "InMemoryContract replaces Lab.expect_no_leak" in fails(InMemoryContract)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (fault_injection, "every_fault"),
        (fault_types, "outages"),
        (every_scenario, "every_scenario"),
        (http_faults, "expect_reported"),
        (tally_invariants, "check_groups"),
        (debug_bundles, "contains_secret"),
        (overrides, "overridden"),
    ],
)
def test_a_replaced_helper_is_named(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    """A replaced function that tests use fails, where it is defined or imported."""
    original = getattr(module, name)
    monkeypatch.setattr(module, name, partial(original))
    assert f"InMemoryContract replaces {module.__name__}.{name} of" in fails(InMemoryContract)


def test_a_helper_may_be_replaced_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reason, a helper may be replaced like a test."""
    monkeypatch.setattr(fault_types, "outages", lambda: ())

    class Honest(InMemoryContract):
        """A class with a reason."""

        exceptions = {f"{fault_types.__name__}.outages": REASON}  # noqa: RUF012  # A fact.

    assert run_test(Honest, GUARDIAN).outcome == "passed"
    assert "InMemoryContract replaces" in fails(InMemoryContract)


@pytest.mark.parametrize("reason", ["", "   ", "slow"])
def test_a_reason_is_a_sentence(reason: str) -> None:
    """The reason of an exception must be a sentence."""

    class Short(InMemoryContract):
        """A class with a short reason."""

        exceptions = {"test_the_check_passes": reason}  # noqa: RUF012  # A fact.

    assert "Short has an exception for test_the_check_passes" in fails(Short)


@pytest.mark.parametrize("name", ["test_that_is_not_there", GUARDIAN])
def test_an_exception_is_for_a_part_of_the_suite(name: str) -> None:
    """An exception must be for a part of the suite except the protecting test."""

    class Vain(InMemoryContract):
        """A class with an invalid exception."""

        exceptions = {name: REASON}  # noqa: RUF012  # A fact.

    assert f"Vain has an exception for {name}" in fails(Vain)


def test_the_guardian_itself_cannot_be_replaced() -> None:
    """A class that replaces the protecting test cannot be defined."""
    with pytest.raises(AssertionError, match=r"Unwatched replaces (.|\n)*Fix: "):
        type("Unwatched", (InMemoryContract,), {GUARDIAN: None})


def test_a_sample_of_faults_has_a_reason() -> None:
    """A class that tries a sample of faults states where all of them are tried."""

    class Hasty(InMemoryContract):
        """A class without a reason."""

        fault_sample = "yes"

    message = run_test(Hasty, GUARDIAN).message
    assert "tries each fault at one request only, with the reason “yes”.\nFix: " in message


def test_exceptions_are_a_dictionary() -> None:
    """A class whose exceptions have no reasons cannot be defined."""
    with pytest.raises(AssertionError, match=r"`exceptions` of Listed is a list(.|\n)*Fix: "):
        type("Listed", (InMemoryContract,), {"exceptions": ["test_the_check_passes"]})


def test_the_guardian_cannot_be_replaced_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test fails if a base class or later code replaces the protecting test."""
    other_base = type("OtherBase", (), {GUARDIAN: lambda _: None})
    with pytest.raises(AssertionError, match="Unwatched replaces"):
        type("Unwatched", (other_base, InMemoryContract), {})

    class Later(InMemoryContract):
        """A class that is changed later."""

    monkeypatch.setattr(Later, GUARDIAN, lambda _: None, raising=False)
    for name in (GUARDIAN, "test_the_check_passes"):
        verdict = run_test(Later, name)
        assert verdict.outcome == "failed"
        assert f"Later replaces {GUARDIAN}" in verdict.message


@pytest.mark.parametrize("name", ["__getattribute__", "__new__", "__init_subclass__"])
def test_special_methods_are_protected(name: str) -> None:
    """A class with a special method that can replace attributes fails."""
    between = type("Between", (InMemoryContract,), {name: getattr(object, name)})
    assert f"Sly replaces {name}" in fails(type("Sly", (between,), {}))


def test_a_metaclass_is_named() -> None:
    """A class with a metaclass fails."""

    class Giving(type):
        """A metaclass."""

    class Sly(InMemoryContract, metaclass=Giving):
        """A class with a metaclass."""

    assert "Sly replaces metaclass" in fails(Sly)


def test_a_changed_suite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change to the suite itself fails every contract class."""
    monkeypatch.setattr(SourceContract, "test_the_check_passes", lambda _: None)
    assert "InMemoryContract replaces test_the_check_passes" in fails(InMemoryContract)


def test_a_fact_skips_nothing() -> None:
    """A fact cannot skip a test."""

    class Tired(InMemoryContract):
        """A class with a clock that skips."""

        def clock(self) -> Clock:
            """Skip the test."""
            raise SkipTest("not today")

    verdict = run_test(Tired, "test_the_check_passes")
    assert verdict.outcome == "failed"
    assert "was skipped from outside the suite: not today\nFix: " in verdict.message


def test_an_exception_with_a_reason_is_reported() -> None:
    """A test with a reason is skipped or replaced, and its result contains the reason."""

    class Honest(InMemoryContract):
        """A class with a reason."""

        exceptions = {"test_the_check_passes": REASON}  # noqa: RUF012  # A fact.

    verdict = run_test(Honest, "test_the_check_passes")
    assert (verdict.outcome, verdict.message) == ("excepted", REASON)
    assert run_test(Honest, GUARDIAN).outcome == "passed"


def test_the_report_prints_each_exception(pytester: pytest.Pytester) -> None:
    """Pytest skips an excepted test and prints the reason at the end of every run."""
    pytester.makepyfile(
        SUITE
        + f"""
class TestHonest(InMemoryContract):
    exceptions = {{"test_the_check_passes": "{REASON}"}}
    fault_sample = "TestInDepth tries all of them before each merge."
"""
    )
    done = pytester.runpytest_inprocess("-q", "-k", "guardian or passes or reason")
    done.stdout.fnmatch_lines(
        [
            "*contract suite: exceptions*",
            f"TestHonest.test_the_check_passes: {REASON}",
            "TestHonest: each fault is tried at one request*TestInDepth tries all of them*",
            (
                f"TestHonest: {len(contract_test_names(InMemoryContract)) - 2} of "
                f"{len(contract_test_names(InMemoryContract))} tests are not part of this run."
            ),
        ]
    )
    done.assert_outcomes(
        passed=1, skipped=1, deselected=len(contract_test_names(InMemoryContract)) - 2
    )


@pytest.mark.parametrize("mark", ["skip", "xfail", "skipif(True, reason='later')"])
def test_a_mark_that_disables_a_test_is_a_usage_error(pytester: pytest.Pytester, mark: str) -> None:
    """A mark that skips a test or expects it to fail requires a reason in `exceptions`."""
    pytester.makepyfile(
        SUITE + f"import pytest\n\n@pytest.mark.{mark}\nclass TestOff(InMemoryContract): pass\n"
    )
    done = pytester.runpytest_inprocess("-q")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    # The first test is the protecting one, which allows no exception.
    done.stderr.fnmatch_lines([f"*TestOff: {GUARDIAN} has the mark *", "Fix: remove the mark"])


@pytest.mark.parametrize(
    "switch",
    [
        "@pytest.fixture(autouse=True)\ndef off(): pytest.skip('later')",
        "@pytest.fixture(autouse=True)\ndef off(): pytest.xfail('later')",
        (
            "@pytest.fixture(autouse=True)\n"
            "def off(request): request.node.add_marker(pytest.mark.xfail(reason='later'))"
        ),
        "def pytest_runtest_setup(item): pytest.skip('later')",
        (
            "@pytest.hookimpl(trylast=True)\ndef pytest_collection_modifyitems(items):\n"
            "    [item.add_marker(pytest.mark.skip(reason='later')) for item in items]"
        ),
    ],
)
def test_a_test_skipped_by_other_code_fails(pytester: pytest.Pytester, switch: str) -> None:
    """A test that a fixture or a hook skips or expects to fail is reported as failed."""
    pytester.makeconftest(f"import pytest\n\n{switch}\n")
    pytester.makepyfile(SUITE + "class TestOff(InMemoryContract): pass\n")
    done = pytester.runpytest_inprocess("-q", "-k", "check_passes")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["test_the_check_passes was skipped from outside *", "Fix: *"])


@pytest.mark.deep(reason="runs a whole suite with and without workers")
@pytest.mark.parametrize(
    "switch",
    [
        (
            "def pytest_collection_modifyitems(items):\n"
            "    items[:] = [item for item in items if 'check_passes' not in item.name]"
        ),
        (
            "import pytest\n@pytest.hookimpl(tryfirst=True)\n"
            "def pytest_pycollect_makeitem(name): return [] if 'check_passes' in name else None"
        ),
    ],
)
@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_the_report_names_removed_tests(
    pytester: pytest.Pytester, switch: str, workers: tuple[str, ...]
) -> None:
    """Tests that a hook removes from the run are named, with and without workers."""
    pytester.makeconftest(switch)
    pytester.makepyfile(SUITE + "class TestLess(InMemoryContract): pass\n")
    done = pytester.runpytest_subprocess("-q", *workers)
    of_all = f"1 of {len(contract_test_names(InMemoryContract))} tests are not part of this run"
    done.stdout.fnmatch_lines([f"TestLess: {of_all}: test_the_check_passes."])


def test_the_report_names_a_class_that_pytest_does_not_collect(pytester: pytest.Pytester) -> None:
    """A class with the name of a test class that is not collected is reported."""
    pytester.makepyfile(
        SUITE + "class TestOff(InMemoryContract): __test__ = False\n\ndef test_other(): pass\n"
    )
    done = pytester.runpytest_inprocess("-q")
    done.assert_outcomes(passed=1)
    count = len(contract_test_names(InMemoryContract))
    done.stdout.fnmatch_lines([f"TestOff: {count} of {count} tests are not part of this run."])


def test_the_report_of_a_failure_ends_with_its_fix(pytester: pytest.Pytester) -> None:
    """A failure is reported in two lines, without code of the suite or logs."""
    pytester.makepyfile(
        SUITE
        + """
class TestBroken(InMemoryContract):
    source = InMemorySource(listed=InMemorySource().listed[:2])
"""
    )
    done = pytester.runpytest_inprocess("-q", "-k", "list_of_surveys", "--tb=short")
    done.assert_outcomes(failed=1, deselected=len(contract_test_names(InMemoryContract)) - 1)
    lines = done.stdout.lines
    fix = next(number for number, line in enumerate(lines) if line.startswith("Fix: "))
    assert "The survey S3 is not among the 2 listed ones." in lines[fix - 1]
    assert lines[fix + 1].startswith("=")


def test_a_missing_cassette_is_reported(tmp_path: Path) -> None:
    """A scenario without a cassette fails."""
    (tmp_path / "stray.yaml").write_text("interactions: []\nversion: 1\n", encoding="utf-8")

    class Recorded(InMemoryContract):
        """A class with a folder of recordings."""

        cassettes = tmp_path

    message = run_test(Recorded, "test_every_recording_is_played").message
    assert "There is no cassette check.yaml" in message
