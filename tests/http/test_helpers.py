"""Budgets, pages and JSON answers, and the public names of the package."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import Cancelled, RateLimited, SourceUnavailable
from smaply_metrics_core.http import RateLimiter, header_auth, pages, read_json, remote_details
from smaply_metrics_core.models.source import RequestLimit

if TYPE_CHECKING:
    from .conftest import Clients, HandClock


class Slots:
    """A clock on which waiting is free and remembered, for one thread."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        """Give the time."""
        return self.time

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let it pass."""
        self.time += seconds
        return False


@given(
    per_minute=st.integers(min_value=1, max_value=6),
    gaps=st.lists(st.floats(min_value=0, max_value=90), max_size=40),
)
def test_no_minute_holds_more_requests_than_allowed(per_minute: int, gaps: list[float]) -> None:
    """However requests come, any span of sixty seconds holds at most the limit's number."""
    clock: Any = Slots()
    rate_limiter = RateLimiter(
        [RequestLimit(method="GET", path="/.*", per_minute=per_minute)], clock
    )
    deadline = Deadline.after(10**6, clock)
    sent: list[float] = []
    for gap in gaps:
        clock.time += gap
        rate_limiter.acquire("GET", "/x", deadline)
        sent.append(clock.time)

    for first, later in zip(sent, sent[per_minute:], strict=False):
        # Rounding in the sums of floats, not a request too early.
        assert later - first >= 60 - 1e-6


def test_requests_wait_no_longer_than_they_must(clock: HandClock) -> None:
    """The first ones go at once, the next when the oldest is a minute old, each in turn."""
    rate_limiter = RateLimiter([RequestLimit(method="POST", path="/start", per_minute=2)], clock)
    deadline = Deadline.after(600, clock)

    for _ in range(3):
        rate_limiter.acquire("post", "/start", deadline)
    assert clock.waits == [60]

    for _ in range(2):
        rate_limiter.acquire("POST", "/start", deadline)
    assert clock.waits == [60, 60]


def test_the_first_limit_that_matches_applies(clock: HandClock) -> None:
    """Method and whole path decide; what no limit covers never waits."""
    rate_limiter = RateLimiter(
        [
            RequestLimit(method="GET", path=r"/a/[^/]+", per_minute=1),
            RequestLimit(method="GET", path=r"/a/.*", per_minute=1),
        ],
        clock,
    )
    deadline = Deadline.after(600, clock)

    for method, path in [("GET", "/a/1"), ("GET", "/a/1/2"), ("POST", "/a/1"), ("GET", "/b")]:
        rate_limiter.acquire(method, path, deadline)
    assert clock.waits == []

    rate_limiter.acquire("GET", "/a/2", deadline)
    assert clock.waits == [60]


def test_a_turn_after_the_deadline_is_refused_at_once(clock: HandClock) -> None:
    """No time is lost on a wait that cannot succeed, and the turn is left to others."""
    rate_limiter = RateLimiter([RequestLimit(method="GET", path="/", per_minute=1)], clock)
    rate_limiter.acquire("GET", "/", Deadline.after(600, clock))

    with pytest.raises(RateLimited, match="1 requests a minute") as caught:
        rate_limiter.acquire("GET", "/", Deadline.after(60, clock))
    assert (caught.value.retry_at, clock.waits) == (None, [])

    rate_limiter.acquire("GET", "/", Deadline.after(600, clock))
    assert clock.waits == [60]


def test_stopping_ends_the_wait_for_a_turn(clock: HandClock) -> None:
    """Whoever waits for a turn can be stopped."""
    stop = threading.Event()
    rate_limiter = RateLimiter([RequestLimit(method="GET", path="/", per_minute=1)], clock)
    deadline = Deadline.after(600, clock, stop)
    rate_limiter.acquire("GET", "/", deadline)
    stop.set()

    with pytest.raises(Cancelled):
        rate_limiter.acquire("GET", "/", deadline)


