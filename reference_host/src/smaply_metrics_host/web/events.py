"""Server-sent events: how a page hears of changes without asking again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

SILENCE_SECONDS: Final = 15.0
"""After so long without an event a comment is sent: proxies end connections that say nothing."""


def event_stream(events: AsyncGenerator[tuple[str, str], None]) -> StreamingResponse:
    """Answer with a stream of events, each a name and its data (one line or more)."""
    return StreamingResponse(
        _written(events),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _written(events: AsyncGenerator[tuple[str, str], None]) -> AsyncGenerator[str, None]:
    pending: asyncio.Task[tuple[str, str]] | None = None
    try:
        yield "retry: 3000\n\n"
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait([pending], timeout=SILENCE_SECONDS)
            if not done:
                yield ": still here\n\n"
                continue
            try:
                name, data = pending.result()
            except StopAsyncIteration:
                return
            pending = None
            lines = "".join(f"data: {line}\n" for line in data.splitlines())
            yield f"event: {name}\n{lines}\n"
    finally:
        if pending is not None:
            pending.cancel()
            await asyncio.wait([pending])
        await events.aclose()
