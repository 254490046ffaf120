"""Several metrics are placed and deleted with the keyboard, on a phone, in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_host.tests.map_factories import add_map
from reference_host.tests.metric_factories import make, saved
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


def test_metrics_are_chosen_with_the_keyboard(world: World, browsers: Browsers) -> None:
    """The boxes and buttons work without a pointer, and each page is accessible."""
    add_map(world)
    world.connect()
    for name in ("First", "Second", "Third"):
        make(world, name)
    visit = browsers.visit(world, Role.EDITOR, "/metrics", width=390, dark=True)
    page = visit.page

    def choose(*names: str) -> None:
        for name in names:
            page.get_by_role("checkbox", name=f"Select {name}").press("Space")

    assert visit.accessibility() == []
    choose("First", "Third")
    page.get_by_role("button", name="Place on a map").press("Enter")
    page.get_by_role("heading", name="Place 2 metrics on a map").wait_for()
    assert visit.accessibility() == []
    page.get_by_role("button", name="Place cards").press("Enter")
    page.locator(".slot").nth(1).wait_for()
    page.goto("/metrics")
    choose("Second")
    page.locator("#chosen").get_by_role("button", name="Delete").press("Enter")
    page.get_by_role("heading", name="Delete 1 metric?").wait_for()
    assert visit.accessibility() == []
    page.get_by_role("button", name="Delete 1 metric").press("Enter")
    page.get_by_text("Metric deleted").wait_for()

    assert {metric.name for metric in saved(world)} == {"First", "Third"}
