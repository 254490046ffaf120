"""What protects every answer: headers, tokens, requests from other sites, size."""

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


@pytest.mark.parametrize("path", ["/sign-in", "/no-such-page", "/static/app.js", "/healthz"])
def test_every_answer_carries_the_policy(world: World, path: str) -> None:
    """Scripts and styles come from the host alone, none inline; nobody frames a page."""
    headers = world.client(None).get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_a_page_has_nothing_inline(world: World) -> None:
    """No page relies on what the policy forbids."""
    text = world.client(Role.ADMIN).get("/no-such-page").text

    assert " style=" not in text
    assert " onclick=" not in text
    assert "<style" not in text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_another_site_is_refused(world: World, headers: dict[str, str]) -> None:
    """Whatever its fields say: a browser tells where a form came from."""
    answer = world.client(Role.ADMIN).post("/sign-out", headers=headers)

    assert answer.status_code == 403
    assert "another site" in answer.text


def test_a_form_without_its_token_is_refused(world: World) -> None:
    """A form needs the token of its session: none, a wrong one, another session's do not do."""
    ada, vera = world.client(Role.ADMIN), world.client(Role.VIEWER)
    page = ada.get("/no-such-page").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]

    assert vera.post("/sign-out").status_code == 403
    assert vera.post("/sign-out", data={"csrf_token": "00" * 64}).status_code == 403
    assert vera.post("/sign-out", data={"csrf_token": token}).status_code == 403
    assert ada.post("/sign-out", data={"csrf_token": token}).url.path == "/sign-in"


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    """With and without a length, and before it is read to the end."""

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


def test_a_body_that_never_ends_is_not_waited_for() -> None:
    """Neither all at once nor piece by piece may it take longer than the host is patient."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse((await Request(scope, receive).body()).decode())(
            scope, receive, send
        )

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nobody sends anything")

    async def send(_message: Message) -> None:
        raise AssertionError("nothing was to be answered")

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    protected = SecurityMiddleware(app, "https://metrics.example", body_seconds=0.0)

    with pytest.raises(HTTPException, match="408"):
        asyncio.run(protected(scope, never, send))


def test_a_bug_is_answered_with_the_policy_and_without_its_text(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also what nobody expected is answered in words, as safe as every other answer."""

    def broken(_account: str) -> None:
        raise RuntimeError("internal detail")

    vera = world.client(Role.VIEWER)
    monkeypatch.setattr(world.app_state.maps, "list", broken)
    answer = vera.get("/maps")

    assert answer.status_code == 500
    assert "Something is wrong in this app itself." in answer.text
    assert "internal detail" not in answer.text
    assert "internal detail" in caplog.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_a_store_that_cannot_be_read_is_said_in_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that says so needs nothing of it."""

    def broken(_token: str) -> None:
        raise StoreError("host.db cannot be used: database is locked.", remedy="Free the disk.")

    vera = world.client(Role.VIEWER)
    monkeypatch.setattr(world.app_state.people, "session", broken)
    answer = vera.get("/maps")

    assert answer.status_code == 503
    assert "Free the disk." in answer.text


def test_an_address_with_a_slash_too_many_leads_nowhere_else(world: World) -> None:
    """No redirect is made of the host that a request names."""
    answer = world.client(None).get(
        "/maps/", headers={"host": "evil.example"}, follow_redirects=False
    )

    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_form_with_too_much_text_is_refused(world: World) -> None:
    """All texts of a form together have a bound, whatever the fields are called."""
    emil = world.client(Role.EDITOR)
    answer = emil.submit("/metrics/new", "/metrics/form", {"name": "x" * MOST_CHARACTERS})

    assert answer.status_code == 413
    assert "too much text" in answer.text


@given(TOKENS)
def test_a_masked_token_matches_its_own_alone(token: str) -> None:
    """Each writing of a token differs, and all of them match it."""
    one, other = csrf.masked(token), csrf.masked(token)

    assert one != other
    assert csrf.matches(one, token)
    assert csrf.matches(other, token)
    assert token not in one


@given(st.text(), TOKENS)
def test_no_other_text_matches(text: str, token: str) -> None:
    """Anything that was not made of the token is refused, and nothing breaks off."""
    assert not csrf.matches(text, token)


@given(TOKENS, TOKENS)
def test_another_sessions_token_does_not_match(one: str, other: str) -> None:
    """A token of one session is good for no other."""
    assert csrf.matches(csrf.masked(one), other) is (one == other)
