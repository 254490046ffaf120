"""Charts are drawn after failed requests, which are retried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import pytest

from reference_host.tests.map_factories import NPS, add_map, add_metric, measure, place
from smaply_metrics_core.host import GroupBy, MetricType, Role

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers, Visit
    from reference_host.tests.map_factories import SmallMap

pytestmark = pytest.mark.deep(reason="a browser; another test of a map runs on every change")

SCRIPT: Final = "**/charts/vega.js*"
SPECIFICATIONS: Final = "**/charts.json?*"
LONGEST_PAUSE_MILLISECONDS: Final = 32_000
MOST_ATTEMPTS: Final = 7
BY_CHANNEL = NPS.model_copy(
    update={"type": MetricType.SERIES, "group_by": GroupBy.parse("question:QID3")}
)
Failure = Callable[["Route"], None]


def lost(route: Route) -> None:
    """Abort the request."""
    route.abort()


def refused(route: Route) -> None:
    """Respond as a host whose chart process failed."""
    route.fulfill(status=502, json={"message": "The chart could not be drawn."})


def missing(route: Route) -> None:
    """Respond as if the chart were no longer on the map."""
    route.fulfill(status=200, json={})


@pytest.fixture
def corner(world: World) -> SmallMap:
    """A map with one chart."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world, "NPS by channel", BY_CHANNEL, chart="bar"))
    measure(world)
    return corner


@pytest.mark.parametrize(
    ("address", "failure"),
    [
        pytest.param(SCRIPT, lost, id="script-lost"),
        pytest.param(SCRIPT, refused, id="script-refused"),
        pytest.param(SPECIFICATIONS, lost, id="specifications-lost"),
        pytest.param(SPECIFICATIONS, refused, id="specifications-refused"),
        pytest.param(SPECIFICATIONS, missing, id="specifications-missing"),
    ],
)
def test_a_chart_appears_after_a_failed_request(
    world: World, browsers: Browsers, corner: SmallMap, address: str, failure: Failure
) -> None:
    """No reload is needed."""
    visit = browsers.visit(world, Role.VIEWER)
    asked = fail(visit.page, address, failure, times=1)

    visit.page.goto(corner.path)

    appear(visit.page)
    assert len(asked) == 2
    forgive(visit)


def test_a_chart_appears_once_the_network_is_back(
    world: World, browsers: Browsers, corner: SmallMap
) -> None:
    """Retries stop after a minute and continue when the network is back."""
    visit = browsers.visit(world, Role.VIEWER)
    page = visit.page
    page.clock.install()
    asked = fail(page, SCRIPT, lost, times=MOST_ATTEMPTS)
    with page.expect_event("requestfailed", lambda one: "vega.js" in one.url):
        page.goto(corner.path)

    while len(asked) < MOST_ATTEMPTS:
        with page.expect_event("requestfailed", lambda one: "vega.js" in one.url):
            page.clock.run_for(LONGEST_PAUSE_MILLISECONDS)
    page.clock.run_for(LONGEST_PAUSE_MILLISECONDS)
    assert len(asked) == MOST_ATTEMPTS

    page.evaluate("dispatchEvent(new Event('online'))")

    appear(page)
    # Many browsers never request a failed script again, so each URL differs.
    assert len(set(asked)) == len(asked)
    forgive(visit)


def fail(page: Page, address: str, failure: Failure, *, times: int) -> list[str]:
    """Let the first requests for a URL fail, and return the requested URLs in order."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) <= times:
            failure(route)
        else:
            route.continue_()

    page.route(address, answer)
    return asked


def appear(page: Page) -> None:
    """Wait until the chart is drawn in the browser."""
    page.locator(".chart svg").first.wait_for()


def forgive(visit: Visit) -> None:
    """Remove the browser's own messages about failed requests."""
    visit.complaints[:] = [
        one for one in visit.complaints if not one.startswith("Failed to load resource")
    ]
