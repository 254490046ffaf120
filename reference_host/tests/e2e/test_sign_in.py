"""Sign in and sign out in the browser."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import ACCOUNT
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


def test_a_person_follows_their_link_and_signs_out(world: World, browsers: Browsers) -> None:
    """The link confirms and signs in once; after signing out it is expired."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"
    visit = browsers.visit(world, None, link)

    assert visit.accessibility() == []
    visit.page.get_by_role("button", name="Continue as Vera").click()
    visit.page.get_by_role("button", name="Sign out").wait_for()
    assert visit.accessibility() == []
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.get_by_role("heading", name="Sign in").wait_for()
    visit.page.goto(link)
    assert visit.page.get_by_text("expired or was already used").is_visible()


@pytest.mark.deep(reason="a browser; another sign-in runs on every change")
def test_the_link_of_another_person_is_confirmed(world: World, browsers: Browsers) -> None:
    """A signed-in person is not switched to another person without confirmation."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Emil', Role.EDITOR)}"
    visit = browsers.visit(world, Role.VIEWER, link)

    visit.page.get_by_role("button", name="Continue as Emil").click()

    visit.page.get_by_text("Editor").wait_for()


@pytest.mark.deep(reason="a browser; another sign-in runs on every change")
def test_a_demo_link_signs_in_from_a_terminal_but_not_from_another_site(
    world: World, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typed address signs in; a link, a form or a script of another site does not."""
    settings = replace(world.app_state.settings, demo=True)
    monkeypatch.setitem(vars(world.app_state), "settings", settings)
    link = f"{world.url}/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"
    other_site = world.url.replace("127.0.0.1", "localhost")
    page = browsers.visit(world, None).page

    for attack in (
        f"location = '{link}?at_once=1'",
        f"open('{link}?at_once=1', '_self', 'noreferrer')",
        f"document.body.innerHTML = '<a href={link}?at_once=1>x</a>'; document.links[0].click()",
    ):
        page.goto(f"{other_site}/sign-in")
        page.evaluate(attack)
        page.get_by_role("button", name="Continue as Vera").wait_for()
    page.goto(f"{link}?at_once=1")
    page.get_by_role("button", name="Sign out").wait_for()
