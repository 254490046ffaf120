"""The metric form with scripts: the preview follows the choices, and addresses are reduced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers

NEW = "/metrics/new?source=qualtrics&survey=SV_RelationshipA01"


def test_the_preview_updates_by_itself(world: World, browsers: Browsers) -> None:
    """A choice calculates the preview without a button, and the next one replaces it.

    Takes 6 s: the browser waits for previews and for the process that draws charts.
    """
    world.connect()
    visit = browsers.visit(world, Role.EDITOR, NEW)
    page = visit.page

    page.get_by_label("Calculation", exact=True).select_option("responses")
    page.get_by_label("Date range").select_option("all_time")
    page.get_by_role("radio", name="Series").click()
    page.get_by_label("Group by", exact=True).select_option("period:quarter")

    page.locator(".preview-card .card.as-bar, .preview-card .card.as-line").wait_for()
    page.locator(".preview-card .chart svg").first.wait_for()
    assert page.locator(".outdated").count() == 0
    page.get_by_role("radio", name="Number").click()
    page.locator(".preview-card .card.as-number").wait_for()
    assert visit.accessibility() == []


def test_a_question_is_found_and_chosen_by_keyboard(world: World, browsers: Browsers) -> None:
    """Typing narrows the list and keeps the focus; arrow keys choose, and the list stays open."""
    world.connect()
    visit = browsers.visit(world, Role.EDITOR, NEW)
    page = visit.page
    page.wait_for_load_state()
    page.get_by_label("Search questions by text, ID or name").focus()

    page.keyboard.type("RECOMMEND")
    page.get_by_text("1 question of").wait_for()
    assert page.evaluate("document.activeElement.id") == "mf-question-search"
    page.keyboard.press("Tab")
    with page.expect_response("**/metrics/form"):
        page.keyboard.press("ArrowDown")

    page.locator(".question-picker summary", has_text="How likely").wait_for()
    assert page.evaluate("document.activeElement.value") == "QID1"
    assert page.get_by_label("Calculation", exact=True).input_value() == "nps"
    page.get_by_label("Search questions by text, ID or name").fill("statements")
    page.get_by_role("group", name="How much do you agree").wait_for()
    assert page.get_by_role("radio", name="How likely").is_checked()
    assert visit.accessibility() == []


@pytest.mark.deep(reason="an export, in a browser")
def test_numbers_of_answers_appear_in_the_open_list(world: World, browsers: Browsers) -> None:
    """They are counted in the background: what is typed meanwhile stays, and nothing moves."""
    world.connect()
    world.sandbox.state.clear_log()
    visit = browsers.visit(world, Role.EDITOR, NEW)
    page = visit.page
    page.get_by_label("Name", exact=True).fill("Mine")
    search = page.get_by_label("Search questions by text, ID or name")
    search.focus()
    before = page.get_by_role("radio", name="How likely").bounding_box()

    page.locator(".question-answers").first.wait_for()
    assert page.get_by_text("Answers over all time, counted just now.").count() == 1
    assert page.get_by_role("radio", name="How likely").bounding_box() == before
    assert page.get_by_label("Name", exact=True).input_value() == "Mine"
    assert page.evaluate("document.activeElement.id") == "mf-question-search"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".question-picker summary").click()
    page.locator(".question-picker summary").click()
    page.get_by_label("Name", exact=True).fill("Ours")
    calls = [one["path"] for one in world.sandbox.state.calls()]
    assert sum(path.endswith("/export-responses") for path in calls) == 1
    with page.expect_response("**/metrics/form"):
        page.get_by_role("radio", name="Series").click()  # Its preview has an export of its own.
    assert not any(url.endswith("/metrics/answers") for url in asked)
    assert visit.accessibility() == []


@pytest.mark.deep(reason="an export, in a browser")
def test_a_choice_that_the_counts_overtake_updates_the_preview(
    world: World, browsers: Browsers
) -> None:
    """The update for the numbers of answers replaces that of a choice, and does what it would."""
    world.connect()
    page = browsers.visit(world, Role.EDITOR, "/maps").page
    counts: list[Route] = []
    choices: list[Route] = []

    def hold_counts(route: Route) -> None:
        counts.append(route)

    def hold_the_first(route: Route) -> None:
        if choices:
            route.continue_()
        else:
            choices.append(route)

    page.route("**/metrics/answers", hold_counts)
    page.route("**/metrics/form", hold_the_first)
    with page.expect_request("**/metrics/answers"):
        page.goto(f"{world.url}{NEW}")
    with page.expect_request("**/metrics/form"):
        page.get_by_label("Calculation", exact=True).select_option("responses")
    with page.expect_response("**/metrics/form"):
        counts[0].continue_()
    page.locator(".preview-card .card.as-number").wait_for()


def test_a_pasted_address_is_reduced_to_its_host(world: World, browsers: Browsers) -> None:
    """The host replaces the address when the field is left; other text stays."""
    page = browsers.visit(world, Role.ADMIN, "/settings/integrations/qualtrics/new").page
    field = page.get_by_label("Base URL")

    field.fill("https://fra1.qualtrics.com/Q/MyProjects?x=1")
    page.get_by_label("API token").focus()
    page.get_by_text("Reduced to the host name fra1.qualtrics.com.").wait_for()
    assert field.input_value() == "fra1.qualtrics.com"
    field.fill("not an address")
    page.get_by_label("API token").focus()
    assert field.input_value() == "not an address"


def test_the_time_zone_of_the_browser_is_offered(world: World, browsers: Browsers) -> None:
    """Selecting it stores it; before that, nothing changes."""
    visit = browsers.visit(world, Role.ADMIN, "/maps")
    session = visit.page.context.new_cdp_session(visit.page)
    session.send("Emulation.setTimezoneOverride", {"timezoneId": "America/New_York"})
    visit.page.reload()

    offer = visit.page.get_by_role("button", name="Use America/New York")
    offer.wait_for()
    assert world.run(world.app_state.metrics.accounts.show(world.actor())).zone == "UTC"
    offer.click()
    offer.wait_for(state="detached")
    assert (
        world.run(world.app_state.metrics.accounts.show(world.actor())).zone == "America/New_York"
    )
