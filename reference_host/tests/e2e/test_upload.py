"""Uploading a file of another program in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_host.tests.e2e.browser_pages import script_held_back
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers

DROP = """(target) => {
  const dataTransfer = new DataTransfer();
  const text = "Datum;Filiale;Note\\n03/10/2026;Wien;4,5\\n04/10/2026;Wien;5\\n";
  dataTransfer.items.add(new File([text], "Besuche.csv", { type: "text/csv" }));
  for (const type of ["dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
  }
}"""


def test_a_dropped_file_is_previewed_and_connected(world: World, browsers: Browsers) -> None:
    """Dropping opens the preview; each choice updates it and keeps the focus, by keyboard alone."""
    visit = browsers.visit(world, Role.EDITOR, "/metrics/upload", width=390)
    page = visit.page
    page.locator(".upload").evaluate(DROP)

    page.get_by_text("Is the day or the month first in the dates of column Datum?").wait_for()
    assert page.get_by_role("button", name="Connect").count() == 0
    page.get_by_label("Dates").focus()
    page.keyboard.press("ArrowDown")
    page.locator("#upload-form").get_by_text("from 3 October 2026 to 4 October 2026").wait_for()
    assert page.evaluate("document.activeElement.id") == "uf-dates"
    page.get_by_label("Filiale").press("F")
    page.locator("th", has_text="Field").wait_for()
    status = page.locator("#upload-status").text_content() or ""
    assert status.startswith("Preview updated. 2 responses")
    assert visit.accessibility() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_label("Name of the survey").fill("Besuche 2026")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()
    page.get_by_role("button", name="Connect").focus()
    page.keyboard.press("Enter")

    page.get_by_role("button", name="Change survey").wait_for()
    assert page.get_by_text("Besuche 2026").count() > 0


def test_typing_the_name_of_an_option_is_not_interrupted(world: World, browsers: Browsers) -> None:
    """The form is not replaced between two letters, or the second would begin another name."""
    page = browsers.visit(world, Role.EDITOR, "/metrics/upload").page
    page.locator(".upload").evaluate(DROP)
    page.get_by_label("Dates").wait_for()
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    select = page.get_by_label("Filiale").element_handle()

    with page.expect_response(lambda response: response.request.method == "POST") as updated:
        select.press("F")
    updated.value.finished()

    page.clock.run_for(900)
    assert select.evaluate("select => select.isConnected")
    page.clock.run_for(200)
    page.wait_for_function("select => !select.isConnected", arg=select)
    assert page.get_by_label("Filiale").input_value() == "field"


def test_an_expired_preview_states_why(world: World, browsers: Browsers) -> None:
    """A choice, even before the script has come, shows that the file has to be chosen again."""
    visit = browsers.visit(world, Role.EDITOR, "/metrics/upload")
    page = visit.page
    with script_held_back(page, "upload.js") as held:
        page.locator(".upload").evaluate(DROP)
    page.get_by_label("Dates").select_option("day_first")
    world.app_state.staged_uploads.close()

    held[0].continue_()

    page.get_by_text("This upload has expired.").wait_for()
