"""Lets the live tests run only where a real account is named, and tells what they found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from plugins.qualtrics.tests.live.real_account import Asking, asking, missing

FOUND = pytest.StashKey[dict[str, str]]()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the run when there is no account; keep the token out of every report."""
    absent = missing()
    if absent:
        pytest.exit(
            f"No live tests without a real account: set {' and '.join(absent)} (see docs/live.md).",
            returncode=1,
        )
    # Longer reports show the arguments of functions, and the token is among them.
    item.config.option.tbstyle = "short"
    item.config.option.showlocals = False


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """List the open facts that this run has settled."""
    found = config.stash.get(FOUND, {})
    if found:
        terminalreporter.section("what the real account showed")
        for fact, finding in found.items():
            terminalreporter.write_line(f"{fact}: {finding}")


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Put a finding on the list at the end; nothing personal belongs into one."""
    found = request.config.stash.setdefault(FOUND, {})

    def tell(fact: str, finding: str) -> None:
        found[fact] = finding

    return tell


@pytest.fixture(scope="module")
def account() -> Iterator[Asking]:
    """The account, for plain requests."""
    with asking() as account:
        yield account
