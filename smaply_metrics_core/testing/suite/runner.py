"""Runs contract classes without pytest, for the command, recording and mutation tests."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal
from unittest import SkipTest

from smaply_metrics_core.testing.assertions import (
    ContractWarning,
    foreign_skip,
    is_suite_skip,
    with_fix,
)
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.overrides import check_exceptions, overridden

ContractOutcome = Literal["passed", "failed", "skipped", "excepted"]


@dataclass(frozen=True)
class ContractTestResult:
    """The result of one test.

    Attributes:
        test: The name of the test.
        rule: The docstring of the test.
        outcome: ``excepted`` if the class states a reason for skipping or replacing the test.
        message: The failure, with a last line ``Fix: …``, or the reason for skipping.
        seconds: The duration of the test.
        warnings: What the test could not check with the facts and the account.
    """

    test: str
    rule: str
    outcome: ContractOutcome
    message: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()


def sample_note(contract: type[SourceContract]) -> str:
    """Return what reports print about a class that tries a sample of faults; empty for others."""
    where = " ".join(str(contract.fault_sample).split())
    if not where:
        return ""
    return (
        f"{contract.__name__}: each fault is tried at one request of a call, not at every one. "
        f"{where}"
    )


def contract_test_names(contract: type[SourceContract]) -> tuple[str, ...]:
    """Return the names of all tests of a class, including its own, in the order of pytest."""
    ordered = dict.fromkeys(name for base in reversed(contract.__mro__) for name in vars(base))
    return tuple(name for name in ordered if name.startswith("test_"))


def run_tests(
    contract: type[SourceContract], tests: Iterable[str] = ()
) -> Iterator[ContractTestResult]:
    """Run the given tests of a class, or all of them, and yield each result with its duration."""
    for name in tests or contract_test_names(contract):
        started = time.perf_counter()
        result = run_test(contract, name)
        yield replace(result, seconds=time.perf_counter() - started)


def run_test(contract: type[SourceContract], name: str) -> ContractTestResult:
    """Run a test and return its result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ContractWarning)
        result = _outcome(contract, name)
    by_suite = [one for one in caught if issubclass(one.category, ContractWarning)]
    for one in caught:
        if one not in by_suite:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return replace(result, warnings=tuple(dict.fromkeys(str(one.message) for one in by_suite)))


def _outcome(contract: type[SourceContract], name: str) -> ContractTestResult:
    test = getattr(contract, name)
    rule = (getattr(test, "__doc__", "") or "").strip()
    try:
        check_exceptions(contract)
        if name in contract.exceptions and name not in overridden(contract):
            return ContractTestResult(name, rule, "excepted", contract.exceptions[name])
        getattr(contract(), name)()
    except SkipTest as skip:
        if name not in contract.exceptions and not is_suite_skip(skip):
            return ContractTestResult(name, rule, "failed", str(foreign_skip(name, skip)))
        return ContractTestResult(name, rule, "skipped", str(skip))
    except Exception as error:  # noqa: BLE001  # Any error is a failure of the test.
        return ContractTestResult(name, rule, "failed", with_fix(error))
    reason = contract.exceptions.get(name, "")
    return ContractTestResult(name, rule, "excepted" if reason else "passed", reason)
