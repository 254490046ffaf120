"""Uploading a file of another program in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def test_a_dropped_file_is_read_as_stated(world: World, browsers: Browsers) -> None:
    """An ambiguous date is asked; the answer and the file are kept, and the survey is chosen."""
    visit = browsers.visit(world, Role.EDITOR, "/metrics/upload", width=390)
    page = visit.page
    page.locator(".upload").evaluate(DROP)
    page.get_by_role("button", name="Upload").click()

    page.get_by_text("Is the day or the month first in the dates of column Datum?").first.wait_for()
    page.get_by_label("Dates", exact=True).select_option("day_first")
    assert visit.accessibility() == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    page.get_by_role("button", name="Upload").click()

    page.get_by_role("button", name="Change survey").wait_for()
    assert page.get_by_text("Besuche").count() > 0
