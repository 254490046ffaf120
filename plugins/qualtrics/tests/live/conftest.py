"""Run the live tests only with a real account, and report their findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from plugins.qualtrics.tests.live.real_account import PlainClient, missing, open_account

FOUND = pytest.StashKey[dict[str, str]]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the run if there is no account; keep the token out of reports."""
    absent = missing()
    if absent:
        pytest.exit(
            f"Live tests need a real account: set {' and '.join(absent)} (see docs/live.md).",
            returncode=1,
        )
    # Longer tracebacks show function arguments, which include the token.
    item.config.option.tbstyle = "short"
    item.config.option.showlocals = False


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """List the findings of this run."""
    found = config.stash.get(FOUND, {})
    if found:
        terminalreporter.section("findings about the real account")
        for fact, finding in found.items():
            terminalreporter.write_line(f"{fact}: {finding}")


@pytest.fixture
def report_finding(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Return a function that adds a finding to the summary. It must not be personal data."""
    found = request.config.stash.setdefault(FOUND, {})

    def report_finding(fact: str, finding: str) -> None:
        found[fact] = finding

    return report_finding


@pytest.fixture(scope="module")
def account() -> Iterator[PlainClient]:
    """The account, for plain requests."""
    with open_account() as account:
        yield account
