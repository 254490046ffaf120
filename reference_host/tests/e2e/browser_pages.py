"""Chromium as a person uses it: pages without a console error, a look at accessibility."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright

from reference_host.tests.app_fixture import ACCOUNT

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from smaply_metrics_core.host import Role

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",  # Containers run the tests as root, which Chromium's own sandbox refuses.
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-prefers-reduced-motion",
)
SERIOUS: Final = {"serious", "critical"}
MILLISECONDS: Final = 60_000
DRAWN_MILLISECONDS: Final = 120_000
"""How long a chart may take to appear, on any machine: it guards against a hang only."""
HEIGHT: Final = 900
"""Of a window, in CSS pixels."""


def require_chromium() -> str:
    """Find Chromium; skip where there is none, but not under CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail("There is no Chromium: `make browser` installs it.")
    pytest.skip("There is no Chromium: `make browser` installs it.")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium for the length of the block."""
    path = require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """Somebody at a page, in a browser window of their own.

    Attributes:
        page: What they look at.
        complaints: What the browser complained of: script errors, what the policy forbade.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(MILLISECONDS)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._close)

    def _hear(self, message: ConsoleMessage) -> None:
        # A refusal that a page shows in words is a 4xx answer; the browser tells of that as well.
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def _close(self, dialog: Dialog) -> None:
        # No page of the app opens one: a script in somebody's text did.
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def look_again(self, *, width: int, dark: bool) -> None:
        """Load the page anew, in a window of another width and theme.

        Args:
            width: Of the window, in CSS pixels.
            dark: Whether they prefer a dark page.
        """
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.reload()

    def accessibility(self) -> list[str]:
        """Give what axe-core finds serious on the page as it is: rule, and where."""
        found: dict[str, Any] = Axe().run(self.page).response
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in found["violations"]
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]


@dataclass
class Browsers:
    """Makes visits, and asks at the end whether any browser had to complain."""

    browser: Browser
    visits: list[Visit] = field(default_factory=list)

    def visit(  # Who looks at what, and in which window.
        self,
        world: World,
        role: Role | None,
        path: str = "/",
        *,
        account: str = ACCOUNT,
        width: int = 1280,
        dark: bool = False,
        script: bool = True,
    ) -> Visit:
        """Open a window in which somebody with this role is signed in, at a page.

        Args:
            world: The app.
            role: Who it is; None is a stranger.
            path: The page.
            account: Whose they are.
            width: Of the window, in CSS pixels.
            dark: Whether they prefer a dark page.
            script: Whether scripts run.
        """
        context = self.browser.new_context(
            base_url=world.url,
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        if role is not None:
            cookies = world.client(role, account=account).cookies
            context.add_cookies(
                [
                    {"name": name, "value": value, "url": world.url}
                    for name, value in cookies.items()
                ]
            )
        visit = Visit(context.new_page())
        self.visits.append(visit)
        visit.page.goto(path)
        return visit

    def close(self) -> list[str]:
        """Close all windows; gives what the browser complained of in any."""
        for visit in self.visits:
            visit.page.context.close()
        return [complaint for visit in self.visits for complaint in visit.complaints]
