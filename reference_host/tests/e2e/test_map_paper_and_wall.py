"""A map on paper, on a wall screen and for guests, in a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.e2e.test_first_paint import OBSERVE
from reference_host.tests.map_factories import NPS, add_map, add_metric, measure, place
from smaply_metrics_core.host import GroupBy, MetricType, Role
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers
    from reference_host.tests.map_factories import SmallMap

BY_CHANNEL: Final = NPS.model_copy(
    update={"type": MetricType.SERIES, "group_by": GroupBy.parse("question:QID3")}
)
DRAWN: Final = """() => [...document.querySelectorAll('figure.chart')]
    .every((chart) => chart.querySelector('.chart-drawn svg'))"""
ON_PAPER: Final = """() => [...document.querySelectorAll('.chart-paper')]
    .every((image) => image.complete && image.naturalWidth > 0)"""
SHOWN: Final = """() => {
    const shown = (element) => element.checkVisibility();
    const all = (selector) => [...document.querySelectorAll(selector)];
    return {
        heads: all('.sheet-row span').filter(shown).map((one) => one.textContent),
        repeated: getComputedStyle(document.querySelector('.sheet-head')).display,
        drawn: all('.chart-drawn').filter(shown).length,
        light: all('.chart-paper').filter(shown).map((one) => new URL(one.src).search),
        background: getComputedStyle(document.querySelector('.card')).backgroundColor,
        controls: all('.top, .actions, summary').filter(shown).length,
        fits: document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1,
        rows: all('.stage .cell.data').map((one) => getComputedStyle(one).gridRowStart),
    };
}"""
TOP: Final = "() => document.querySelector('.map-scroll').getBoundingClientRect().top"
SIZES: Final = """() => {
    const area = document.querySelector('.map-scroll');
    return {
        over: [area.scrollHeight - area.clientHeight, area.scrollWidth - area.clientWidth],
        zoom: Number(document.querySelector('.map').dataset.zoom),
    };
}"""


@pytest.fixture
def corner(world: World) -> SmallMap:
    """A map of three stages, each with a chart."""
    corner = add_map(world)
    world.connect()
    metric = add_metric(world, "NPS by channel", BY_CHANNEL, chart="bar")
    place(world, corner, metric)
    for name in ("Use", "Return"):
        stage = world.app_state.maps.add_stage(ACCOUNT, corner.map, name)
        cell = Cell(corner.map, corner.metrics, stage)
        world.app_state.card_placements.place(ACCOUNT, cell, metric.id, metric.display)
    measure(world)
    return corner


@pytest.mark.deep(reason="5 s: charts are drawn in a browser")
def test_a_map_is_printed_in_light_colours(
    world: World, browsers: Browsers, corner: SmallMap
) -> None:
    """For a reader with a dark screen too; each page repeats the stages, as the head of a table."""
    page = browsers.visit(world, Role.VIEWER, corner.path, dark=True).page
    page.wait_for_function(DRAWN)
    page.wait_for_function(ON_PAPER)
    assert page.locator(".chart-paper:visible").count() == 0

    page.emulate_media(media="print", color_scheme="dark")

    assert page.evaluate(SHOWN) == {
        "heads": ["Discover", "Use", "Return"],
        "repeated": "table-header-group",
        "drawn": 0,
        "light": ["?theme=light"] * 3,
        "background": "rgb(255, 255, 255)",
        "controls": 0,
        "fits": True,
        "rows": ["3"] * 3,
    }


@pytest.mark.deep(reason="5 s: a browser follows changes of a map")
def test_banners_that_appear_do_not_move_the_map(
    world: World, browsers: Browsers, corner: SmallMap
) -> None:
    """Neither when the map is edited, nor when its cards fail to update."""
    page = browsers.visit(world, Role.VIEWER).page
    page.add_init_script(OBSERVE)
    page.goto(corner.path)
    page.wait_for_function(DRAWN)
    page.get_by_text("Live", exact=True).wait_for()
    top = page.evaluate(TOP)

    world.app_state.maps.rename(ACCOUNT, corner.map, "Another name")
    world.app_state.live_updates.nudge(ACCOUNT, corner.map)
    page.get_by_text("This map was edited.").wait_for()
    assert page.evaluate("() => window.shifts") == []
    world.sandbox.state.set_token("another-token-of-forty-characters-000001")
    world.clock.forward(timedelta(hours=2))
    measure(world)
    world.app_state.live_updates.nudge(ACCOUNT, corner.map)

    page.locator("#late .banner.bad").wait_for()
    assert page.evaluate(TOP) == top


@pytest.mark.deep(reason="5 s: a browser lays out a map for two screens")
def test_a_map_fills_a_wall_screen_without_scrolling(
    world: World, browsers: Browsers, corner: SmallMap
) -> None:
    """In large type and without navigation, for a guest too, until the link is revoked."""
    world.client(Role.EDITOR)
    editor = next(
        one for one in world.app_state.people.of_account(ACCOUNT) if one.role is Role.EDITOR
    )
    link, token = world.app_state.share_links.add(corner.map, 7, by=editor)
    page = browsers.visit(world, None).page
    page.set_viewport_size({"width": 2560, "height": 1440})
    page.goto(f"/shared/{token}/map?wall=1")
    page.wait_for_function(DRAWN)
    page.get_by_text("Live", exact=True).wait_for()

    wall = page.evaluate(SIZES)
    assert wall["over"] == [0, 0]
    assert wall["zoom"] > 1.3
    assert page.locator("a:visible, button:visible, summary:visible").count() == 0
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.wait_for_function(f"() => document.querySelector('.map').dataset.zoom < {wall['zoom']}")
    assert page.evaluate(SIZES)["over"] == [0, 0]

    # No one can reload it, so it reloads itself after an edit, within a minute.
    page.clock.install()
    page.reload()
    page.get_by_text("Live", exact=True).wait_for()
    world.app_state.maps.rename(ACCOUNT, corner.map, "Another name")
    world.app_state.live_updates.nudge(ACCOUNT, corner.map)
    page.wait_for_function("() => !document.getElementById('changed').hidden")
    page.clock.run_for(60_000)
    page.get_by_role("heading", name="Another name").wait_for()
    page.get_by_text("Live", exact=True).wait_for()
    # And like by a reader, once it is an hour old and a card is out of date.
    world.clock.forward(timedelta(hours=1, minutes=1))
    world.app_state.live_updates.nudge(ACCOUNT, corner.map)
    page.locator("[data-due]").wait_for(state="attached")
    before = len(world.sandbox.state.exports.jobs())
    page.clock.run_for(50 * 60_000)
    assert page.locator("[data-due]").count() == 1, "it was not reloaded yet"
    page.clock.run_for(15 * 60_000)
    page.locator("[data-due]").wait_for(state="detached")
    measure(world)
    assert len(world.sandbox.state.exports.jobs()) == before + 1

    world.app_state.share_links.revoke(ACCOUNT, corner.map, link.id)
    world.app_state.live_updates.check_access(ACCOUNT, corner.map)
    page.get_by_text("This link no longer works").wait_for()
