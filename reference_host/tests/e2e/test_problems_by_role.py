"""Open maps show a new problem as the role of their reader may read it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import add_map, add_metric, measure, place
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers

pytestmark = pytest.mark.deep(reason="a browser; another test of a map runs on every change")

FOR_VIEWERS = "The connection to Qualtrics is broken. An Admin can fix it."
FOR_ADMINS = "Enter the current API token"


def test_an_open_map_shows_a_new_problem_for_its_role(
    world: World, browsers: Browsers, tmp_path: Path
) -> None:
    """Two people look at the same map while the token is revoked: each reads their own text."""
    corner = add_map(world)
    world.connect()
    for name in ("NPS", "NPS of all buyers"):
        place(world, corner, add_metric(world, name))
    measure(world)
    vera = browsers.visit(world, Role.VIEWER, corner.path, width=900)
    ada = browsers.visit(world, Role.ADMIN, corner.path, width=900)
    for visit in (vera, ada):
        visit.page.get_by_text("Live", exact=True).wait_for()

    world.sandbox.state.set_token(None)
    world.clock.forward(timedelta(hours=1, minutes=1))
    measure(world)

    vera.page.get_by_text(FOR_VIEWERS).first.wait_for()
    ada.page.get_by_text(FOR_ADMINS).first.wait_for()
    for visit in (vera, ada):
        visit.page.locator("#live-said", has_text="2 cards failed to update.").wait_for(
            state="attached"
        )
    for visit, name in ((vera, "viewer"), (ada, "admin")):
        for notice in visit.page.locator(".card-notice summary").all():
            notice.click()
        visit.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
    for_viewers, for_admins = (visit.page.inner_text("main") for visit in (vera, ada))
    assert for_viewers.count("An Admin can fix it.") == 3
    assert "API token" not in for_viewers
    assert "Request ID" not in for_viewers
    assert for_admins.count(FOR_ADMINS) == 3
    assert "An Admin can fix it." not in for_admins
    assert vera.accessibility() == []
