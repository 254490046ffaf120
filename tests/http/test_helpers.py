"""Rate limits, JSON responses, and the public names of the package."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import Cancelled, RateLimited, SourceUnavailable
from smaply_metrics_core.http import RateLimiter, read_json, remote_details
from smaply_metrics_core.models.source import RequestLimit

if TYPE_CHECKING:
    from .conftest import Clients, HandClock


class Slots:
    """A clock for one thread that advances without waiting."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        """Return the time in seconds."""
        return self.time

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Advance the clock without waiting."""
        self.time += seconds
        return False


@given(
    per_minute=st.integers(min_value=1, max_value=6),
    gaps=st.lists(st.floats(min_value=0, max_value=90), max_size=40),
)
def test_no_minute_has_more_requests_than_allowed(per_minute: int, gaps: list[float]) -> None:
    """With any gaps, an interval of sixty seconds has at most ``per_minute`` requests."""
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
        # The tolerance is for rounding errors of float sums.
        assert later - first >= 60 - 1e-6


def test_requests_wait_no_longer_than_necessary(clock: HandClock) -> None:
    """The first requests do not wait; the next ones wait until the oldest is a minute old."""
    rate_limiter = RateLimiter([RequestLimit(method="POST", path="/start", per_minute=2)], clock)
    deadline = Deadline.after(600, clock)

    for _ in range(3):
        rate_limiter.acquire("post", "/start", deadline)
    assert clock.waits == [60]

    for _ in range(2):
        rate_limiter.acquire("POST", "/start", deadline)
    assert clock.waits == [60, 60]


def test_the_first_limit_that_matches_applies(clock: HandClock) -> None:
    """Method and whole path must match; requests that match no limit do not wait."""
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


def test_a_wait_beyond_the_deadline_is_rejected(clock: HandClock) -> None:
    """The error is raised without waiting, and does not use up a request of the limit."""
    rate_limiter = RateLimiter([RequestLimit(method="GET", path="/", per_minute=1)], clock)
    rate_limiter.acquire("GET", "/", Deadline.after(600, clock))

    with pytest.raises(RateLimited, match="limit of 1 request per minute") as caught:
        rate_limiter.acquire("GET", "/", Deadline.after(60, clock))
    assert (caught.value.retry_at, clock.waits) == (None, [])

    rate_limiter.acquire("GET", "/", Deadline.after(600, clock))
    assert clock.waits == [60]


def test_the_wait_for_a_limit_can_be_cancelled(clock: HandClock) -> None:
    """A cancelled call stops waiting."""
    stop = threading.Event()
    rate_limiter = RateLimiter([RequestLimit(method="GET", path="/", per_minute=1)], clock)
    deadline = Deadline.after(600, clock, stop)
    rate_limiter.acquire("GET", "/", deadline)
    stop.set()

    with pytest.raises(Cancelled):
        rate_limiter.acquire("GET", "/", deadline)


def test_threads_share_a_limit() -> None:
    """Thirty requests of ten threads with a limit of five are sent over six minutes."""

    class Still:
        """A clock that does not advance and records the waits of threads."""

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


def test_the_client_applies_the_limits(clients: Clients, clock: HandClock) -> None:
    """The limits of the source apply to each request and each retry."""
    limits = [RequestLimit(method="GET", path=r"/API/v3/surveys", per_minute=2)]
    answers = iter([503, 200, 200])
    client = clients(lambda _: httpx.Response(next(answers)), limits=RateLimiter(limits, clock))

    client.get("/API/v3/surveys?offset=1")
    client.get("/API/v3/surveys?offset=2")
    assert clock.waits == [1.0, 59.0]


@pytest.mark.parametrize(("path", "per_minute"), [("/", 0), ("/", -1), ("(", 1)])
def test_an_invalid_limit_is_rejected(path: str, per_minute: int) -> None:
    """A limit requires a positive number and a regular expression as the path."""
    with pytest.raises(ValidationError):
        RequestLimit(method="GET", path=path, per_minute=per_minute)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "application/json", "an empty response"),
        (b" \n", "application/json", "an empty response"),
        (b"<!DOCTYPE html><p>Sign in", "application/json", "a web page"),
        (b"Sign in", "text/html; charset=utf-8", "a web page"),
        (b'{"half": ', "application/json", "invalid JSON"),
        (b"\xff\xfe\xfa", "application/json", "invalid JSON"),
        (b"[" * 100_000, "application/json", "invalid JSON"),
        (b"9" * 10_000, "application/json", "invalid JSON"),
        (b"[" * 200 + b"]" * 200, "application/json", "JSON with more than 100 levels"),
        (b"[NaN]", "text/plain", "JSON with a number that is not finite or too large"),
        (
            b"[" + b"{}," * 2_000_000 + b"{}]",
            "application/json",
            "JSON with more than 2,000,000 values",
        ),
    ],
    ids=[
        *("empty", "blank", "page", "page by type", "half", "no text", "deep", "huge number"),
        *("levels", "not finite", "values"),
    ],
)
def test_the_error_for_a_response_without_json_describes_it(
    clients: Clients, content: bytes, kind: str, said: str
) -> None:
    """A web page, an empty response and invalid JSON have different messages."""
    headers = {"Content-Type": kind, "X-Request-Id": "req-1"}
    answer = clients(lambda _: httpx.Response(200, headers=headers, content=content)).get("/")

    with pytest.raises(SourceUnavailable) as caught:
        read_json(answer)

    assert caught.value.message == f"fra1.qualtrics.com sent {said} instead of data (HTTP 200)."
    assert caught.value.request_id == "req-1"


def test_json_is_read_with_any_content_type(clients: Clients) -> None:
    """JSON is parsed when it is streamed, and when its type is plain text."""
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
def test_error_codes_and_request_ids_are_found(
    content: bytes, headers: dict[str, str], expected: tuple[str | None, str | None]
) -> None:
    """Code and request id are read from the envelope or the headers, if they are plain."""
    assert remote_details(httpx.Response(400, headers=headers, content=content)) == expected


@given(st.binary(max_size=200))
def test_reading_ids_never_raises(content: bytes) -> None:
    """No content of an error page raises an exception."""
    remote_details(httpx.Response(500, content=content))
