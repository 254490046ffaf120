"""Each page state shows its text, fits the window and is accessible."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import MovableClock
from reference_host.tests.e2e.browser_pages import HEIGHT, Browsers
from reference_host.tests.e2e.longer_labels import lengthen, misfits
from reference_host.tests.e2e.page_states import STATES, State
from reference_host.tests.e2e.page_states_setup import enter, stage
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Visit
    from reference_host.tests.e2e.page_states_setup import Ids, Scene

PHONE = 390
DESK = 1280
WALL = 2560
MISFITS = """() => {
    document.querySelector("main").insertAdjacentHTML("beforeend", `
        <h2>Wide</h2><h2>Broken</h2><h2>Low</h2><h3>Above</h3><h3>Below</h3>`);
    const [wide, broken, low, , below] = [...document.querySelectorAll("main > :is(h2, h3)")];
    Object.assign(wide.style, { width: "1rem", overflowWrap: "normal" });
    broken.style.width = "2rem";
    Object.assign(low.style, { height: "0.2rem", overflow: "hidden", marginBottom: "4rem" });
    below.style.marginTop = "-2em";
}"""
"""Adds a text of each kind that does not fit."""


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


@pytest.fixture(autouse=True)
def empty_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing in the images that a script replaces by charts: each chart takes 50 ms."""

    async def svg(*_: object) -> str:
        return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 176"/>'

    monkeypatch.setattr(ChartRenderer, "svg", svg)


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
    """On desktop and phone, light and dark: text, no horizontal scrolling, no axe violations.

    The map takes 6 s: it has 22 cards, and axe searches the page twice.
    """
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


@DEEP
@pytest.mark.parametrize("state", [pytest.param(one, id=one.name) for one in STATES])
def test_labels_may_be_30_percent_longer(stages: Stages, browsers: Browsers, state: State) -> None:
    """As in German: on phone, desktop and wall, no text is cut off, broken or over another one."""
    world, ids = stages.show(state.scene)
    visit = browsers.visit(world, state.role, state.path.format(**ids), account=state.account)
    page = visit.page
    page.get_by_text(state.says).first.wait_for(state="attached")
    assert lengthen(page) > 0
    found = {}
    for width in (PHONE, DESK, WALL):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        found[width] = misfits(page)
    assert found == {PHONE: [], DESK: [], WALL: []}


@DEEP
def test_a_text_that_does_not_fit_would_be_noticed(world: World, browsers: Browsers) -> None:
    """The check for longer texts can fail, in each of its ways."""
    page = browsers.visit(world, None, "/sign-in").page
    assert misfits(page) == []
    page.evaluate(MISFITS)
    assert misfits(page) == [
        "wider than h2: h2 “Wide”",
        "cut by h2: h2 “Low”",
        "broken: h2 “Broken”",
        "overlap: h3 “Above” and h3 “Below”",
    ]


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
