"""Fixtures: a shared browser, and windows that fail the test on complaints."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.e2e.browser_pages import Browsers, chromium
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer, Script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


class SharedBrowser:
    """Chromium for consecutive tests of this folder; starting it takes seconds of CPU time."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._browser: Browser | None = None

    def get(self) -> Browser:
        """Return the browser, started on first use."""
        if self._browser is None:
            self._browser = self._running.enter_context(chromium())
        return self._browser

    def close(self) -> None:
        """Stop the browser; the next use starts another."""
        self._browser = None
        self._running.close()


SHARED = SharedBrowser()
BUILT: list[Script] = []
"""The script that draws charts, once an app has built it."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests in a browser: one worker runs them consecutively, in one Chromium."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Stop the browser before a test of another folder.

    Playwright runs an event loop in this thread, in which `asyncio.run` fails.
    """
    try:
        yield
    finally:
        if nextitem is None or nextitem.path.parent != item.path.parent:
            SHARED.close()


@pytest.fixture(scope="module", autouse=True)  # Tests of other folders build it.
def chart_script() -> Iterator[None]:
    """Build the script that draws charts once, not in each app: it takes two seconds."""
    build = ChartRenderer._make_script  # noqa: SLF001  # What each app would repeat.

    async def build_once(renderer: ChartRenderer) -> Script:
        if not BUILT:
            BUILT.append(await build(renderer))
        renderer._script = BUILT[0]  # noqa: SLF001  # As the original.
        return BUILT[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ChartRenderer, "_make_script", build_once)
        yield


@pytest.fixture
def browser() -> Browser:
    """The installed Chromium."""
    return SHARED.get()


@pytest.fixture
def browsers(browser: Browser) -> Iterator[Browsers]:
    """Windows for one test, which fails if a page has a script error or violates the policy."""
    made = Browsers(browser)
    yield made
    assert made.close() == []
