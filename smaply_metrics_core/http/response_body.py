"""The stream of a response body with checks of its size, its completeness and the deadline."""

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
    """A response body that is complete if it ends without an error.

    The body is decompressed here, so that the limit applies to the decompressed size as well.

    Args:
        answer: The response with an unread body.
        limit: The maximum number of bytes, before and after decompression.
        finished: Called once with the number of bytes received and the kind of the error, if any.
    """

    def __init__(  # noqa: PLR0913  # All but the response are keywords.
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
        """Yield the decompressed body in chunks.

        Raises:
            Unreachable: when the connection fails, or the body is shorter than ``Content-Length``.
            ExportFailed: when the body exceeds the limit.
            DeadlineExceeded: when the deadline has passed.
            Cancelled: when the caller cancelled the call.
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
        """Close the response and release the connection."""
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
        # Outside the except clause: the error of httpx refers to the request with its secrets.
        raise failure.error

    def _inflate(self, block: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            yield block
            return
        more = True
        while more:
            if self._inflater.eof:  # Another gzip member follows.
                self._inflater = zlib.decompressobj(_GZIP)
            try:
                piece = self._inflater.decompress(block, _PIECE)
            except zlib.error:
                raise self._cut_off() from None
            yield piece
            block = self._inflater.unconsumed_tail or self._inflater.unused_data
            # After a full chunk, the decompressor may have more output.
            more = bool(block) or (len(piece) == _PIECE and not self._inflater.eof)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise ExportFailed(
                f"{self._host} sent a response that exceeds the limit of {_size(self._limit)}.",
                remedy="Choose a shorter date range, or ask the operator to raise the limit.",
            )

    def _cut_off(self) -> Unreachable:
        return Unreachable(
            f"The response of {self._host} is incomplete or damaged, so it was not used.",
            remedy="Try again; if it happens again, check for a proxy that truncates responses.",
        )

    def _finish(self, kind: str | None) -> None:
        finished, self._finished = self._finished, lambda *_: None
        finished(self._received, kind)


def _size(count: int) -> str:
    return f"{count / 2**20:,.0f} MiB" if count >= 2**20 else f"{count:,} bytes"
