"""A Chromium for the tests of a module, and windows that are asked for complaints at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.e2e.browser_pages import Browsers, chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


# Playwright keeps an event loop running in this thread for as long as it is in use: no longer than
# for a module, as `asyncio.run` in the tests that come after refuses a thread that has one.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as running:
        yield running


@pytest.fixture
def browsers(browser: Browser) -> Iterator[Browsers]:
    """Windows for one test; it fails when a page had a script error or broke the policy."""
    made = Browsers(browser)
    yield made
    assert made.close() == []
