"""The steps of docs/guide.md in a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import Role
from tests.host.child_processes import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from reference_host.tests.app_fixture import MovableClock, World
    from reference_host.tests.e2e.browser_pages import Browsers
    from reference_host.tests.e2e.guide_parser import Guide

WRONG_TOKEN: Final = "a-token-that-was-never-made-0000000000001"
NEW_TOKEN: Final = "a-new-token-after-the-old-one-was-revoked"
QUALTRICS: Final = "/settings/integrations/qualtrics"
SURVEY: Final = "Relationship survey"
SURVEY_ID: Final = "SV_RelationshipA01"
RECOMMEND: Final = "How likely are you to recommend Nordlicht to a friend or colleague?"
VISITS: Final = """\
Date;Store;NPS;Satisfaction;Email
03/10/2026 10:15;Köln;9;4,5;a@example.com
04/10/2026 11:30;Graz;10;5;b@example.com
05/10/2026 09:05;Graz;k. A.;3,5;c@example.com
06/10/2026 16:40;Köln;7;4;d@example.com
""".encode("cp1252")
"""A file of a European spreadsheet program."""
METRICS: Final = ("NPS", "NPS by quarter", "NPS, last 90 days vs. previous")
EXPORT_SECONDS: Final = 600
"""The duration of an export on the sandbox clock, which only the test advances."""
AN_HOUR: Final = timedelta(hours=1, minutes=1)


def connect(world: World, browsers: Browsers, guide: Guide) -> None:
    """Connect with the address of a page and a wrong token, then the right one."""
    with guide.section("Connect Qualtrics"):
        page = browsers.visit(world, Role.ADMIN).page
        guide.look(page)
        page.get_by_role("link", name="Account settings").click()
        guide.look(page, "integrations")
        page.get_by_role("link", name="Set up Qualtrics").click()
        page.get_by_label("API token").fill(WRONG_TOKEN)
        page.get_by_label("Base URL").fill(f"http://{world.sandbox.host}/Q/MyProjects")
        page.get_by_label("API token").focus()
        page.get_by_text("Reduced to the host name").wait_for()
        guide.look(page, "wrong-host")
        save(page)
        page.get_by_text("Connection Failed").wait_for()
        guide.look(page, "wrong-token")
        assert page.get_by_label("Base URL").input_value() == world.sandbox.host
        assert page.get_by_label("API token").input_value() == WRONG_TOKEN
        page.get_by_label("API token").fill(TOKEN)
        save(page)
        page.get_by_text("Connection established").wait_for()
        guide.look(page, "connected")
        assert TOKEN not in page.content()
        page.get_by_role("link", name="Choose surveys").click()
        page.get_by_text(SURVEY).wait_for(state="attached")
        guide.look(page)


def make_metrics(world: World, browsers: Browsers, guide: Guide) -> None:
    """Create a metric of each type."""
    with guide.section("Create metrics"):
        page = browsers.visit(world, Role.EDITOR, "/metrics").page
        open_form(page, METRICS[0])
        choose(page, "Calculation", "NPS")
        page.get_by_role("button", name="Show preview").click()
        page.locator(".preview-card .card-value").wait_for()
        guide.look(page, "create-metric")
        save_metric(page, METRICS[0])

        open_form(page, METRICS[1])
        tick(page, "Series")
        choose(page, "Group by", "Quarter")
        choose(page, "Calculation", "NPS")
        guide.look(page)
        save_metric(page, METRICS[1])

        open_form(page, METRICS[2])
        tick(page, "Comparison")
        choose(page, "Calculation", "NPS")
        choose(page, "Date range", "Last 90 days")
        page.locator(".covered").get_by_text("compared with").wait_for()
        save_metric(page, METRICS[2])
        guide.look(page, "metrics")


def upload(world: World, browsers: Browsers, guide: Guide) -> None:
    """Upload a file of a spreadsheet, answer what is ambiguous, and connect it."""
    with guide.section("Upload a file"):
        page = browsers.visit(world, Role.EDITOR, "/metrics").page
        page.wait_for_load_state()  # Before its script has loaded, the link leads to a page.
        page.get_by_role("link", name="Create metric").first.click()
        with page.expect_response("**/metrics/form"):
            page.get_by_label("Source", exact=True).select_option("manual")
        guide.look(page)
        page.locator("#mf-file").set_input_files(
            {"name": "Visits.csv", "mimeType": "text/csv", "buffer": VISITS}
        )
        page.get_by_text("Is the day or the month first").wait_for()
        guide.look(page)
        page.get_by_label("Dates").select_option("day_first")
        page.get_by_text("First responses, as they are read").wait_for()
        for column, role in (("Store", "field"), ("Email", "ignore")):
            with page.expect_response("**/metrics/upload/*"):
                page.get_by_label(column).select_option(role)
        page.locator("th", has_text="Field").wait_for()
        guide.look(page, "upload")
        page.get_by_role("button", name="Connect").click()
        page.get_by_role("button", name="Change survey").wait_for()
        guide.look(page)


def enter_values(world: World, browsers: Browsers, guide: Guide) -> None:
    """Type and paste values, and open the form of a metric with them."""
    with guide.section("Enter values"):
        page = browsers.visit(world, Role.EDITOR, "/metrics").page
        guide.look(page)
        page.get_by_role("link", name="Enter values").click()
        page.get_by_role("link", name="Enter values").click()
        page.get_by_label("Name").fill("Call centre")
        page.get_by_label("Unit").select_option("points")
        page.get_by_label("Date, row 1").fill("31.01.2026")
        page.get_by_label("Value, row 1").fill("43")
        page.get_by_label("Copied cells").fill("28.02.2026\t45\t120")
        guide.look(page)
        page.get_by_role("button", name="Save", exact=True).last.click()
        page.get_by_role("button", name="Create metric").wait_for()
        guide.look(page)
        page.get_by_role("link", name="All entered values").click()
        page.get_by_role("link", name="New table").wait_for()
        guide.look(page)


def place_them(world: World, browsers: Browsers, guide: Guide) -> str:
    """Create a map with all metrics and return its URL."""
    with guide.section("Add them to a journey map"):
        page = browsers.visit(world, Role.EDITOR, "/maps").page
        guide.look(page)
        page.get_by_role("textbox", name="Name").fill("Buying a bike online")
        page.get_by_role("button", name="Create journey map").click()
        page.wait_for_url("**/edit")
        page.get_by_role("link", name="Done").click()
        page.get_by_role("link", name="Edit map").wait_for()
        address = page.url
        guide.look(page)
        page.get_by_role("link", name="Edit map").click()
        for cell, metric in enumerate(METRICS):
            page.get_by_role("link", name="Add cards").nth(cell).click()
            page.get_by_role("checkbox", name=metric).first.check()
            guide.look(page)
            page.get_by_role("button", name="Add cards", exact=True).click()
            page.locator(".slot").nth(cell).wait_for()
        guide.look(page, "edit-map")
        page.locator(".slot").last.get_by_role("button", name="Remove").click()
        undo = page.get_by_role("button", name="Undo removal")
        undo.wait_for()
        guide.look(page)
        undo.click()
        page.locator(".slot").nth(len(METRICS) - 1).wait_for()
        page.get_by_role("link", name="Done").click()
        page.get_by_role("heading", name="Buying a bike online").wait_for()
    return address


def read_it(
    world: World, browsers: Browsers, guide: Guide, address: str, sandbox_clock: MovableClock
) -> None:
    """Add responses and check that the cards are updated live."""
    with guide.section("Read the map"):
        page = browsers.visit(world, Role.VIEWER, address).page
        page.locator(".card-value").nth(len(METRICS) - 1).wait_for()
        page.locator(".chart svg").first.wait_for()
        guide.look(page, "map")
        page.get_by_text("Numbers and details").first.click()
        guide.look(page)
        page.locator(".card-head a").first.click()
        page.get_by_role("heading", name="Past values").wait_for()
        guide.look(page)
        page.go_back()
        page.locator(".card-value").nth(len(METRICS) - 1).wait_for()
        before = value(page)
        answers = [{"QID1": "0"} for _ in range(400)]
        world.sandbox.state.add_responses(SURVEY_ID, answers)
        world.clock.forward(AN_HOUR)
        world.sandbox.state.set_exports(seconds=EXPORT_SECONDS)
        exports = world.sandbox.state.exports
        started = len(exports.jobs())
        page.reload()
        page.get_by_text("refreshing").first.wait_for()
        assert value(page) == before
        guide.look(page)
        # The time of an export counts from its start.
        until(lambda: len(exports.jobs()) > started)
        sandbox_clock.forward(timedelta(seconds=EXPORT_SECONDS))
        page.wait_for_function(
            "before => document.querySelector('.card-value').innerText !== before", arg=before
        )
        editor = browsers.visit(world, Role.EDITOR, address).page
        guide.look(editor)
        editor.get_by_role("link", name="Share").click()
        editor.get_by_role("button", name="Create link").click()
        editor.get_by_role("button", name="Revoke").wait_for()
        guide.look(editor, "share-map")
        link = editor.get_by_label("Link for a wall screen", exact=True).input_value()
        guest = browsers.visit(world, None, link.removeprefix(world.url)).page
        guest.locator(".card-value").nth(len(METRICS) - 1).wait_for()


def fix(world: World, browsers: Browsers, guide: Guide, address: str) -> None:
    """Revoke the token, check the pages of each role, and enter a new token."""
    with guide.section("When something is wrong"):
        viewer = browsers.visit(world, Role.VIEWER, address).page
        before = value(viewer)
        world.sandbox.state.set_exports(seconds=0)
        world.sandbox.state.set_token(NEW_TOKEN)
        world.clock.forward(AN_HOUR)
        viewer.reload()
        viewer.get_by_text("Token revoked").first.wait_for()
        assert value(viewer) == before
        assert "An Admin can fix it." in viewer.inner_text("main")
        assert "API token" not in viewer.inner_text("main")
        guide.look(viewer, "revoked")

        admin = browsers.visit(world, Role.ADMIN, QUALTRICS).page
        admin.get_by_text("Connection Error").wait_for()
        guide.look(admin, "connection-error")
        admin.get_by_role("link", name="Edit Configuration").click()
        admin.get_by_label("API token").fill(NEW_TOKEN)
        save(admin)
        admin.get_by_text("Connection established").wait_for()

        viewer.reload()
        viewer.get_by_text("Token revoked").first.wait_for(state="hidden")
        viewer.get_by_text("updated just now").first.wait_for()


def download(world: World, browsers: Browsers, guide: Guide) -> str:
    """Download the data of a survey and return the file name."""
    with guide.section("Help from support"):
        page = browsers.visit(world, Role.ADMIN, QUALTRICS).page
        page.get_by_role("link", name="Debug Configuration").click()
        page.get_by_text(SURVEY).click()
        with page.expect_download() as made:
            page.get_by_role("button", name="Download survey data").click()
        page.get_by_text("The download is ready").wait_for()
        guide.look(page, "debug")
    return made.value.suggested_filename


def save(page: Page) -> None:
    """Select Save."""
    page.get_by_role("button", name="Save", exact=True).click()


def value(page: Page) -> str:
    """Return the value of the first card."""
    return page.locator(".card-value").first.inner_text()


def open_form(page: Page, name: str) -> None:
    """Open the dialog, enter the name, and choose the survey and the question."""
    page.wait_for_load_state()  # Before its script has loaded, the link leads to a page.
    page.get_by_role("link", name="Create metric").first.click()
    page.get_by_role("textbox", name="Name").fill(name)
    choose(page, "Source", "Qualtrics")
    tick(page, SURVEY)
    tick(page, RECOMMEND)


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option, and wait until the other lists are updated."""
    with page.expect_response("**/metrics/form"):
        page.get_by_label(label, exact=True).select_option(label=option)


def tick(page: Page, label: str) -> None:
    """Choose a radio button, and wait until the lists are updated."""
    with page.expect_response("**/metrics/form"):
        page.get_by_role("radio", name=label).click()  # It may be replaced before it is read.


def save_metric(page: Page, name: str) -> None:
    """Save the metric and wait for it in the list."""
    page.get_by_role("button", name="Save metric").click()
    page.get_by_role("row", name=name).first.wait_for()
