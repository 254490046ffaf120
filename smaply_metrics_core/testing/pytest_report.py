"""What pytest reports of the contract suite: nothing of it is left out without being told.

pytest loads it in every run, so nothing heavy is imported here before it is used.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from unittest import SkipTest

import pytest

if TYPE_CHECKING:
    from smaply_metrics_core.testing.suite.contract import SourceContract

EXCEPTION: Final = "contract exception"
OFF_MARKS: Final = {"skip", "skipif", "xfail"}
SEEN: Final = pytest.StashKey[set["type[SourceContract]"]]()
LEFT: Final = pytest.StashKey[set[str]]()
LEFT_BY_WORKER: Final = "smaply_metrics_left"
MOST_NAMED: Final = 5
CONTRACT: Final = "smaply_metrics_core.testing.suite.contract"


def _contract_of(item: pytest.Item) -> type[SourceContract] | None:
    """Give the contract class that a test belongs to, if it is one; loads nothing for that."""
    cls = getattr(item, "cls", None)
    return cls if _is_contract(cls) else None


def _is_contract(given: object) -> TypeGuard[type[SourceContract]]:
    module = sys.modules.get(CONTRACT)
    return (
        module is not None and inspect.isclass(given) and issubclass(given, module.SourceContract)
    )


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> Generator[None, Any, Any]:
    """Note every contract class that has the name of tests, also one that is then left out."""
    made = yield
    named_as_tests = collector.classnamefilter(name)  # By the setting `python_classes`.
    if named_as_tests and _is_contract(obj) and obj.__module__ == collector.obj.__name__:
        collector.config.stash.setdefault(SEEN, set()).add(obj)
    return made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse marks that would switch tests of the suite off without a reason.

    Raises:
        pytest.UsageError: naming the class.
    """
    for item in items:
        contract = _contract_of(item)
        if contract is None:
            continue
        _refuse_unwatched(contract)
        if item.name in contract.exceptions:
            continue
        marks = sorted({mark.name for mark in item.iter_markers()} & OFF_MARKS)
        if marks:
            from smaply_metrics_core.testing.suite.overrides import GUARDIAN

            reason = f'exceptions = {{"{item.name}": "…"}}'
            excuse = "" if item.name == GUARDIAN else f", or give the reason: {reason}"
            raise pytest.UsageError(
                f"{contract.__name__}: {item.name} is marked {', '.join(marks)}, which weakens the "
                f"contract suite.\nFix: remove the mark{excuse}"
            )


def _refuse_unwatched(contract: type[SourceContract]) -> None:
    from smaply_metrics_core.testing.suite.overrides import refuse_unwatched

    try:
        refuse_unwatched(contract)
    except AssertionError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which tests of the suite a run leaves out, whoever has chosen that, and how."""
    run: dict[type[SourceContract], set[str]] = {}
    for item in session.items:
        if (contract := _contract_of(item)) is not None:
            run.setdefault(contract, set()).add(getattr(item, "originalname", item.name))
    stash = session.config.stash
    left = stash.setdefault(LEFT, set())
    contracts = {*stash.get(SEEN, set()), *run}
    if not contracts:
        return
    from smaply_metrics_core.testing.suite.runner import names_of_tests

    for contract in contracts:
        names = names_of_tests(contract)
        missing = [name for name in names if name not in run.get(contract, set())]
        if missing:
            few = f": {', '.join(missing)}" if len(missing) <= MOST_NAMED else ""
            left.add(
                f"{contract.__name__}: {len(missing)} of {len(names)} tests are no part of this "
                f"run{few}."
            )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what a worker of pytest-xdist has noted to the process that reports."""
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        left: set[str] = session.config.stash.get(LEFT, set())
        told[LEFT_BY_WORKER] = sorted(left)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:  # noqa: ANN401  # Of pytest-xdist, if it is there.
    """Take what a worker of pytest-xdist has noted; each has collected everything."""
    told = getattr(node, "workeroutput", None) or {}  # None of it when the worker has crashed.
    node.config.stash.setdefault(LEFT, set()).update(told.get(LEFT_BY_WORKER, ()))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what a class has excepted with a reason, and note it for the report."""
    contract = _contract_of(item)
    if contract is None:
        return
    from smaply_metrics_core.testing.suite.overrides import changed

    for name, reason in contract.exceptions.items():
        said = "".join(one for one in " ".join(str(reason).split()) if one.isprintable())
        item.user_properties.append((EXCEPTION, f"{contract.__name__}.{name}: {said}"))
    if item.name in contract.exceptions and item.name not in changed(contract):
        pytest.skip(contract.exceptions[item.name])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the report of a failed contract test end with its line ``Fix: …``, and nothing after."""
    error = None if call.excinfo is None else call.excinfo.value  # pytest puts another for a skip.
    report = yield
    contract = _contract_of(item)
    if contract is None:
        return report
    if _left_out(contract, getattr(item, "originalname", item.name), error, report):
        report.outcome = "failed"
    elif report.failed and isinstance(error, Exception):
        from smaply_metrics_core.testing.assertions import FIX, with_fix

        said = with_fix(error)
        by_suite = str(error).rpartition("\n")[2].startswith(FIX)
        report.longrepr = said if by_suite else f"{report.longreprtext}\n{said}"
        report.sections = []
    return report


def _left_out(
    contract: type[SourceContract],
    test: str,
    error: BaseException | None,
    report: pytest.TestReport,
) -> bool:
    """See whether something else than the suite skips one of its tests, or expects it to fail."""
    from smaply_metrics_core.testing.assertions import left_out_by_others, left_out_by_suite
    from smaply_metrics_core.testing.suite.overrides import protected

    expected_to_fail = hasattr(report, "wasxfail")
    if (
        test in contract.exceptions
        or test not in protected()
        or not (expected_to_fail or report.skipped)
        or (report.skipped and isinstance(error, SkipTest) and left_out_by_suite(error))
    ):
        return False
    if expected_to_fail:
        del report.wasxfail
    report.longrepr = str(left_out_by_others(test, error or "it was expected to fail."))
    return True


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print every exception from the contract suite with its reason, and what was not run."""
    told = {
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == EXCEPTION
    }
    left = config.stash.get(LEFT, set())
    if not told and not left:
        return
    terminalreporter.section("contract suite: exceptions")
    for text in (*sorted(told), *sorted(left)):
        terminalreporter.write_line(text)
