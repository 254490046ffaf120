"""Editing the columns of a mapping in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.test_connection_proposals import DATABASE, make_database
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers

VISITS = "visits (id integer, recorded_at timestamp, nps integer, [a<b] text)"
FORM = "/settings/integrations/sql"


@pytest.mark.deep(reason="a browser; tests of the form without scripts run on every change")
@pytest.mark.parametrize("width", [390, 1280])
def test_columns_are_edited_with_the_keyboard(world: World, browsers: Browsers, width: int) -> None:
    """What was typed stays; the text cannot be edited while its columns are shown."""
    make_database(world, VISITS, "calls (at timestamp, csat integer)")
    visit = browsers.visit(world, Role.ADMIN, FORM, width=width, dark=width == 390)
    page = visit.page
    page.get_by_label("Database").fill(DATABASE)
    page.locator("#field-password").fill("typed-and-kept")

    page.get_by_role("button", name="Edit columns of Mapping").press("Enter")
    table = page.get_by_label("Table", exact=True)
    table.wait_for()
    assert table.evaluate("field => field === document.activeElement")
    assert page.locator("#field-mapping").evaluate("field => field.readOnly")
    assert page.locator("#field-password").input_value() == "typed-and-kept"
    assert visit.accessibility() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.get_by_role("button", name="Propose a value for Mapping").click()
    table.wait_for(state="detached")  # They would be those of the text before.
    assert page.locator("#field-mapping").evaluate("field => !field.readOnly")
    page.get_by_role("button", name="Edit columns of Mapping").press("Enter")
    page.get_by_label("nps integer").focus()
    page.keyboard.press("ArrowDown")  # From NPS to a scale.
    page.keyboard.press("Tab")
    page.keyboard.type(" NPS of visits ")
    table.select_option("table:calls")
    page.get_by_role("button", name="Show its columns").press("Enter")
    page.get_by_label("csat integer").wait_for()
    assert "type: scale" in page.locator("#field-mapping").input_value()
    assert "text: NPS of visits\n" in page.locator("#field-mapping").input_value()

    page.get_by_label("csat integer").select_option("scale")
    page.get_by_role("button", name="Save").last.press("Enter")
    page.get_by_text("No column of “calls” has the role").wait_for()
    assert page.get_by_label("csat integer").input_value() == "scale"
    page.get_by_label("at", exact=True).select_option("recorded_at")
    page.get_by_role("button", name="Done with the columns").press("Enter")
    page.get_by_text("has what you chose").wait_for()
    assert page.locator("#field-mapping").evaluate("field => !field.readOnly")
    assert "- id: calls\n" in page.locator("#field-mapping").input_value()
    page.locator("#field-password").fill("")
    page.get_by_role("button", name="Save").last.press("Enter")
    page.get_by_text("Connection established").wait_for()
    assert visit.complaints == []
