"""Chromium for the tests: signed-in windows, console errors and accessibility checks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Route, sync_playwright

from reference_host.tests.app_fixture import ACCOUNT
from tests.required_programs import skip_or_fail

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from smaply_metrics_core.host import Role

NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The same engine without windows comes first: it takes half the CPU time."""
FLAGS: Final = (
    "--no-sandbox",  # Containers run the tests as root, which Chromium's own sandbox refuses.
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-prefers-reduced-motion",
)
SERIOUS: Final = {"serious", "critical"}
MILLISECONDS: Final = 180_000
"""The timeout for a page and a chart; long, since it only guards against a hang."""
HEIGHT: Final = 900
"""The height of a window in CSS pixels."""


def require_chromium() -> str:
    """Return the path of Chromium. Without it, skip the test, or fail under CI."""
    return next(filter(None, map(shutil.which, NAMES)), None) or skip_or_fail(
        "Chromium is not installed: run `make browser`."
    )


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium while the block runs."""
    path = require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A browser window of one person.

    Attributes:
        page: The page.
        complaints: Console errors and warnings, such as script errors and policy violations.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(MILLISECONDS)
        self.page.on("console", self._record)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._close)

    def _record(self, message: ConsoleMessage) -> None:
        # The browser also logs 4xx responses, which the pages handle.
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def _close(self, dialog: Dialog) -> None:
        # The app opens no dialogs, so this one comes from a script in user content.
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def look_again(self, *, width: int, dark: bool) -> None:
        """Reload the page with another width and color scheme.

        Args:
            width: The width of the window in CSS pixels.
            dark: Whether to use the dark color scheme.
        """
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.reload()

    def accessibility(self) -> list[str]:
        """Return the serious violations that axe-core finds on the page."""
        found: dict[str, Any] = Axe().run(self.page).response
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in found["violations"]
            if violation["impact"] in SERIOUS
            for node in violation["nodes"]
        ]


@dataclass
class Browsers:
    """Opens windows and collects their complaints."""

    browser: Browser
    visits: list[Visit] = field(default_factory=list)

    def visit(  # The person, the page and the window.
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
        """Open a page in a new window, signed in with a role.

        Args:
            world: The app.
            role: The role; ``None`` to stay signed out.
            path: The path of the page.
            account: The account of the person.
            width: The width of the window in CSS pixels.
            dark: Whether to use the dark color scheme.
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
        """Close all windows and return their complaints."""
        for visit in self.visits:
            visit.page.context.close()
        return [complaint for visit in self.visits for complaint in visit.complaints]


@contextmanager
def script_held_back(page: Page, script: str) -> Iterator[list[Route]]:
    """Hold back a script of the page that is opened within; yield its request, to be continued."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/{script}*", hold)
    with page.expect_request(f"**/{script}*"):
        yield held
