"""The body of an answer on its way to a source: bounded, complete, and never past the deadline."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

import httpx

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import ExportFailed, MetricsError, Unreachable
from smaply_metrics_core.http.error_mapping import network_failure
from smaply_metrics_core.http.log_filter import our_request
from smaply_metrics_core.http.responses import is_gzip

_PIECE: Final = 1 << 20
_GZIP: Final = 16 + zlib.MAX_WBITS


class GuardedBody(httpx.SyncByteStream):
    """Passes a body on, or raises: what ends without an error is all there is.

    It is decompressed here, so that the limit holds for what comes out and not for what came in.

    Args:
        answer: The answer as it came from the wire, its body unread.
        limit: Most bytes that may come, compressed or not.
        finished: Called once, with the bytes read from the wire and the kind of error, if any.
    """

    def __init__(  # noqa: PLR0913  # All by name but the answer.
        self,
        answer: httpx.Response,
        *,
        host: str,
        proxied: bool,
        has_body: bool,
        limit: int,
        deadline: Deadline,
        finished: Callable[[int, str | None], None],
    ) -> None:
        self._answer = answer
        self._host = host
        self._proxied = proxied
        self._limit = limit
        self._deadline = deadline
        self._finished = finished
        self._received = 0
        self._given = 0
        length = answer.headers.get("content-length", "")
        self._expected = int(length) if has_body and length.isdecimal() else None
        self._inflater = zlib.decompressobj(_GZIP) if is_gzip(answer) else None

    def __iter__(self) -> Iterator[bytes]:
        """Return the body piece by piece.

        Raises:
            Unreachable: when the connection breaks, or the body is shorter than was announced.
            ExportFailed: when it is larger than the limit.
            DeadlineExceeded: when the time is over.
            Cancelled: when the caller asked to stop.
        """
        kind: str | None = None
        try:
            yield from self._pieces()
        except MetricsError as error:
            kind = error.kind
            raise
        finally:
            self._finish(kind)

    def close(self) -> None:
        """Let go of the connection."""
        try:
            with our_request():
                self._answer.close()
        finally:
            self._finish(None)

    def _pieces(self) -> Iterator[bytes]:
        if self._expected is not None:
            self._check_size(self._expected)
        assert isinstance(self._answer.stream, httpx.SyncByteStream)  # noqa: S101  # For mypy.
        wire = iter(self._answer.stream)
        while (block := self._next_block(wire)) is not None:
            self._received += len(block)
            self._check_size(self._received)
            for piece in self._inflate(block):
                self._given += len(piece)
                self._check_size(self._given)
                if piece:
                    yield piece
        if self._expected is not None and self._received != self._expected:
            raise self._cut_off()
        if self._inflater is not None and self._received and not self._inflater.eof:
            raise self._cut_off()

    def _next_block(self, wire: Iterator[bytes]) -> bytes | None:
        self._deadline.check()
        try:
            with our_request():
                return next(wire, None)
        except httpx.TransportError as error:
            failure = network_failure(error, self._host, proxied=self._proxied)
        # Outside the except clause: the library's error holds the request, secret header included.
        raise failure.error

    def _inflate(self, block: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            yield block
            return
        more = True
        while more:
            if self._inflater.eof:  # Several compressed parts, one after the other.
                self._inflater = zlib.decompressobj(_GZIP)
            try:
                piece = self._inflater.decompress(block, _PIECE)
            except zlib.error:
                raise self._cut_off() from None
            yield piece
            block = self._inflater.unconsumed_tail or self._inflater.unused_data
            # A full piece may have left more behind in the decompressor itself.
            more = bool(block) or (len(piece) == _PIECE and not self._inflater.eof)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise ExportFailed(
                f"{self._host} sent more than the {_size(self._limit)} that one answer may have "
                "here.",
                remedy="Choose a shorter date range; if the survey really is this large, ask "
                "whoever runs this installation to raise the limit.",
            )

    def _cut_off(self) -> Unreachable:
        return Unreachable(
            f"The answer of {self._host} arrived incomplete or damaged, so it was not used.",
            remedy="Try again; if it stays, something between here and there cuts answers short.",
        )

    def _finish(self, kind: str | None) -> None:
        finished, self._finished = self._finished, lambda *_: None
        finished(self._received, kind)


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count >= 2**20 else f"{count:,} bytes"
