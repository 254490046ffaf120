"""The pytest plugin of the core: fixtures for authors, and a report that hides nothing.

pytest loads it in every run, so nothing heavy is imported here before it is used.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import pytest

if TYPE_CHECKING:
    from smaply_metrics_core.testing.cassettes import Tape
    from smaply_metrics_core.testing.clock import SetClock
    from smaply_metrics_core.testing.contract import SourceContract
    from smaply_metrics_core.testing.fixtures import Canary, ContextMaker

EXCEPTION: Final = "contract exception"
OFF_MARKS: Final = {"skip", "skipif", "xfail"}
DESELECTED: Final = pytest.StashKey[int]()
CONTRACT: Final = "smaply_metrics_core.testing.contract"


@pytest.fixture
def frozen_clock() -> SetClock:
    """A clock that stands at noon of 1 June 2026 (UTC) until somebody waits."""
    from smaply_metrics_core.testing.clock import SetClock

    return SetClock(datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.fixture
def canary(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Canary]:
    """A made-up secret; the test fails when it was printed or logged."""
    from smaply_metrics_core.testing.fixtures import Canary

    bird = Canary()
    with caplog.at_level(0):
        yield bird
        told = capfd.readouterr()
    bird.expect_absent("what was printed", told.out, told.err)
    # At this point the text of the log is that of the teardown alone.
    heard = (f"{one.getMessage()} {one.exc_text or ''}" for one in caplog.get_records("call"))
    bird.expect_absent("the log", *heard)


@pytest.fixture
def cassette(request: pytest.FixtureRequest) -> Callable[[str], AbstractContextManager[Tape]]:
    """A recording from the folder ``cassettes`` beside the test file, by its name."""
    from smaply_metrics_core.testing.cassettes import playing

    folder = request.path.parent / "cassettes"
    return lambda name: playing(folder / f"{name}.yaml")


@pytest.fixture
def source_context(tmp_path: Path, frozen_clock: SetClock) -> Iterator[ContextMaker]:
    """Makes what a hook is handed, with a server of the test's own and a fault if wanted."""
    from smaply_metrics_core.testing.fixtures import ContextMaker

    with ContextMaker(tmp_path, frozen_clock) as maker:
        yield maker


def _contract_of(item: pytest.Item) -> type[SourceContract] | None:
    """Give the contract class that a test belongs to, if it is one; loads nothing for that."""
    module = sys.modules.get(CONTRACT)
    cls = getattr(item, "cls", None)
    if module is None or not inspect.isclass(cls) or not issubclass(cls, module.SourceContract):
        return None
    return cast("type[SourceContract]", cls)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse marks that would switch tests of the suite off without a reason.

    Raises:
        pytest.UsageError: naming the class.
    """
    for item in items:
        contract = _contract_of(item)
        if contract is None or item.name in contract.exceptions:
            continue
        marks = sorted({mark.name for mark in item.iter_markers()} & OFF_MARKS)
        if marks:
            raise pytest.UsageError(
                f"{contract.__name__}: {item.name} is marked {', '.join(marks)}, which weakens the "
                f"contract suite.\nFix: remove the mark, or give the reason: exceptions = "
                f'{{"{item.name}": "…"}}'
            )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out what a class has excepted with a reason, and note it for the report."""
    contract = _contract_of(item)
    if contract is None:
        return
    from smaply_metrics_core.testing.protecting import changed

    for name, reason in contract.exceptions.items():
        item.user_properties.append((EXCEPTION, f"{contract.__name__}.{name}: {reason}"))
    if item.name in contract.exceptions and item.name not in changed(contract):
        pytest.skip(contract.exceptions[item.name])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the report of a failed contract test end with its line ``Fix: …``, and nothing after."""
    report = yield
    if _contract_of(item) is None:
        return report
    if report.failed and call.excinfo is not None and isinstance(call.excinfo.value, Exception):
        from smaply_metrics_core.testing.verdict import FIX, with_fix

        said = with_fix(call.excinfo.value)
        by_suite = str(call.excinfo.value).rpartition("\n")[2].startswith(FIX)
        report.longrepr = said if by_suite else f"{report.longreprtext}\n{said}"
        report.sections = []
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note how many tests of the suite a run leaves out by choice of whoever started it."""
    left = [item for item in items if _contract_of(item) is not None]
    if left:
        stash = left[0].config.stash
        stash[DESELECTED] = stash.get(DESELECTED, 0) + len(left)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print every exception from the contract suite with its reason."""
    told = {
        text
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, text in getattr(report, "user_properties", ())
        if name == EXCEPTION
    }
    deselected = config.stash.get(DESELECTED, 0)
    if not told and not deselected:
        return
    terminalreporter.section("contract suite: exceptions")
    for text in sorted(told):
        terminalreporter.write_line(text)
    if deselected:
        terminalreporter.write_line(f"{deselected} tests of the contract suite were deselected.")
