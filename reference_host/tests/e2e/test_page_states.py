"""Each page state shows its text, fits the window and is accessible."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import MovableClock
from reference_host.tests.e2e.browser_pages import Browsers
from reference_host.tests.e2e.page_states import STATES, State
from reference_host.tests.e2e.page_states_setup import enter, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Visit
    from reference_host.tests.e2e.page_states_setup import Ids, Scene

PHONE = 390
DESK = 1280


ON_EVERY_CHANGE = {"map"}
"""The state with the most elements; it takes 7 s, with the start of the browser."""

DEEP = pytest.mark.deep(reason="every state of every page, in a browser")


class Stages:
    """Running apps by scene, shared by the states of a scene."""

    def __init__(self, until_the_end: ExitStack) -> None:
        self._until_the_end = until_the_end
        self._arranged: dict[Scene, tuple[World, Ids]] = {}

    def show(self, scene: Scene) -> tuple[World, Ids]:
        """Return the app of a scene; set it up on first use."""
        if scene not in self._arranged:
            world = self._until_the_end.enter_context(stage(MovableClock()))
            self._arranged[scene] = (world, scene(world))
        enter(self._arranged[scene][0].sandbox.host)
        return self._arranged[scene]


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    """The apps of this module; the environment is restored afterwards."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as until_the_end:
        patch.setenv("SMAPLY_QUALTRICS_SANDBOX", "")
        yield Stages(until_the_end)


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(
            one,
            id=one.name,
            marks=[] if one.name in ON_EVERY_CHANGE else [DEEP],
        )
        for one in STATES
    ],
)
def test_a_state_shows_its_text_and_fits(stages: Stages, browsers: Browsers, state: State) -> None:
    """On desktop and phone, light and dark: text, no horizontal scrolling, no axe violations."""
    world, ids = stages.show(state.scene)
    path = state.path.format(**ids)

    visit = browsers.visit(world, state.role, path, account=state.account, width=DESK)
    visit.page.get_by_text(state.says).first.wait_for(state="attached")
    assert visit.accessibility() == []
    assert too_wide(visit) == 0
    assert visit.page.locator("noscript:visible").count() == 0

    visit.look_again(width=PHONE, dark=True)  # A new window would take twice as long.
    visit.page.get_by_text(state.says).first.wait_for(state="attached")
    assert visit.accessibility() == []
    assert too_wide(visit) == 0


def too_wide(visit: Visit) -> int:
    """Return by how many pixels a page is wider than its window."""
    wide: int = visit.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return max(0, wide)


@DEEP
@pytest.mark.parametrize("dialog", ["alert(1)", "confirm(1)"])
def test_a_script_in_a_text_would_be_noticed(world: World, browser: Browser, dialog: str) -> None:
    """The check for scripts in user content can fail."""
    browsers = Browsers(browser)
    browsers.visit(world, None, "/sign-in").page.evaluate(dialog)

    assert browsers.close() == ["a dialog: 1"]
