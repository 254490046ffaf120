"""Values are pasted, corrected and shown with the keyboard, on a phone, in dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import NAMES
from reference_host.tests.map_factories import add_map
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


@pytest.mark.deep(reason="a second browser test of forms")
def test_values_are_entered_with_the_keyboard(world: World, browsers: Browsers) -> None:
    """From pasted cells to a card that names the person; each page is accessible and fits."""
    add_map(world)
    visit = browsers.visit(world, Role.EDITOR, "/metrics", width=390, dark=True)
    page = visit.page

    def check() -> None:
        assert visit.accessibility() == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("link", name="Enter values").press("Enter")
    page.get_by_text("No values yet").wait_for()
    check()
    page.get_by_role("link", name="Enter values").press("Enter")
    page.get_by_label("Name").fill("Call centre")
    page.get_by_label("Unit").select_option("points")
    page.get_by_label("Copied cells").fill("03/10/2026\t36,5\n31/10/2026\tgood")
    page.get_by_label("Name").press("Enter")
    page.get_by_text("“good” is not a number with a decimal comma.").first.wait_for()
    check()
    page.get_by_label("Copied cells").fill("03/10/2026\t36,5\n31/10/2026\t43")
    page.get_by_role("button", name="Save", exact=True).last.press("Enter")
    page.get_by_text("Create a metric to show the values").wait_for()
    assert page.get_by_label("Date, row 4").input_value() == "2026-10-31"
    check()
    page.get_by_role("button", name="Remove row 5").press("Enter")
    page.get_by_label("Date, row 5").wait_for(state="detached")

    page.goto(page.url)
    page.get_by_role("button", name="Create metric").press("Enter")
    page.get_by_role("button", name="Save metric").first.wait_for()
    check()
    page.get_by_role("button", name="Show preview").press("Enter")
    page.get_by_text(f"Entered by {NAMES[Role.EDITOR]}").first.wait_for()
    page.get_by_role("button", name="Save metric").first.press("Enter")
    page.get_by_text("Saved “").wait_for()
    check()
