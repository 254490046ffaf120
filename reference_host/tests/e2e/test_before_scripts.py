"""Input before the scripts of a page have loaded is not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.e2e.browser_pages import script_held_back
from reference_host.tests.metric_factories import make
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


def test_a_choice_narrows_the_form_once_the_script_has_come(
    world: World, browsers: Browsers
) -> None:
    """A survey chosen while the script loads shows its questions."""
    world.connect()
    page = browsers.visit(world, Role.EDITOR).page
    with script_held_back(page, "metric-form.js") as held:
        page.goto("/metrics/new", wait_until="commit")
    page.get_by_role("radio", name="Relationship survey").check()
    assert page.get_by_role("group", name="Question", exact=True).count() == 0

    held[0].continue_()

    questions = page.get_by_role("group", name="Question", exact=True)
    questions.wait_for()
    assert "How likely are you to recommend Nordlicht" in questions.inner_text()


@pytest.mark.deep(reason="a browser; another test of a form runs on every change")
def test_a_search_is_made_once_the_script_has_come(world: World, browsers: Browsers) -> None:
    """A search text typed while the script loads is searched."""
    world.connect()
    make(world, "Would they recommend us")
    page = browsers.visit(world, Role.EDITOR).page
    with script_held_back(page, "metrics.js") as held:
        page.goto("/metrics", wait_until="commit")
    page.get_by_role("searchbox").fill("no such metric")
    assert page.get_by_role("row", name="Would they recommend us").is_visible()

    held[0].continue_()

    page.get_by_role("row", name="Would they recommend us").wait_for(state="hidden")
