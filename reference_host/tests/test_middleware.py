"""Security headers, CSRF tokens, cross-site requests, limits of request bodies, errors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from smaply_metrics_core.host import Role, StoreError
from smaply_metrics_host.dependencies import MOST_CHARACTERS
from smaply_metrics_host.web import csrf
from smaply_metrics_host.web.middleware import MOST_BYTES, SecurityMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Receive, Scope, Send

    from reference_host.tests.app_fixture import World

TOKENS = st.binary(min_size=32, max_size=32).map(bytes.hex)


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


@pytest.mark.parametrize("path", ["/sign-in", "/no-such-page", "/static/0/app.js", "/healthz"])
def test_every_response_has_the_policy(world: World, path: str) -> None:
    """The policy forbids inline scripts, other hosts and frames."""
    headers = world.client(None).get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_page_has_nothing_inline(world: World) -> None:
    """Pages have no inline styles or handlers."""
    text = world.client(Role.ADMIN).get("/no-such-page").text

    assert " style=" not in text
    assert " onclick=" not in text
    assert "<style" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"referer": "https://[::1/"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_cross_site_form_is_refused(world: World, headers: dict[str, str]) -> None:
    """The origin and fetch metadata of the browser identify a cross-site form."""
    answer = world.client(Role.ADMIN).post("/sign-out", headers=headers)

    assert answer.status_code == 403
    assert "another site" in answer.text


def test_a_form_without_its_token_is_refused(world: World) -> None:
    """A missing or wrong CSRF token, or that of another session, is refused."""
    ada, vera = world.client(Role.ADMIN), world.client(Role.VIEWER)
    page = ada.get("/no-such-page").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]

    assert vera.post("/sign-out").status_code == 403
    assert vera.post("/sign-out", data={"csrf_token": "00" * 64}).status_code == 403
    assert vera.post("/sign-out", data={"csrf_token": token}).status_code == 403
    assert ada.post("/sign-out", data={"csrf_token": token}).url.path == "/sign-in"


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    """A body above the limit returns 413, with and without a content length."""

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
        for _ in range(MOST_BYTES // 2**20 + 1):
            yield bytes(2**20)
        yield b"\r\n--x--\r\n"

    vera = world.client(Role.VIEWER)
    form = {"content-type": "multipart/form-data; boundary=x"}

    said = vera.post("/sign-out", content=bytes(MOST_BYTES + 1), headers=form)
    unsaid = vera.post("/sign-out", content=chunks(), headers=form)

    assert (said.status_code, unsaid.status_code) == (413, 413)


def test_a_slow_body_times_out() -> None:
    """A body that does not arrive in time returns 408."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse((await Request(scope, receive).body()).decode())(
            scope, receive, send
        )

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("no message is sent")

    async def send(_message: Message) -> None:
        raise AssertionError("no response is sent")

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    protected = SecurityMiddleware(app, "https://metrics.example", body_seconds=0.0)

    with pytest.raises(HTTPException, match="408"):
        asyncio.run(protected(scope, never, send))


def test_a_bug_has_the_policy_and_no_details(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error returns a generic page with all security headers."""

    def broken(_account: str) -> None:
        raise RuntimeError("internal detail")

    vera = world.client(Role.VIEWER)
    monkeypatch.setattr(world.app_state.maps, "list", broken)
    answer = vera.get("/maps")

    assert answer.status_code == 500
    assert "An internal error occurred." in answer.text
    assert "internal detail" not in answer.text
    assert "internal detail" in caplog.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_database_error_returns_a_page_without_details(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page does not read the database; without a session, it shows no details."""

    def broken(_token: str) -> None:
        raise StoreError("host.db cannot be used: database is locked.", remedy="Free the disk.")

    vera = world.client(Role.VIEWER)
    monkeypatch.setattr(world.app_state.people, "session", broken)
    answer = vera.get("/maps")

    assert answer.status_code == 503
    assert "The database of this installation cannot be used." in answer.text
    assert "The operator of this installation can fix it." in answer.text
    assert "Free the disk." not in answer.text


@pytest.mark.parametrize(
    ("role", "is_detailed"), [(Role.VIEWER, False), (Role.EDITOR, False), (Role.ADMIN, True)]
)
@pytest.mark.parametrize("path", ["/maps", "/api/maps"])
def test_an_error_is_shown_according_to_the_role(
    world: World, monkeypatch: pytest.MonkeyPatch, role: Role, path: str, *, is_detailed: bool
) -> None:
    """Only an Admin reads a remedy for the operator, on pages and in the API."""

    def broken(_account: str, _workspace: str | None = None) -> None:
        raise StoreError("host.db cannot be used: database is locked.", remedy="Free the disk.")

    browser = world.client(role)
    monkeypatch.setattr(world.app_state.maps, "list", broken)
    answer = browser.get(path)

    assert answer.status_code == 503
    assert ("Free the disk." in answer.text) is is_detailed
    assert ("host.db" in answer.text) is is_detailed
    assert ("The operator of this installation can fix it." in answer.text) is not is_detailed


def test_a_trailing_slash_is_not_redirected(world: World) -> None:
    """A redirect would trust the Host header of the request."""
    answer = world.client(None).get(
        "/maps/", headers={"host": "evil.example"}, follow_redirects=False
    )

    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_form_with_too_much_text_is_refused(world: World) -> None:
    """The total length of all texts in a form is limited."""
    emil = world.client(Role.EDITOR)
    answer = emil.submit("/metrics/new", "/metrics/form", {"name": "x" * MOST_CHARACTERS})

    assert answer.status_code == 413
    assert "too much text" in answer.text


@given(TOKENS)
def test_a_masked_token_matches_its_token(token: str) -> None:
    """Masked tokens differ each time, and all of them match."""
    one, other = csrf.masked(token), csrf.masked(token)

    assert one != other
    assert csrf.matches(one, token)
    assert csrf.matches(other, token)
    assert token not in one


@given(st.text(), TOKENS)
def test_no_other_text_matches(text: str, token: str) -> None:
    """Any other text does not match and raises no error."""
    assert not csrf.matches(text, token)


@given(TOKENS, TOKENS)
def test_another_sessions_token_does_not_match(one: str, other: str) -> None:
    """The token of one session does not match another session."""
    assert csrf.matches(csrf.masked(one), other) is (one == other)
