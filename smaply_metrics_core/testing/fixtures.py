"""The classes of the pytest fixtures: a canary secret, and contexts for hooks."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from smaply_metrics_core.context import Deadline, SourceContext
from smaply_metrics_core.http import build_client
from smaply_metrics_core.http.login_sessions import LoginSessions
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.replay import Disturbance, RecordedResponse
from smaply_metrics_core.testing.leak_detection.secret_encodings import contains_secret
from smaply_metrics_core.token_cache import TokenCache

SECONDS: Final = 600.0


class Canary:
    """A unique secret that can be searched for.

    Attributes:
        secret: The secret, to be used as a token.
    """

    def __init__(self) -> None:
        self.secret = f"canary-{secrets.token_hex(16)}"

    def __repr__(self) -> str:
        return "<a canary>"

    def expect_absent(self, where: str, *texts: str | bytes) -> None:
        """Fail if the secret occurs in a text in any encoding.

        Raises:
            AssertionError: if it does; its last line is ``Fix: …``.
        """
        for text in texts:
            content = text if isinstance(text, bytes) else text.encode()
            expect(
                not contains_secret(content, [self.secret]),
                f"The secret occurs in {where}.",
                "send the secret only with http.header_auth, and put it into no message",
            )


class ContextFactory:
    """Creates contexts for hooks and closes their HTTP clients on exit."""

    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self._folder = folder
        self._clock = clock
        self._opened = ExitStack()

    def __call__(  # noqa: PLR0913  # All by name but the first.
        self,
        server: Callable[[httpx.Request], httpx.Response],
        *,
        host: str = "api.example.com",
        address: str = "",
        fault: Disturbance | None = None,
        at: int = 1,
        seconds: float = SECONDS,
        report: Callable[[float, float | None, str], None] = lambda *_: None,
    ) -> SourceContext:
        """Return a context.

        Args:
            server: Responds instead of the survey tool.
            host: The host of the destination.
            address: The address of the destination, instead of a host.
            fault: Responds from request ``at`` on, for example ``status(503, b"")``.
            at: The number of the first request with the fault, from 1.
            seconds: The time limit of the call, by the test's clock.
            report: Called with each progress report.
        """
        requests = 0

        def answer(request: httpx.Request) -> httpx.Response:
            nonlocal requests
            requests += 1
            if fault is None or requests < at:
                return server(request)
            return fault(requests - at, lambda: _read(server(request)))

        deadline = Deadline.after(seconds, self._clock)
        destination = (
            Destination(kind="address", address=address)
            if address
            else Destination(kind="host", host=host)
        )
        redactor = Redactor()

        def connect(until: Deadline) -> httpx.Client:
            return build_client(
                [destination],
                deadline=until,
                clock=self._clock,
                transport=httpx.MockTransport(answer),
                redactor=redactor,
            )

        client = connect(deadline)
        self._opened.callback(client.close)
        return SourceContext(
            http=client,
            deadline=deadline,
            destinations=(destination,),
            folder=self._folder,
            clock=self._clock,
            report=report,
            hide=redactor.add,
            tokens=TokenCache(self._clock),
            sessions=LoginSessions(connect, self._clock, redactor).signed_in,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()


def _read(response: httpx.Response) -> RecordedResponse:
    """Return a response with its body read."""
    response.read()
    return RecordedResponse(
        response.status_code, tuple(response.headers.multi_items()), response.content
    )
