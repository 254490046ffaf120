"""Pytest plugin that prints the number of skipped tests by reason as the last lines of a run.

The root ``conftest.py`` registers the plugin for all test folders. With pytest-xdist, only the main
process has a terminal summary, and it has the reports of all workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable

import pytest


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return why a test or a module was skipped, without pytest's prefix."""
    details = report.longrepr
    text = details[2] if isinstance(details, tuple) else str(details)
    return text.removeprefix("Skipped: ")


def summary_lines(reasons: Iterable[str]) -> list[str]:
    """Return one line per reason, the most frequent first."""
    counted = sorted(Counter(reasons).items(), key=lambda item: (-item[1], item[0]))
    return [f"Skipped: {number} — {reason}" for reason, number in counted]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> Generator[None, None, None]:
    """Write the lines after the rest of pytest's summary."""
    yield
    for line in summary_lines(map(reason_of, terminalreporter.getreports("skipped"))):
        terminalreporter.write_line(line, yellow=True)
