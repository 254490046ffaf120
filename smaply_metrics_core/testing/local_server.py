"""Serves the fake survey tool of a contract class on the loopback address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import httpx

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.http.origin import Scope
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.lab import Lab

LOOPBACK: Final = "127.0.0.1"
_NOT_PASSED_ON: Final = {"connection", "content-encoding", "content-length", "transfer-encoding"}
"""Headers of one connection, or of a body that httpx has decoded."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LocalServer:
    """A fake survey tool that listens on the loopback address.

    Attributes:
        source: The ID of the source that is tested against it.
        url: Its address, for the credentials of a connection.
        listener: The HTTP server.
    """

    source: str
    url: str
    listener: ThreadingHTTPServer


@contextmanager
def local_server(contract: type[SourceContract], port: int = 0) -> Iterator[LocalServer]:
    """Yield a server that listens, and that answers as the fact ``server`` of a class does.

    The fake receives each request as if it had been sent to the destination of the credentials.

    Args:
        contract: The contract class.
        port: The port; 0 for any free one.

    Raises:
        InputError: when the class has no ``server``, its credentials lead to no address over HTTP,
            or the port is not free.
    """
    fake = contract.server
    if fake is None:
        raise InputError(
            f"{contract.__name__} has no server.",
            remedy="Set the fact `server` to a function that answers requests.",
        )
    source, scope = _destination(contract)
    try:
        listener = ThreadingHTTPServer((LOOPBACK, port), _handler(fake, scope.origin.url))
    except (OSError, OverflowError):
        raise InputError(
            f"The port {port} cannot be used.", remedy="Choose another one with --port."
        ) from None
    with listener:
        query = f"?{scope.query}" if scope.query else ""
        url = f"http://{LOOPBACK}:{listener.server_port}{scope.path}{query}"
        yield LocalServer(source, url, listener)


def _destination(contract: type[SourceContract]) -> tuple[str, Scope]:
    """Return the ID of the source, and where the credentials of the class lead over HTTP.

    Raises:
        InputError: when they lead nowhere over HTTP.
    """
    lab = Lab(contract())
    source = lab.load_source()
    result = lab.replay(lambda session: session.destinations, None, source=source)
    if result.error is not None:
        raise result.error
    found = [Scope.of_destination(one) for one in result.value if one.over_http]
    if not found:
        raise InputError(
            f"The credentials of {contract.__name__} lead to no server.",
            remedy="Only the fake of a source over HTTP can be served.",
        )
    return source.id, found[0]


def _handler(
    fake: Callable[[httpx.Request], httpx.Response], origin: str
) -> type[BaseHTTPRequestHandler]:
    """Return the class whose objects answer one connection each."""

    class FakeToolHandler(BaseHTTPRequestHandler):
        """Passes requests on to the fake."""

        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            """Answer one request; a network error of the fake closes the connection."""
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            url = httpx.URL(origin).copy_with(raw_path=self.path.encode("ascii"))
            headers = [(name, value) for name, value in self.headers.items() if name != "Host"]
            request = httpx.Request(self.command, url, headers=headers, content=body)
            try:
                response = fake(request)
            except httpx.TransportError as error:
                logger.info("%s %s: %r", self.command, self.path, error)
                self.close_connection = True
                return
            content = response.read()
            self.send_response(response.status_code)
            for name, value in response.headers.multi_items():
                if name not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  # Names of the base class.

        def log_message(self, message: str, *values: object) -> None:
            """Log a request without its headers and body."""
            logger.info(message, *values)

    return FakeToolHandler
