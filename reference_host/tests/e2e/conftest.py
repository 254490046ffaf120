"""Fixtures: a browser per module, and windows that fail the test on complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.e2e.browser_pages import Browsers, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


# Playwright runs an event loop in this thread, in which `asyncio.run` then fails. So it is closed
# after each module.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The installed Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def browsers(browser: Browser) -> Iterator[Browsers]:
    """Windows for one test, which fails if a page has a script error or violates the policy."""
    made = Browsers(browser)
    yield made
    assert made.close() == []