def test_threads_share_a_budget() -> None:
    """Thirty requests of ten threads under a limit of five take turns a minute apart."""

    class Still:
        """A clock that stands still while threads wait, and notes how long they would."""

        def __init__(self) -> None:
            self.waits: list[float] = []

        def monotonic(self) -> float:
            return 0.0

        def wait(self, seconds: float, stop: threading.Event) -> bool:
            self.waits.append(seconds)
            return False

    still: Any = Still()
    rate_limiter = RateLimiter([RequestLimit(method="GET", path="/", per_minute=5)], still)
    deadline = Deadline.after(10**4, still)

    def work() -> None:
        for _ in range(3):
            rate_limiter.acquire("GET", "/", deadline)

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(still.waits) == [60.0 * minute for minute in range(1, 6) for _ in range(5)]


def test_the_client_keeps_the_limits(clients: Clients, clock: HandClock) -> None:
    """Each request that goes out, retries too, takes its turn under the source's limits."""
    limits = [RequestLimit(method="GET", path=r"/API/v3/surveys", per_minute=2)]
    answers = iter([503, 200, 200])
    client = clients(lambda _: httpx.Response(next(answers)), limits=RateLimiter(limits, clock))

    client.get("/API/v3/surveys?offset=1")
    client.get("/API/v3/surveys?offset=2")
    assert clock.waits == [1.0, 59.0]


@pytest.mark.parametrize(("path", "per_minute"), [("/", 0), ("/", -1), ("(", 1)])
def test_a_limit_that_cannot_be_kept_is_refused(path: str, per_minute: int) -> None:
    """A limit needs a positive number and a path that is a regular expression."""
    with pytest.raises(ValidationError):
        RequestLimit(method="GET", path=path, per_minute=per_minute)


def next_of(response: httpx.Response) -> str | None:
    """Read the address of the next page."""
    following: str | None = response.json()["next"]
    return following


def test_pages_come_one_after_the_other(clients: Clients) -> None:
    """Each page is handed out, with the secret header asked for, until there is no next one."""
    tokens: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers.get("X-API-TOKEN"))
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json={"next": f"/list?page={page + 1}" if page < 3 else None})

    auth = header_auth("X-API-TOKEN", SecretStr("token-token"))
    found = [page.json()["next"] for page in pages(clients(wire), "/list", next_of, auth=auth)]

    assert found == ["/list?page=2", "/list?page=3", None]
    assert tokens == ["token-token"] * 3


def test_pages_use_the_clients_own_authentication_unless_told_otherwise(clients: Clients) -> None:
    """Without an argument, a client's own way to authenticate stays in force."""
    tokens: list[str | None] = []

    def wire(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers.get("X-API-TOKEN"))
        return httpx.Response(200, json={"next": None})

    client = clients(wire)
    client.auth = header_auth("X-API-TOKEN", SecretStr("token-token"))
    list(pages(client, "/list", next_of))

    assert tokens == ["token-token"]


@pytest.mark.parametrize("back_to", ["/list", "https://fra1.qualtrics.com:443/list", "/list?a=1"])
def test_a_list_that_turns_in_circles_is_an_error(clients: Clients, back_to: str) -> None:
    """A page that was read already is recognised however its address is written."""
    read: list[int] = []
    client = clients(lambda _: httpx.Response(200, json={"next": back_to}))

    with pytest.raises(SourceUnavailable, match="lead back"):
        read.extend(page.status_code for page in pages(client, "/list", next_of))
    assert len(read) in {1, 2}


def test_a_list_without_end_is_an_error(clients: Clients) -> None:
    """After so many pages the list is given up, not passed off as complete."""

    def wire(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json={"next": f"/list?page={page + 1}"})

    read: list[int] = []
    with pytest.raises(SourceUnavailable, match="goes on after 5 pages"):
        read.extend(
            page.status_code for page in pages(clients(wire), "/list", next_of, max_pages=5)
        )
    assert len(read) == 5


