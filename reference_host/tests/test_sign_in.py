"""Sign-in links, sessions and access without a session."""

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
    """The link works for the first Continue only."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    first = world.client(None).post(link)
    second = world.client(None).post(link)

    assert "Vera" in first.text
    assert second.status_code == 422
    assert "<h1>This link does not work</h1>" in second.text
    assert "expired or was already used" in second.text


def test_opening_a_link_does_not_use_it(world: World) -> None:
    """Mail scanners and chat previews can open a link before the person does."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    for _ in range(2):
        scanner = world.client(None)
        assert "Continue as" in scanner.get(link).text
        assert scanner.get("/").url.path == "/sign-in"

    assert world.client(None).post(link).url.path != "/sign-in"


def test_a_link_can_sign_in_without_confirmation(world: World) -> None:
    """A link with ``at_once`` signs in when opened, unless the browser prefetches it."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}?at_once=yes"

    assert "Continue as" in world.client(None).get(link, headers={"sec-purpose": "prefetch"}).text
    assert "Sign out" in world.client(None).get(link).text


def test_a_link_expires_after_a_day(world: World) -> None:
    """An unused link no longer works after one day."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    world.clock.forward(timedelta(days=1, seconds=1))

    assert world.client(None).get(link).status_code == 422


@pytest.mark.parametrize("path", ["/", "/maps/none", "/jobs/x"])
def test_a_page_without_a_session_redirects_to_sign_in(world: World, path: str) -> None:
    """Pages require a session."""
    answer = world.client(None).get(path)

    assert answer.url.path == "/sign-in"


def test_signing_out_ends_the_session(world: World) -> None:
    """After sign-out, the old cookie no longer works."""
    vera = world.client(Role.VIEWER)
    cookies = dict(vera.cookies)

    vera.submit("/maps/none", "/sign-out", {})

    stranger = world.client(None)
    stranger.cookies.update(cookies)
    assert stranger.get("/").url.path == "/sign-in"


def test_signing_in_again_ends_the_previous_session(world: World) -> None:
    """Using another link in the same browser ends the earlier session."""
    vera = world.client(Role.VIEWER)
    cookies = dict(vera.cookies)
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    assert "Vera" in vera.get(link).text  # Confirmed first, because the browser has a session.
    assert vera.post(link).url.path != "/sign-in"

    stranger = world.client(None)
    stranger.cookies.update(cookies)
    assert stranger.get("/").url.path == "/sign-in"


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "maps"]
)
def test_a_link_does_not_redirect_to_other_hosts(world: World, to: str) -> None:
    """A ``next`` that is not a path of this host is ignored."""
    link = f"/sign-in/{world.app_state.people.invite(ACCOUNT, 'Vera', Role.VIEWER)}"

    answer = world.client(None).post(link, params={"next": to}, follow_redirects=False)

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("url", ["https://metrics.example", "http://127.0.0.1:8000"])
def test_the_cookie_has_security_flags(tmp_path: Path, url: str) -> None:
    """The cookie is HttpOnly and SameSite=Lax, and Secure with HTTPS."""
    response = Response()

    set_cookie(response, "token", HostSettings.from_environment(tmp_path, url, {}))

    flags = set(response.headers["set-cookie"].lower().split("; "))
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert ("secure" in flags) is url.startswith("https:")
    assert not any(flag.startswith("domain") for flag in flags)
