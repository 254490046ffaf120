"""Getting in: links that work once, sessions, and what nobody gets to see without one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response

from reference_host.tests.app_fixture import ACCOUNT
from smaply_metrics_core.host import Role
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.web.authentication import set_cookie

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World


def test_a_link_signs_in_once(world: World) -> None:
    """The first who presses Continue is signed in; the second reads that the link is used up."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    first = world.client(None).post(link)
    second = world.client(None).post(link)

    assert "Vera" in first.text
    assert second.status_code == 422
    assert "expired or was already used" in second.text


def test_a_link_survives_being_looked_at(world: World) -> None:
    """Mail scanners and chats may look at a link before the person does whose it is."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    for _ in range(2):
        scanner = world.client(None)
        assert "Continue as" in scanner.get(link).text
        assert scanner.get("/").url.path == "/sign-in"

    assert world.client(None).post(link).url.path != "/sign-in"


def test_a_link_may_lead_in_at_once(world: World) -> None:
    """One that is printed for whoever sits there does, unless a browser loads it ahead."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}?at_once=yes"

    assert "Continue as" in world.client(None).get(link, headers={"sec-purpose": "prefetch"}).text
    assert "Sign out" in world.client(None).get(link).text


def test_a_link_ends_after_a_day(world: World) -> None:
    """A link that nobody followed for a day signs nobody in."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

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


def test_signing_in_anew_ends_the_session_before(world: World) -> None:
    """Whoever takes another link in the same browser leaves no session open behind them."""
    vera = world.client(Role.VIEWER)
    kept = dict(vera.cookies)
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    assert "Vera" in vera.get(link).text  # Asked first: the browser is somebody's already.
    assert vera.post(link).url.path != "/sign-in"

    stranger = world.client(None)
    stranger.cookies.update(kept)
    assert stranger.get("/").url.path == "/sign-in"


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "maps"]
)
def test_a_link_leads_to_pages_of_the_host_alone(world: World, to: str) -> None:
    """Whatever a link says where to go next, nobody ends up anywhere else."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    answer = world.client(None).post(link, params={"next": to}, follow_redirects=False)

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("url", ["https://metrics.example", "http://127.0.0.1:8000"])
def test_the_cookie_is_kept_from_scripts_and_other_sites(tmp_path: Path, url: str) -> None:
    """And from connections that are not encrypted, where the host is reached by HTTPS."""
    response = Response()

    set_cookie(response, "token", HostSettings.from_environment(tmp_path, url, {}))

    flags = set(response.headers["set-cookie"].lower().split("; "))
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) is url.startswith("https:")
    assert not any(flag.startswith("domain") for flag in flags)
