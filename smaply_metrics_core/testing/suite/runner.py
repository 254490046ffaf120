"""Runs contract classes without a test runner: for mutants, for the command, for recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from unittest import SkipTest

from smaply_metrics_core.testing.assertions import left_out_by_others, left_out_by_suite, with_fix
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.overrides import changed, check_exceptions

ContractOutcome = Literal["passed", "failed", "skipped", "excepted"]


@dataclass(frozen=True)
class ContractTestResult:
    """What came of one test.

    Attributes:
        test: Its name.
        asks: What it says of itself.
        outcome: ``excepted`` where the class gives a reason for leaving it out.
        said: Why it failed, with a last line ``Fix: …``; or why it was left out.
    """

    test: str
    asks: str
    outcome: ContractOutcome
    said: str = ""


def names_of_tests(contract: type[SourceContract]) -> tuple[str, ...]:
    """Name the tests of a class, those that it adds among them."""
    return tuple(name for name in dir(contract) if name.startswith("test_"))


def run_tests(
    contract: type[SourceContract], tests: Iterable[str] = ()
) -> Iterator[ContractTestResult]:
    """Run tests of a class, all of them unless some are named."""
    for name in tests or names_of_tests(contract):
        yield run_test(contract, name)


def run_test(contract: type[SourceContract], name: str) -> ContractTestResult:
    """Run one test."""
    test = getattr(contract, name)
    asks = (getattr(test, "__doc__", "") or "").strip()
    try:
        check_exceptions(contract)
        if name in contract.exceptions and name not in changed(contract):
            return ContractTestResult(name, asks, "excepted", contract.exceptions[name])
        getattr(contract(), name)()
    except SkipTest as reason:
        if name not in contract.exceptions and not left_out_by_suite(reason):
            return ContractTestResult(name, asks, "failed", str(left_out_by_others(name, reason)))
        return ContractTestResult(name, asks, "skipped", str(reason))
    except Exception as error:  # noqa: BLE001  # Whatever a test ends with is its verdict.
        return ContractTestResult(name, asks, "failed", with_fix(error))
    said = contract.exceptions.get(name, "")
    return ContractTestResult(name, asks, "excepted" if said else "passed", said)
