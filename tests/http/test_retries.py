"""What is tried again, how often, and after how long."""

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
from smaply_metrics_core.http.retry import full_jitter, read_retry_after

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Wire:
    """Answers from a list, the last one for ever, and counts."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.bodies: list[bytes] = []

    @property
    def tries(self) -> int:
        """How often something was sent."""
        return len(self.bodies)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer."""
        self.bodies.append(request.content)
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def status(code: int, **headers: str) -> httpx.Response:
    """Make an answer with a status."""
    return httpx.Response(code, headers={k.replace("_", "-"): v for k, v in headers.items()})


OK = status(200)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "trouble",
    [
        *map(status, (429, 500, 502, 503, 504)),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("gone"),
    ],
    ids=str,
)
def test_a_read_is_tried_again_until_it_succeeds(
    clients: Clients, clock: HandClock, method: str, trouble: httpx.Response | Exception
) -> None:
    """Network failures, 429 and passing 5xx are got over within four tries, waiting longer."""
    wire = Wire(trouble, trouble, trouble, OK)

    assert clients(wire).request(method, "/").status_code == 200
    assert wire.tries == 4
    assert clock.waits == [1.0, 2.0, 4.0]


def test_after_four_tries_a_read_fails(clients: Clients) -> None:
    """The fifth try is never made: the last failure is raised."""
    wire = Wire(status(503))

    with pytest.raises(SourceUnavailable, match="503"):
        clients(wire).get("/")
    assert wire.tries == 4


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (status(500), SourceUnavailable),
        (status(503, Retry_After="1"), SourceUnavailable),
        (httpx.ReadTimeout("slow"), Unreachable),
        (httpx.ConnectError("refused"), Unreachable),
    ],
    ids=["500", "503", "timeout", "refused"],
)
def test_what_may_have_been_carried_out_is_not_sent_twice(
    clients: Clients, method: str, trouble: httpx.Response | Exception, error: type[Exception]
) -> None:
    """Anything but a read is sent once when nobody knows what became of it."""
    wire = Wire(trouble, OK)

    with pytest.raises(error):
        clients(wire).request(method, "/", json={})
    assert wire.tries == 1


def test_a_post_that_was_not_taken_is_sent_again(clients: Clients) -> None:
    """A 429 says that the request was not carried out, so its body goes out again."""
    wire = Wire(status(429), OK)

    assert clients(wire).post("/", json={"a": 1}).status_code == 200
    assert wire.bodies == [b'{"a":1}', b'{"a":1}']


def test_a_body_that_was_streamed_out_is_not_sent_again(clients: Clients) -> None:
    """A body that can only be read once makes its request the only one."""

    def once() -> Iterator[bytes]:
        yield b"data"

    wire = Wire(status(429), OK)

    with pytest.raises(RateLimited):
        clients(wire).post("/", content=once())
    assert wire.tries == 1


@pytest.mark.parametrize("code", [501, 505, 507, 599])
def test_a_lasting_server_error_is_not_tried_again(clients: Clients, code: int) -> None:
    """A 5xx that does not pass is told at once."""
    wire = Wire(status(code))

    with pytest.raises(SourceUnavailable, match=str(code)):
        clients(wire).get("/")
    assert wire.tries == 1


@pytest.mark.parametrize("code", [200, 204, 304, 400, 401, 403, 404, 411, 418])
def test_other_answers_come_back_as_they_are(clients: Clients, code: int) -> None:
    """A source judges 4xx itself; a 401 above all is never tried again."""
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
def test_a_short_retry_after_is_waited_for(
    clients: Clients, clock: HandClock, header: str, waited: float
) -> None:
    """Seconds or a date are waited for, never less than the back-off; nonsense is ignored."""
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
def test_a_long_retry_after_is_told_and_not_waited_for(
    clients: Clients,
    clock: HandClock,
    header: str,
    after: timedelta,
    code: int,
) -> None:
    """Beyond 30 seconds the error says when to come back, at most 24 hours ahead."""
    wire = Wire(status(code, Retry_After=header), OK)

    with pytest.raises(RateLimited, match=f"HTTP {code}.*wait until") as caught:
        clients(wire).get("/")

    assert caught.value.retry_at == NOON + after
    assert (wire.tries, clock.waits) == (1, [])


@pytest.mark.parametrize("code", [429, 503])
def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    clients: Clients, clock: HandClock, code: int
) -> None:
    """With less time left than the survey tool wants, its refusal is told at once."""
    wire = Wire(status(code, Retry_After="20"), OK)

    with pytest.raises(RateLimited) as caught:
        clients(wire, deadline=Deadline.after(20, clock)).get("/")

    assert caught.value.retry_at == NOON + timedelta(seconds=20)
    assert clock.waits == []


def test_an_outage_that_outlives_a_short_retry_after_is_an_outage(
    clients: Clients, clock: HandClock
) -> None:
    """What was waited for in vain is told as the 503 that it is."""
    wire = Wire(status(503, Retry_After="5"))

    with pytest.raises(SourceUnavailable, match="503"):
        clients(wire).get("/")
    assert clock.waits == [5.0, 5.0, 5.0]


def test_the_deadline_ends_the_tries_with_the_true_reason(
    clients: Clients, clock: HandClock
) -> None:
    """When the next wait does not fit, the failure itself is raised, not only the lack of time."""
    wire = Wire(status(503))

    with pytest.raises(SourceUnavailable):
        clients(wire, deadline=Deadline.after(2.5, clock)).get("/")
    assert clock.waits == [1.0]


def test_nothing_is_sent_after_the_deadline(clients: Clients, clock: HandClock) -> None:
    """A request made too late fails before it goes out."""
    wire = Wire(OK)
    client = clients(wire, deadline=Deadline.after(5, clock))
    clock.wait(5, threading.Event())

    with pytest.raises(DeadlineExceeded):
        client.get("/")
    assert wire.tries == 0


def test_stopping_ends_the_tries(clients: Clients, clock: HandClock) -> None:
    """Whoever asks to stop while a retry is waited for gets no further request."""
    stop = threading.Event()

    def overloaded(request: httpx.Request) -> httpx.Response:
        stop.set()
        return httpx.Response(503)

    with pytest.raises(Cancelled):
        clients(overloaded, deadline=Deadline.after(60, clock, stop)).get("/")


def test_timeouts_never_exceed_the_deadline(clients: Clients, clock: HandClock) -> None:
    """Each timeout is the usual one, the source's own, or what is left: whichever is least."""
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
    """Waits are spread over the whole span, so that clients do not come back in step."""
    waits = [full_jitter(8.0) for _ in range(400)]

    assert 0 <= min(waits) < 2
    assert 6 < max(waits) <= 8


@given(st.text())
def test_any_retry_after_gives_seconds_or_nothing(text: str) -> None:
    """Whatever a server writes there, reading it never fails and stays within a day."""
    pause = read_retry_after(text, NOON, 600.0)

    assert pause is None or 0 <= pause.seconds <= 86400
