"""Arranging a map in a browser: drag and drop, arrow keys, undo, edits at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.map_factories import add_map
from smaply_metrics_core.host import Display, Role
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers
    from reference_host.tests.map_factories import SmallMap

pytestmark = pytest.mark.deep(reason="a browser; another test of a map runs on every change")


def names(world: World, corner: SmallMap) -> tuple[str, str, str]:
    """Return the stages, the lanes and the headings of the cards, in order."""
    shown = world.app_state.maps.show(ACCOUNT, corner.map)
    return (
        " ".join(stage.name for stage in shown.stages),
        " ".join(lane.name for lane in shown.lanes),
        " ".join(card.display.heading for card in shown.cards),
    )


def said(page: Page, text: str) -> None:
    """Wait for a status message."""
    page.locator("#saved", has_text=text).wait_for()


def drag(page: Page, source: Locator, target: Locator) -> None:
    """Drag with the mouse, in steps."""
    source.hover()
    page.mouse.down()
    box = target.bounding_box()
    assert box is not None
    for part in (0.5, 0.25):  # The second move is inside of the target.
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + box["height"] * part, steps=4)
    page.mouse.up()


def test_a_map_is_arranged_and_both_versions_are_shown(world: World, browsers: Browsers) -> None:
    """By drag and drop, with arrow keys, with Undo, and with another user's text in between."""
    corner = add_map(world)
    maps, placements = world.app_state.maps, world.app_state.card_placements
    maps.add_stage(ACCOUNT, corner.map, "Use")
    for heading in ("One", "Two"):
        placements.place(ACCOUNT, corner.cell, "met_1", Display(heading=heading))
    visit = browsers.visit(world, Role.EDITOR, f"{corner.path}/edit")
    page = visit.page
    assert visit.accessibility() == []

    page.get_by_role("link", name="Move card Two").focus()
    page.keyboard.press("ArrowUp")
    said(page, "card Two was moved to Experience, Discover.")
    assert names(world, corner)[2] == "Two One"
    assert "card Two" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("ArrowUp")
    said(page, "cannot be moved further")
    page.get_by_role("link", name="Move stage Discover").focus()
    page.keyboard.press("ArrowRight")
    said(page, "stage Discover was moved.")
    assert names(world, corner)[0] == "Use Discover"

    grips = page.locator(".card-grip")
    drag(page, grips.nth(1), page.locator(".slot").nth(0).locator("h4"))
    said(page, "card One was moved")
    assert names(world, corner)[2] == "One Two"
    drag(page, page.locator(".stage-grip").nth(1), page.locator(".stage-edit").nth(0))
    said(page, "stage Discover was moved.")
    assert names(world, corner)[0] == "Discover Use"

    page.get_by_role("button", name="Remove stage Discover").click()
    said(page, "Discover was removed.")
    assert page.evaluate("document.activeElement.textContent").startswith("Undo removal")
    page.keyboard.press("Enter")
    said(page, "The removal was undone.")
    assert names(world, corner) == ("Discover Use", "Customer does Experience", "One Two")

    cell = Cell(corner.map, corner.texts, corner.stage)
    maps.write(ACCOUNT, cell, "Theirs")
    page.get_by_role("textbox", name="Customer does, Discover").fill("Mine")
    page.get_by_role("heading", name="Edit").click(force=True)
    page.get_by_role("textbox", name="Customer does, Discover").blur()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Theirs").wait_for()
    assert visit.accessibility() == []
    dialog.get_by_role("button", name="Save my version").click()
    page.get_by_text("Mine").wait_for()
    assert maps.show(ACCOUNT, corner.map).texts[corner.texts, corner.stage] == "Mine"