def test_exactly_the_most_pages_are_fine(clients: Clients) -> None:
    """A list that ends on the last allowed page is complete."""

    def wire(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params.get("page", "1"))
        return httpx.Response(200, json={"next": f"/list?page={page + 1}" if page < 5 else None})

    assert len(list(pages(clients(wire), "/list", next_of, max_pages=5))) == 5


def test_an_error_page_is_judged_by_the_reader_first(clients: Clients) -> None:
    """The next address is not looked for on a page that the reader has refused."""

    class RefusedError(Exception):
        """What a source raises on a 404."""

    def reader() -> None:
        for page in pages(clients(lambda _: httpx.Response(404)), "/list", next_of):
            raise RefusedError(page.status_code)

    with pytest.raises(RefusedError):
        reader()


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "application/json", "nothing instead of data"),
        (b" \n", "application/json", "nothing instead of data"),
        (b"<!DOCTYPE html><p>Sign in", "application/json", "a web page instead of data"),
        (b"Sign in", "text/html; charset=utf-8", "a web page instead of data"),
        (b'{"half": ', "application/json", "damaged data"),
        (b"\xff\xfe\xfa", "application/json", "damaged data"),
        (b"[" * 100_000, "application/json", "damaged data"),
        (b"9" * 10_000, "application/json", "damaged data"),
    ],
    ids=["empty", "blank", "page", "page by type", "half", "no text", "deep", "huge number"],
)
def test_what_is_no_json_is_told_as_what_it_is(
    clients: Clients, content: bytes, kind: str, said: str
) -> None:
    """A web page, nothing, or damaged data each get their sentence, with the request id."""
    headers = {"Content-Type": kind, "X-Request-Id": "req-1"}
    answer = clients(lambda _: httpx.Response(200, headers=headers, content=content)).get("/")

    with pytest.raises(SourceUnavailable) as caught:
        read_json(answer)

    assert caught.value.message == f"fra1.qualtrics.com answered with {said} (HTTP 200)."
    assert caught.value.request_id == "req-1"


def test_json_is_read_whatever_its_type_says(clients: Clients) -> None:
    """Data that is JSON counts as that, also when streamed or labelled as plain text."""
    client = clients(lambda _: httpx.Response(200, text='{"a": "ü"}'))

    assert read_json(client.get("/")) == {"a": "ü"}
    with client.stream("GET", "/") as response:
        assert read_json(response) == {"a": "ü"}


@pytest.mark.parametrize(
    ("content", "headers", "expected"),
    [
        (b'{"meta":{"requestId":"a","error":{"errorCode":"E_1"}}}', {}, ("E_1", "a")),
        (
            b'{"meta":{"error":{"errorCode":"AuthZ_2.0"}}}',
            {"x-request-id": "b"},
            ("AuthZ_2.0", "b"),
        ),
        (b'{"requestId":"c"}', {"request-id": "d"}, (None, "c")),
        (b'{"meta":{"requestId":7,"error":"x"}}', {"request-id": "d"}, (None, "d")),
        (b'{"meta":[],"requestId":null}', {}, (None, None)),
        (b'{"meta":{"requestId":"with a space"}}', {}, (None, None)),
        (b'{"meta":{"requestId":"%s"}}' % (b"x" * 101), {}, (None, None)),
        (b"<html>", {"x-request-id": "e"}, (None, "e")),
        (b"[1]", {}, (None, None)),
    ],
)
def test_the_survey_tools_ids_are_found(
    content: bytes, headers: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    """Code and request id come from the envelope, else the headers, and only if plain."""
    assert remote_details(httpx.Response(400, headers=headers, content=content)) == expected


@given(st.binary(max_size=200))
def test_looking_for_ids_never_fails(content: bytes) -> None:
    """Whatever an error page holds, looking for ids in it raises nothing."""
    remote_details(httpx.Response(500, content=content))
