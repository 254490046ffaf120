"""Getting in: links that work once, sessions, and what nobody gets to see without one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.world import ACCOUNT
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.world import World


def test_a_link_signs_in_once(world: World) -> None:
    """The first who follows a link is signed in; the second reads that it is used up."""
    link = f"/sign-in/{world.site.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    first = world.client(None).get(link)
    second = world.client(None).get(link)

    assert "Vera" in first.text
    assert second.status_code == 422
    assert "no longer good" in second.text


def test_a_link_ends_after_a_day(world: World) -> None:
    """A link that nobody followed for a day signs nobody in."""
    link = f"/sign-in/{world.site.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    world.clock.forward(timedelta(days=1, seconds=1))

    assert world.client(None).get(link).status_code == 422


@pytest.mark.parametrize("path", ["/", "/maps/none", "/jobs/x"])
def test_a_stranger_is_sent_to_sign_in(world: World, path: str) -> None:
    """Nobody sees a page without being signed in."""
    answer = world.client(None).get(path)

    assert answer.url.path == "/sign-in"


def test_signing_out_ends_the_session(world: World) -> None:
    """After signing out, the cookie that the browser had is good for nothing."""
    vera = world.client(Role.VIEWER)
    kept = dict(vera.cookies)

    vera.submit("/maps/none", "/sign-out", {})

    stranger = world.client(None)
    stranger.cookies.update(kept)
    assert stranger.get("/").url.path == "/sign-in"
