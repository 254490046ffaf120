"""The report of the contract suite in pytest, which prints every skipped or excepted test.

pytest loads it in every run, so heavy modules are imported only in the hooks that use them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from unittest import SkipTest

import pytest

if TYPE_CHECKING:  # It loads httpx and Polars.
    from smaply_metrics_core.testing.suite.contract import SourceContract

EXCEPTION: Final = "contract exception"
OFF_MARKS: Final = {"skip", "skipif", "xfail"}
CONTRACTS: Final = pytest.StashKey[set["type[SourceContract]"]]()
NOT_RUN: Final = pytest.StashKey[set[str]]()
WORKER_NOT_RUN: Final = "smaply_metrics_not_run"
MAX_NAMED: Final = 5
CONTRACT_MODULE: Final = "smaply_metrics_core.testing.suite.contract"


def _contract_of(item: pytest.Item) -> type[SourceContract] | None:
    """Return the contract class of a test, if it has one, without importing the suite."""
    cls = getattr(item, "cls", None)
    return cls if _is_contract(cls) else None


def _is_contract(candidate: object) -> TypeGuard[type[SourceContract]]:
    module = sys.modules.get(CONTRACT_MODULE)
    return (
        module is not None
        and inspect.isclass(candidate)
        and issubclass(candidate, module.SourceContract)
    )


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> Generator[None, Any, Any]:
    """Store every contract class that is named as a test class, even if it is not collected."""
    items = yield
    named_as_tests = collector.classnamefilter(name)  # By the setting `python_classes`.
    if named_as_tests and _is_contract(obj) and obj.__module__ == collector.obj.__name__:
        collector.config.stash.setdefault(CONTRACTS, set()).add(obj)
    return items


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reject marks that would disable tests of the suite without a reason.

    Raises:
        pytest.UsageError: with the name of the class.
    """
    for item in items:
        contract = _contract_of(item)
        if contract is None:
            continue
        _require_guardian(contract)
        if item.name in contract.exceptions:
            continue
        marks = sorted({mark.name for mark in item.iter_markers()} & OFF_MARKS)
        if marks:
            from smaply_metrics_core.testing.suite.overrides import GUARDIAN

            reason = f'exceptions = {{"{item.name}": "…"}}'
            excuse = "" if item.name == GUARDIAN else f", or state the reason: {reason}"
            raise pytest.UsageError(
                f"{contract.__name__}: {item.name} has the mark {', '.join(marks)}, which weakens "
                f"the contract suite.\nFix: remove the mark{excuse}"
            )


def _require_guardian(contract: type[SourceContract]) -> None:
    from smaply_metrics_core.testing.suite.overrides import require_guardian

    try:
        require_guardian(contract)
    except AssertionError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Store which tests of the suite are not part of this run."""
    run: dict[type[SourceContract], set[str]] = {}
    for item in session.items:
        if (contract := _contract_of(item)) is not None:
            run.setdefault(contract, set()).add(getattr(item, "originalname", item.name))
    stash = session.config.stash
    not_run = stash.setdefault(NOT_RUN, set())
    contracts = {*stash.get(CONTRACTS, set()), *run}
    if not contracts:
        return
    from smaply_metrics_core.testing.suite.runner import contract_test_names

    for contract in contracts:
        names = contract_test_names(contract)
        missing = [name for name in names if name not in run.get(contract, set())]
        if missing:
            listed = f": {', '.join(missing)}" if len(missing) <= MAX_NAMED else ""
            not_run.add(
                f"{contract.__name__}: {len(missing)} of {len(names)} tests are not part of this "
                f"run{listed}."
            )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the result of a pytest-xdist worker to the reporting process."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        not_run: set[str] = session.config.stash.get(NOT_RUN, set())
        output[WORKER_NOT_RUN] = sorted(not_run)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401  # A class of pytest-xdist, optional.
    """Read the result of a pytest-xdist worker; each worker collects all tests."""
    output = getattr(node, "workeroutput", None) or {}  # Missing if the worker crashed.
    node.config.stash.setdefault(NOT_RUN, set()).update(output.get(WORKER_NOT_RUN, ()))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that its class excepts with a reason, and store the reason for the report."""
    contract = _contract_of(item)
    if contract is None:
        return
    from smaply_metrics_core.testing.suite.overrides import overridden
    from smaply_metrics_core.testing.suite.runner import sample_note

    if note := sample_note(contract):
        item.user_properties.append((EXCEPTION, note))
    for name, reason in contract.exceptions.items():
        text = "".join(one for one in " ".join(str(reason).split()) if one.isprintable())
        item.user_properties.append((EXCEPTION, f"{contract.__name__}.{name}: {text}"))
    if item.name in contract.exceptions and item.name not in overridden(contract):
        pytest.skip(contract.exceptions[item.name])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print the line ``Fix: …`` of a failed contract test last."""
    error = None if call.excinfo is None else call.excinfo.value  # pytest replaces it for skips.
    report = yield
    contract = _contract_of(item)
    if contract is None:
        return report
    if _fail_foreign_skip(contract, getattr(item, "originalname", item.name), error, report):
        report.outcome = "failed"
    elif report.failed and isinstance(error, Exception):
        from smaply_metrics_core.testing.assertions import FIX, with_fix

        message = with_fix(error)
        by_suite = str(error).rpartition("\n")[2].startswith(FIX)
        report.longrepr = message if by_suite else f"{report.longreprtext}\n{message}"
        report.sections = []
    return report


def _fail_foreign_skip(
    contract: type[SourceContract],
    test: str,
    error: BaseException | None,
    report: pytest.TestReport,
) -> bool:
    """Replace the report of a test that code outside the suite skips or expects to fail.

    Returns:
        Whether the report was replaced.
    """
    from smaply_metrics_core.testing.assertions import foreign_skip, is_suite_skip
    from smaply_metrics_core.testing.suite.overrides import protected

    expected_to_fail = hasattr(report, "wasxfail")
    if (
        test in contract.exceptions
        or test not in protected()
        or not (expected_to_fail or report.skipped)
        or (report.skipped and isinstance(error, SkipTest) and is_suite_skip(error))
    ):
        return False
    if expected_to_fail:
        del report.wasxfail
    report.longrepr = str(foreign_skip(test, error or "it is expected to fail."))
    return True


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print every exception with its reason, and the tests that were not run."""
    exceptions = {
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == EXCEPTION
    }
    not_run = config.stash.get(NOT_RUN, set())
    if not exceptions and not not_run:
        return
    terminalreporter.section("contract suite: exceptions")
    for text in (*sorted(exceptions), *sorted(not_run)):
        terminalreporter.write_line(text)
