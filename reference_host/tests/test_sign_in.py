"""Sign-in links, sessions and access without a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from starlette.responses import Response

from smaply_metrics_core.host import Role
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.web.authentication import clear_cookie, set_cookie

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def link_for(world: World) -> str:
    """Return the path of a new sign-in link."""
    return f"/sign-in/{world.app_state.people.invite(world.account, 'Vera', Role.VIEWER)}"


def test_a_link_signs_in_once(world: World) -> None:
    """The link works for the first Continue only."""
    link = link_for(world)

    first = world.client(None).post(link)
    second = world.client(None).post(link)

    assert "Vera" in first.text
    assert second.status_code == 422
    assert "<h1>This link does not work</h1>" in second.text
    assert "expired or was already used" in second.text


def test_opening_a_link_does_not_use_it(world: World) -> None:
    """Mail scanners and chat previews can open a link before the person does."""
    link = link_for(world)

    for _ in range(2):
        scanner = world.client(None)
        assert "Continue as" in scanner.get(link).text
        assert scanner.get("/").url.path == "/sign-in"

    assert world.client(None).post(link).url.path != "/sign-in"


DIRECT = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}


@pytest.fixture
def demo(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The app as a demo."""
    settings = replace(world.app_state.settings, demo=True)
    monkeypatch.setitem(vars(world.app_state), "settings", settings)
    return world


def test_a_link_of_a_demo_signs_in_when_opened(demo: World) -> None:
    """A link from the terminal needs no confirmation, for any spelling of ``at_once``."""
    for value in ("yes", "1", "true"):
        link = link_for(demo)

        page = demo.client(None).get(f"{link}?at_once={value}", headers=DIRECT)

        assert "Sign out" in page.text


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "none"},
        {**DIRECT, "sec-fetch-site": "cross-site"},
        {**DIRECT, "sec-fetch-site": "same-site"},
        {**DIRECT, "sec-fetch-site": "same-origin"},
        {**DIRECT, "sec-fetch-mode": "no-cors"},
        {**DIRECT, "sec-purpose": "prefetch"},
        {**DIRECT, "sec-purpose": "prefetch;prerender"},
        {**DIRECT, "purpose": "prefetch"},
    ],
)
def test_no_other_page_signs_people_in(demo: World, headers: dict[str, str]) -> None:
    """A link on a page, a prefetch, and a browser that sends no metadata get a confirmation."""
    link = link_for(demo) + "?at_once=yes"
    victim = demo.client(None)

    assert "Continue as" in victim.get(link, headers=headers).text
    assert victim.get("/").url.path == "/sign-in"


def test_only_a_demo_signs_in_without_confirmation(world: World) -> None:
    """A host ignores ``at_once``."""
    link = link_for(world) + "?at_once=yes"
    victim = world.client(None)

    assert "Continue as" in victim.get(link, headers=DIRECT).text
    assert victim.get("/").url.path == "/sign-in"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"referer": "https://evil.example/page"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_form_of_another_site_signs_people_in(world: World, headers: dict[str, str]) -> None:
    """The confirmation can only be sent from this host, so no one signs in to another's account."""
    link = link_for(world)
    victim = world.client(None)

    assert victim.post(link, headers=headers).status_code == 403
    assert victim.get("/").url.path == "/sign-in"
    assert victim.post(link, headers={"referer": f"{world.url}{link}"}).url.path == "/maps"


def test_a_link_expires_after_a_day(world: World) -> None:
    """An unused link no longer works after one day."""
    link = link_for(world)

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
    link = link_for(world)

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
    link = link_for(world)

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


def test_another_host_of_the_domain_cannot_sign_people_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HTTPS, only a cookie with a prefix that no other host can set is accepted."""
    token = world.app_state.people.invite(world.account, "Eve", Role.VIEWER)
    session = world.app_state.people.sign_in(token)
    assert session is not None
    settings = replace(world.app_state.settings, public_url="https://metrics.example")
    monkeypatch.setitem(vars(world.app_state), "settings", settings)

    def status(cookie: str) -> int:
        headers = {"cookie": f"{cookie}={session}"}
        return world.client(None).get("/api/session", headers=headers).status_code

    assert status("smaply_session") == 401
    assert status("__Host-smaply_session") == 200


@pytest.mark.parametrize("url", ["https://metrics.example", "http://127.0.0.1:8000"])
def test_the_cookie_is_deleted_with_the_name_and_flags_it_was_set_with(
    tmp_path: Path, url: str
) -> None:
    """A browser ignores a deletion of a prefixed cookie that is not Secure."""
    settings = HostSettings.from_environment(tmp_path, url, {})
    made, deleted = Response(), Response()

    set_cookie(made, "token", settings)
    clear_cookie(deleted, settings)

    first, second = (one.headers["set-cookie"].split("; ") for one in (made, deleted))
    assert first[0].partition("=")[0] == second[0].partition("=")[0]
    assert "Max-Age=0" in second
    assert ("Secure" in second) is ("Secure" in first)
