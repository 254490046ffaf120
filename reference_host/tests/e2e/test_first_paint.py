"""Layout shift: nothing moves on the first paint of a map, nor when cards get other notices."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from reference_host.tests.app_fixture import TOKEN
from reference_host.tests.map_factories import NPS, add_map, add_metric, measure, place
from smaply_metrics_core.host import GroupBy, MetricType, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers
    from reference_host.tests.map_factories import SmallMap

pytestmark = pytest.mark.deep(reason="a browser; another test of a map runs on every change")

OBSERVE: Final = """
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
            if (!entry.hadRecentInput)
                window.shifts.push([entry.value, entry.sources.map((source) =>
                    source.node ? source.node.outerHTML?.slice(0, 120) : "")]);
    }).observe({ type: "layout-shift", buffered: true });
"""
DRAWN: Final = """() => [...document.querySelectorAll('figure.chart')]
    .every((chart) => chart.querySelector('.chart-drawn svg'))"""
SETTLED: Final = """() => new Promise((done) =>
    document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(done))))"""
FROM_CACHE: Final = """() => performance.getEntriesByType('resource')
    .filter((entry) => /\\/static\\/|vega\\.js/.test(entry.name) && entry.transferSize > 0)
    .map((entry) => entry.name)"""
TOPS: Final = """() => [...document.querySelectorAll('.slot')]
    .map((slot) => slot.getBoundingClientRect().top)"""
TALL: Final = 6_000
"""The height of the window: charts are drawn when they become visible."""
MOVE: Final = """() => {
    const bar = document.createElement('div');
    bar.className = 'card';
    bar.textContent = 'late';
    const main = document.querySelector('main');
    main.prepend(bar, bar.cloneNode(true), bar.cloneNode(true));
}"""


@pytest.fixture
def full(world: World) -> SmallMap:
    """A map with cards of several charts."""
    corner = add_map(world)
    world.connect()
    by_channel = NPS.model_copy(
        update={"type": MetricType.SERIES, "group_by": GroupBy.parse("question:QID3")}
    )
    for number, chart in enumerate(("bar", "pie", "horizontal_bar", "table", "line")):
        place(world, corner, add_metric(world, f"Series {number}", by_channel, chart=chart))
    for chart in ("number", "gauge"):
        place(world, corner, add_metric(world, chart, NPS, chart=chart))
    measure(world)
    return corner


@pytest.mark.parametrize("width", [400, 1280])
def test_a_warm_map_does_not_shift(
    world: World, browsers: Browsers, full: SmallMap, width: int
) -> None:
    """From the first paint until all charts are drawn, no element moves.

    All styles and scripts come from the browser's cache.
    """
    visit = browsers.visit(world, Role.VIEWER, full.path, width=width)
    page = visit.page
    page.set_viewport_size({"width": width, "height": TALL})
    page.wait_for_function(DRAWN)
    page.goto(full.path)  # The page now names the chart script by its digest.
    page.wait_for_function(DRAWN)
    page.add_init_script(OBSERVE)

    page.goto(full.path)

    page.wait_for_function(DRAWN)
    page.evaluate(SETTLED)
    assert page.evaluate("() => window.shifts") == []
    assert page.evaluate(FROM_CACHE) == []
    # The observer works: a late element that moves the others is reported.
    page.evaluate(MOVE)
    page.wait_for_function("() => window.shifts.length > 0")


@pytest.mark.parametrize("width", [390, 1280])
def test_a_notice_of_a_card_does_not_move_others(
    world: World, browsers: Browsers, full: SmallMap, width: int
) -> None:
    """It appears over the end of its card, disappears again, and is read in full on request."""
    visit = browsers.visit(world, Role.VIEWER, full.path, width=width)
    page = visit.page
    page.set_viewport_size({"width": width, "height": TALL})
    page.wait_for_function(DRAWN)
    page.get_by_text("Live", exact=True).wait_for()
    page.evaluate(OBSERVE)
    before = page.evaluate(TOPS)

    world.sandbox.state.set_token("another-token-of-forty-characters-000001")
    world.clock.forward(timedelta(hours=1, minutes=5))
    measure(world)
    page.wait_for_function("() => document.querySelectorAll('.card-notice').length === 7")
    page.wait_for_function(DRAWN)
    page.evaluate(SETTLED)
    assert page.evaluate("() => window.shifts") == []
    assert page.evaluate(TOPS) == before
    notice = page.locator(".card-notice").first
    notice.locator("summary").click()
    assert notice.get_by_text("An Admin can").first.is_visible()
    assert visit.accessibility() == []
    notice.locator("summary").click()

    world.sandbox.state.set_token(TOKEN)
    world.clock.forward(timedelta(hours=1, minutes=5))
    measure(world)
    page.wait_for_function("() => !document.querySelector('.card-notice')")
    page.wait_for_function(DRAWN)
    page.evaluate(SETTLED)
    assert page.evaluate("() => window.shifts") == []
    assert page.evaluate(TOPS) == before
