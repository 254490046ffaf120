"""A login session of a survey tool is released whatever happens, and only once."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline, SourceContext, SystemClock
from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    MetricsError,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.survey import Survey
from smaply_metrics_core.sources.source import Source

from .conftest import Acme, AcmeCredentials, FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smaply_metrics_core.sources.allow_list import AllowedDestinations
    from smaply_metrics_core.sources.registry import SourceRegistry

    from .conftest import Points

KEY = "SESSION-KEY-0123456789"


class Server:
    """A survey tool with login sessions."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.open = 0
        self.can_release = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Open and end sessions, and list surveys."""
        self.requests.append(request.url.path)
        if request.url.path == "/login":
            self.open += 1
            return httpx.Response(200, text=f"{KEY}-{self.open}")
        if request.url.path == "/logout":
            if not self.can_release:
                raise httpx.ConnectError("gone")
            self.open -= 1
        return httpx.Response(200, text="ok")


def sign_out(client: httpx.Client, key: SecretStr) -> None:
    """End a session."""
    client.post("/logout", content=key.get_secret_value())


class Tool(Acme):
    """A source that signs in to list its surveys, and then runs a function."""

    def __init__(self, work: Callable[[SourceContext, SecretStr], object]) -> None:
        self._work = work

    @hookimpl
    def list_surveys(  # type: ignore[override]  # A hook takes the arguments that it needs.
        self, context: SourceContext
    ) -> Iterator[Survey]:
        """Yield one survey, run the function, and yield another one."""

        def sign_in() -> SecretStr:
            return SecretStr(context.http.post("/login").text)

        with context.signed_in(sign_in, sign_out) as key:
            yield Survey(id="s1", name="First")
            self._work(context, key)
            yield Survey(id="s2", name="Second")


@pytest.fixture
def server() -> Server:
    """The survey tool."""
    return Server()


class Lists:
    """Lists the surveys of a source that runs a function while it is signed in."""

    def __init__(self, point_to: Points, server: Server, anywhere: AllowedDestinations) -> None:
        self._point_to = point_to
        self._server = server
        self._allowed = anywhere

    def __call__(
        self,
        work: Callable[[SourceContext, SecretStr], object] = lambda *_: None,
        deadline: Deadline | None = None,
    ) -> int:
        """Return the number of surveys."""
        point = self._point_to(Tool(work))
        registry: SourceRegistry = _registry(point, self._server)
        source: Source = registry.get("acme")
        with source.session(
            AcmeCredentials(api_token=SecretStr("token-token")),
            account="acct",
            allowed=self._allowed,
            deadline=deadline or Deadline.after(60, SystemClock()),
        ) as session:
            return len(list(session.surveys()))


def _registry(point: object, server: Server) -> SourceRegistry:
    from smaply_metrics_core.sources.registry import SourceRegistry
    from smaply_metrics_core.sources.settings import SourceSettings

    return SourceRegistry(
        SourceSettings(),
        entry_points=lambda: [point],  # type: ignore[list-item]  # An entry point.
        transport_factory=lambda: httpx.MockTransport(server),
    )


@pytest.fixture
def lists(point_to: Points, server: Server, anywhere: AllowedDestinations) -> Lists:
    """A function that lists surveys."""
    return Lists(point_to, server, anywhere)


def test_a_session_is_released_when_the_work_is_done(lists: Lists, server: Server) -> None:
    """The session is opened once and ended once."""
    assert lists() == 2

    assert server.requests == ["/login", "/logout"]


def test_a_session_is_released_after_an_error(lists: Lists, server: Server) -> None:
    """The error is passed on."""

    def fail(*_: object) -> None:
        raise SurveyUnavailable("gone")

    with pytest.raises(SurveyUnavailable):
        lists(fail)
    assert server.open == 0


def test_a_session_is_released_after_a_cancellation(lists: Lists, server: Server) -> None:
    """The client of the release works although the call was cancelled."""
    cancelled = threading.Event()
    deadline = Deadline.after(60, SystemClock(), cancelled)

    def cancel(context: SourceContext, _key: SecretStr) -> None:
        cancelled.set()
        context.http.get("/never")

    with pytest.raises(Cancelled):
        lists(cancel, deadline)
    assert server.open == 0
    assert "/never" not in server.requests


def test_a_session_of_a_call_that_does_not_return_is_released(
    lists: Lists, server: Server, released: threading.Event
) -> None:
    """The host releases it when the deadline has passed, and the source not once more."""
    clock = FakeClock()
    done = threading.Event()

    def hang(*_: object) -> None:
        clock.seconds += 60
        released.wait(60)
        done.set()

    with pytest.raises(DeadlineExceeded):
        lists(hang, Deadline.after(60, clock))
    assert server.requests == ["/login", "/logout"]

    released.set()
    assert done.wait(60)
    assert server.requests == ["/login", "/logout"]


def test_a_failed_release_is_logged_without_the_key(
    lists: Lists, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """The work is not lost: the survey tool lets the session expire."""
    caplog.set_level(logging.DEBUG)
    server.can_release = False

    assert lists() == 2

    assert "A login session was not released: unreachable." in caplog.text
    assert KEY not in caplog.text


def test_a_failed_sign_in_is_not_released(lists: Lists, server: Server) -> None:
    """There is no session to end."""
    server_call = server.__call__

    def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login":
            raise httpx.ConnectError("gone")
        return server_call(request)

    lists._server = refuse  # type: ignore[assignment]  # noqa: SLF001  # Another server.
    with pytest.raises(Unreachable):
        lists(deadline=Deadline.after(60, _Impatient()))
    assert server.requests == []


class _Impatient(SystemClock):
    """A clock whose waits take no time."""

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Return at once."""
        return stop.is_set()


def test_the_key_is_redacted_like_the_credentials(
    lists: Lists, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither logs nor errors show a session key, from the moment it is known."""
    caplog.set_level(logging.DEBUG)

    def leak(context: SourceContext, key: SecretStr) -> None:
        context.http.get(f"/surveys/{key.get_secret_value()}")
        raise SurveyUnavailable(f"{key.get_secret_value()} may not read it")

    with pytest.raises(MetricsError) as caught:
        lists(leak)

    assert KEY not in f"{caught.value} {caught.value.to_problem()} {caplog.text}"
