"""The survey tool of the HTTP source on a real port, for recording."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx

import smaply_metrics_core as sm
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.testing import SourceContract
from smaply_metrics_core.testing.recording.policy import RecordingPolicy
from tests.contract_suite.mutants import http_source
from tests.contract_suite.mutants.contracts import HttpContract

SETTING = "SMAPLY_REMOTE_SANDBOX"
POLICY = RecordingPolicy(
    fields=(
        *("items", "next", "id", "name", "user", "error", "survey", "questions", "text", "scale"),
        *("at", "left_out", "nps", "ease", "region", "address"),
    ),
    parameters=("page",),
)

Server = Callable[[httpx.Request], httpx.Response]


@contextmanager
def answering(server: Server) -> Iterator[str]:
    """Serve on a free port, and yield the host and port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = server(
                httpx.Request("GET", f"http://here{self.path}", headers=dict(self.headers.items()))
            )
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers["content-type"])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


@contextmanager
def recordable(folder: Path, server: Server = http_source.server) -> Iterator[type[SourceContract]]:
    """Yield a contract class whose source uses the real port, with a folder of cassettes."""
    with answering(server) as host:

        class Local(http_source.HttpSource):
            """The source, with another destination."""

            @sm.hookimpl
            def destinations(self) -> Sequence[sm.Destination]:
                return [sm.Destination(kind="host", host=host, setting=SETTING)]

        class Recordable(HttpContract):
            """The facts, with another server."""

            source: ClassVar[Any] = Local()
            server = None  # type: ignore[assignment]  # The default.
            cassettes = folder
            allowed = AllowedDestinations(environment={SETTING: host})
            policy = POLICY

        yield Recordable
