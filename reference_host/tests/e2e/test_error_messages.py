"""Errors that scripts show on the page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import ACCOUNT, SUPPORT
from smaply_metrics_core.host import Role
from smaply_metrics_host.jobs import MOST_RUNNING, Job, JobResult

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from reference_host.tests.e2e.browser_pages import Browsers


@pytest.mark.deep(reason="a browser; another test of a form runs on every change")
def test_an_error_has_its_remedy_and_the_support_contact(world: World, browsers: Browsers) -> None:
    """An error shown by a script has the same parts as one on a page."""
    visit = browsers.visit(world, Role.ADMIN, "/settings/integrations/csv_example")
    (ada,) = world.app_state.people.of_account(ACCOUNT)

    async def forever(_job: Job) -> JobResult:
        await asyncio.Event().wait()
        return JobResult("")

    async def keep_busy() -> None:
        for _ in range(MOST_RUNNING):
            world.app_state.jobs.start(ada, "Waiting", forever)

    world.run(keep_busy())
    visit.page.get_by_label("Folder").fill("surveys")
    visit.page.get_by_role("button", name="Save").click()

    banner = visit.page.get_by_role("alert").filter(has_text="are still running")
    banner.wait_for()
    assert "Wait until one has ended" in banner.inner_text()
    assert f"Contact {SUPPORT}" in banner.inner_text()
