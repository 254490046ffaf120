"""Proposing the value of a field in the browser."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import ACCOUNT
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


def test_a_proposal_fills_its_field(world: World, browsers: Browsers) -> None:
    """What was typed stays, also the password; an error of the mapping is shown at its field."""
    folder = world.app_state.settings.files_of(ACCOUNT)
    connection = sqlite3.connect(folder / "visits.sqlite")
    connection.execute("CREATE TABLE visits (recorded_at timestamp, nps integer)")
    connection.close()
    visit = browsers.visit(world, Role.ADMIN, "/settings/integrations/sql", width=390)
    page = visit.page
    page.get_by_label("Database").fill("sqlite:visits.sqlite")
    page.locator("#field-password").fill("typed-and-kept")

    page.get_by_role("button", name="Propose a value for Mapping").click()
    page.get_by_text("The field Mapping contains a proposal.").wait_for()
    mapping = page.get_by_label("Mapping")
    assert "\n- id: visits\n" in mapping.input_value()
    assert page.locator("#field-password").input_value() == "typed-and-kept"
    assert mapping.evaluate("field => field === document.activeElement")
    assert visit.accessibility() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    mapping.fill(mapping.input_value().replace("type: nps", "type: stars"))
    page.get_by_role("button", name="Save").click()
    page.locator("#field-mapping-problem").wait_for()
    assert "Line 11, “type”: use nps" in page.locator("#field-mapping-problem").inner_text()
    assert mapping.get_attribute("aria-invalid") == "true"
    mapping.fill(mapping.input_value().replace("type: stars", "type: nps"))
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Connection established").wait_for()
