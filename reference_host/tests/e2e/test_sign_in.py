"""Signing in and out as a person does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import ACCOUNT
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


def test_a_person_follows_their_link_and_signs_out(world: World, browsers: Browsers) -> None:
    """The link asks and leads in; Sign out leads out; the link leads in no more."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"
    visit = browsers.visit(world, None, link)

    assert visit.accessibility() == []
    visit.page.get_by_role("button", name="Continue as Vera").click()
    visit.page.get_by_role("button", name="Sign out").wait_for()
    assert visit.accessibility() == []
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("heading", name="Sign in").wait_for()
    visit.page.goto(link)
    assert visit.page.get_by_text("no longer good").is_visible()


def test_somebody_elses_link_is_asked_about(world: World, browsers: Browsers) -> None:
    """Whoever is signed in is not signed in as another person without being asked."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Emil', Role.EDITOR)}"
    visit = browsers.visit(world, Role.VIEWER, link)

    visit.page.get_by_role("button", name="Continue as Emil").click()

    visit.page.get_by_text("Editor").wait_for()
