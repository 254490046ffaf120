"""Server-sent events, with which pages receive changes without polling."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

from smaply_metrics_core.host import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SILENCE_SECONDS: Final = 15.0
"""The interval of keep-alive comments; proxies close idle connections."""
MOST_OPEN: Final = 250
"""Streams that one person or share link may have open; each uses a connection."""


class TooManyStreams(InputError):
    """A person or a share link has the maximum number of streams open."""

    kind = "too_many_streams"


class Streams:
    """The open event streams of this process; a shutdown ends them."""

    def __init__(self) -> None:
        self._ending = asyncio.Event()
        self._open: Counter[tuple[str, str]] = Counter()

    def answer(
        self, reader: tuple[str, str], events: AsyncGenerator[tuple[str, str], None]
    ) -> StreamingResponse:
        """Return a streaming response of events, each a name and its data.

        Args:
            reader: The account, and the id of the person or the share link.
            events: The events.

        Raises:
            TooManyStreams: if this reader has ``MOST_OPEN`` streams open.
        """
        if self._open[reader] >= MOST_OPEN:
            raise TooManyStreams(
                f"{MOST_OPEN} pages are already open.", remedy="Close some of them."
            )
        return StreamingResponse(
            self._written(reader, events),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    def end(self) -> None:
        """End every stream. Browsers reconnect once the app is available again."""
        self._ending.set()

    async def _written(
        self, reader: tuple[str, str], events: AsyncGenerator[tuple[str, str], None]
    ) -> AsyncGenerator[str, None]:
        self._open[reader] += 1
        ending = asyncio.ensure_future(self._ending.wait())
        pending: asyncio.Task[tuple[str, str]] | None = None
        try:
            yield "retry: 3000\n\n"
            while not ending.done():
                pending = pending or asyncio.ensure_future(anext(events))
                await asyncio.wait(
                    [pending, ending],
                    timeout=SILENCE_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not pending.done():
                    yield ": keep-alive\n\n"
                    continue
                try:
                    name, data = pending.result()
                except StopAsyncIteration:
                    return
                pending = None
                lines = "".join(f"data: {line}\n" for line in data.splitlines())
                yield f"event: {name}\n{lines}\n"
        finally:
            self._open[reader] -= 1
            if not self._open[reader]:
                del self._open[reader]
            ending.cancel()
            if pending is not None:
                pending.cancel()
                await asyncio.wait([pending])
            await events.aclose()
