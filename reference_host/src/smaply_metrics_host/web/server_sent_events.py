"""Server-sent events, with which pages receive changes without polling."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

from smaply_metrics_core.host import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from smaply_metrics_host.store.people import Person

SILENCE_SECONDS: Final = 15.0
"""The interval of keep-alive comments; proxies close idle connections."""
MOST_OPEN: Final = 250
"""Streams that one person may have open in all browsers; each uses a connection."""


class TooManyStreams(InputError):
    """A person has the maximum number of streams open."""

    kind = "too_many_streams"


class Streams:
    """The open event streams of this process; a shutdown ends them."""

    def __init__(self) -> None:
        self._ending = asyncio.Event()
        self._open: Counter[tuple[str, str]] = Counter()

    def answer(
        self, person: Person, events: AsyncGenerator[tuple[str, str], None]
    ) -> StreamingResponse:
        """Return a streaming response of events, each a name and its data.

        Raises:
            TooManyStreams: if this person has ``MOST_OPEN`` streams open.
        """
        if self._open[person.account, person.id] >= MOST_OPEN:
            raise TooManyStreams(
                f"You already have {MOST_OPEN} pages open.", remedy="Close some of them."
            )
        return StreamingResponse(
            self._written(person, events),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    def end(self) -> None:
        """End every stream. Browsers reconnect once the app is available again."""
        self._ending.set()

    async def _written(
        self, person: Person, events: AsyncGenerator[tuple[str, str], None]
    ) -> AsyncGenerator[str, None]:
        key = (person.account, person.id)
        self._open[key] += 1
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
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
            ending.cancel()
            if pending is not None:
                pending.cancel()
                await asyncio.wait([pending])
            await events.aclose()
