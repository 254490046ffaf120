"""Which requests are retried, how often, and after which waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    RateLimited,
    SourceUnavailable,
    Unreachable,
)
from smaply_metrics_core.http import SAFE_TO_REPEAT
from smaply_metrics_core.http.retry import full_jitter, read_retry_after

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Wire:
    """Returns the responses of a list, repeats the last one, and counts the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.bodies: list[bytes] = []

    @property
    def tries(self) -> int:
        """The number of requests."""
        return len(self.bodies)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Return the next response."""
        self.bodies.append(request.content)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def status(code: int, **headers: str) -> httpx.Response:
    """Return a response with a status."""
    return httpx.Response(code, headers={k.replace("_", "-"): v for k, v in headers.items()})


OK = status(200)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "failure",
    [
        *map(status, (429, 500, 502, 503, 504)),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("gone"),
    ],
    ids=str,
)
def test_a_read_is_retried_until_it_succeeds(
    clients: Clients, clock: HandClock, method: str, failure: httpx.Response | Exception
) -> None:
    """Network failures, 429 and temporary 5xx are retried up to three times with back-off."""
    wire = Wire(failure, failure, failure, OK)

    assert clients(wire).request(method, "/").status_code == 200
    assert wire.tries == 4
    assert clock.waits == [1.0, 2.0, 4.0]


def test_a_read_fails_after_four_attempts(clients: Clients) -> None:
    """There is no fifth attempt; the last failure is raised."""
    wire = Wire(status(503))

    with pytest.raises(SourceUnavailable, match="503"):
        clients(wire).get("/")
    assert wire.tries == 4


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (status(500), SourceUnavailable),
        (status(503, Retry_After="1"), SourceUnavailable),
        (httpx.ReadTimeout("slow"), Unreachable),
        (httpx.ConnectError("refused"), Unreachable),
    ],
    ids=["500", "503", "timeout", "refused"],
)
def test_a_request_that_may_have_been_processed_is_not_retried(
    clients: Clients, method: str, failure: httpx.Response | Exception, error: type[Exception]
) -> None:
    """Other methods than reads are sent once if the outcome is not known."""
    wire = Wire(failure, OK)

    with pytest.raises(error):
        clients(wire).request(method, "/", json={})
    assert wire.tries == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "failure",
    [*map(status, (429, 500, 502, 503, 504)), httpx.ReadTimeout("slow"), httpx.ReadError("cut")],
    ids=str,
)
def test_a_request_that_is_safe_to_repeat_is_retried_like_a_read(
    clients: Clients, clock: HandClock, method: str, failure: httpx.Response | Exception
) -> None:
    """A source declares it for a read by POST, such as a JSON-RPC call; the body is sent again."""
    wire = Wire(failure, failure, failure, OK)
    client = clients(wire)

    answer = client.request(method, "/rpc", json={"id": 1}, extensions=SAFE_TO_REPEAT)
    assert answer.status_code == 200
    assert wire.bodies == [b'{"id":1}'] * 4
    assert clock.waits == [1.0, 2.0, 4.0]


def test_only_the_declared_request_is_safe_to_repeat(clients: Clients) -> None:
    """The declaration is not a property of the client, and cannot be changed for all."""
    wire = Wire(status(503), OK, status(503), OK)
    client = clients(wire)
    client.post("/", json={}, extensions=SAFE_TO_REPEAT)

    with pytest.raises(SourceUnavailable):
        client.post("/", json={}, extensions={"trace": None})
    with pytest.raises(TypeError):
        SAFE_TO_REPEAT["more"] = True


def test_a_post_is_retried_on_429(clients: Clients) -> None:
    """A 429 means that the request was not processed, so its body is sent again."""
    wire = Wire(status(429), OK)

    assert clients(wire).post("/", json={"a": 1}).status_code == 200
    assert wire.bodies == [b'{"a":1}', b'{"a":1}']


def test_a_streamed_request_body_is_not_retried(clients: Clients) -> None:
    """A body that can only be read once cannot be sent again."""

    def once() -> Iterator[bytes]:
        yield b"data"

    wire = Wire(status(429), OK)

    with pytest.raises(RateLimited):
        clients(wire).post("/", content=once())
    assert wire.tries == 1


@pytest.mark.parametrize("code", [501, 505, 507, 599])
def test_a_permanent_server_error_is_not_retried(clients: Clients, code: int) -> None:
    """A 5xx that is not temporary is raised immediately."""
    wire = Wire(status(code))

    with pytest.raises(SourceUnavailable, match=str(code)):
        clients(wire).get("/")
    assert wire.tries == 1


@pytest.mark.parametrize("code", [200, 204, 304, 400, 401, 403, 404, 411, 418])
def test_other_responses_are_returned(clients: Clients, code: int) -> None:
    """4xx responses are for the source; in particular, a 401 is never retried."""
    wire = Wire(status(code))

    assert clients(wire).get("/").status_code == code
    assert wire.tries == 1


@pytest.mark.parametrize(
    ("header", "waited"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("2.5", 2.5),
        ("0", 1.0),
        ("Sun, 01 Mar 2026 12:00:20 GMT", 20.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 1.0),
        ("soon", 1.0),
        ("-5", 1.0),
        ("", 1.0),
    ],
)
def test_a_short_retry_after_is_applied(
    clients: Clients, clock: HandClock, header: str, waited: float
) -> None:
    """The wait is at least ``Retry-After`` and the back-off; invalid values are ignored."""
    wire = Wire(status(429, Retry_After=header), OK)

    assert clients(wire).get("/").status_code == 200
    assert clock.waits == [waited]


@pytest.mark.parametrize(
    ("header", "after"),
    [
        ("31", timedelta(seconds=31)),
        ("3600", timedelta(hours=1)),
        ("Sun, 01 Mar 2026 13:00:00 GMT", timedelta(hours=1)),
        ("Sun, 01 Mar 2026 13:00:00 -0000", timedelta(hours=1)),
        ("86401", timedelta(hours=24)),
        ("9" * 5000, timedelta(hours=24)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=24)),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.parametrize("code", [429, 503])
def test_a_long_retry_after_is_raised(
    clients: Clients,
    clock: HandClock,
    header: str,
    after: timedelta,
    code: int,
) -> None:
    """Beyond 30 seconds, the error has the time of the next attempt, at most 24 hours ahead."""
    wire = Wire(status(code, Retry_After=header), OK)

    with pytest.raises(RateLimited, match=f"HTTP {code}.*a pause until") as caught:
        clients(wire).get("/")

    assert caught.value.retry_at == NOON + after
    assert (wire.tries, clock.waits) == (1, [])


@pytest.mark.parametrize("code", [429, 503])
def test_a_retry_after_beyond_the_deadline_is_raised(
    clients: Clients, clock: HandClock, code: int
) -> None:
    """If ``Retry-After`` ends after the deadline, the error is raised immediately."""
    wire = Wire(status(code, Retry_After="20"), OK)

    with pytest.raises(RateLimited) as caught:
        clients(wire, deadline=Deadline.after(20, clock)).get("/")

    assert caught.value.retry_at == NOON + timedelta(seconds=20)
    assert clock.waits == []


def test_an_outage_after_a_short_retry_after_is_an_outage(
    clients: Clients, clock: HandClock
) -> None:
    """After the waits, the 503 is raised."""
    wire = Wire(status(503, Retry_After="5"))

    with pytest.raises(SourceUnavailable, match="503"):
        clients(wire).get("/")
    assert clock.waits == [5.0, 5.0, 5.0]


def test_the_deadline_ends_the_retries_with_the_failure(clients: Clients, clock: HandClock) -> None:
    """If the next wait ends after the deadline, the failure is raised, not a timeout."""
    wire = Wire(status(503))

    with pytest.raises(SourceUnavailable):
        clients(wire, deadline=Deadline.after(2.5, clock)).get("/")
    assert clock.waits == [1.0]


def test_nothing_is_sent_after_the_deadline(clients: Clients, clock: HandClock) -> None:
    """A request after the deadline raises before it is sent."""
    wire = Wire(OK)
    client = clients(wire, deadline=Deadline.after(5, clock))
    clock.wait(5, threading.Event())

    with pytest.raises(DeadlineExceeded):
        client.get("/")
    assert wire.tries == 0


def test_retries_can_be_cancelled(clients: Clients, clock: HandClock) -> None:
    """No further request is sent after a cancellation during the wait."""
    stop = threading.Event()

    def overloaded(request: httpx.Request) -> httpx.Response:
        stop.set()
        return httpx.Response(503)

    with pytest.raises(Cancelled):
        clients(overloaded, deadline=Deadline.after(60, clock, stop)).get("/")


def test_timeouts_never_exceed_the_deadline(clients: Clients, clock: HandClock) -> None:
    """A timeout is the smallest of the default, the source's own, and the time left."""
    seen: list[dict[str, float]] = []

    def remember(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    clients(remember).get("/", timeout=None)
    clients(remember).get("/", timeout=3)
    clients(remember, deadline=Deadline.after(5, clock)).get("/", timeout=500)

    assert seen == [
        {"connect": 10, "read": 60, "write": 60, "pool": 10},
        {"connect": 3, "read": 3, "write": 3, "pool": 3},
        {"connect": 5, "read": 5, "write": 5, "pool": 5},
    ]


def test_back_off_has_full_jitter() -> None:
    """Waits are distributed over the whole interval, so that clients do not synchronise."""
    waits = [full_jitter(8.0) for _ in range(400)]

    assert 0 <= min(waits) < 2
    assert 6 < max(waits) <= 8


@given(st.text())
def test_any_retry_after_can_be_parsed(text: str) -> None:
    """Parsing any header never raises, and the result is at most a day."""
    pause = read_retry_after(text, NOON, 600.0)

    assert pause is None or 0 <= pause.seconds <= 86400
