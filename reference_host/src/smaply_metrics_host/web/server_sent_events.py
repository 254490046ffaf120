"""Server-sent events: how a page hears of changes without asking again and again."""

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
"""After so long without an event a comment is sent: proxies end connections that say nothing."""


MOST_OPEN: Final = 250
"""Streams that one person may have open, in all browsers: each takes a connection."""


class TooManyStreams(InputError):
    """Somebody has as many pages open as one may have."""

    kind = "too_many_streams"


class Streams:
    """The open streams of events: they never end by themselves, so a shutdown ends them."""

    def __init__(self) -> None:
        self._ending = asyncio.Event()
        self._open: Counter[tuple[str, str]] = Counter()

    def answer(
        self, person: Person, events: AsyncGenerator[tuple[str, str], None]
    ) -> StreamingResponse:
        """Answer with a stream of events, each a name and its data (one line or more).

        Raises:
            TooManyStreams: when this person has ``MOST_OPEN`` of them.
        """
        if self._open[person.account, person.id] >= MOST_OPEN:
            raise TooManyStreams(
                f"{MOST_OPEN} of your pages are open already.", remedy="Close some of them."
            )
        return StreamingResponse(
            self._written(person, events),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    def end(self) -> None:
        """End every stream; browsers ask again, and find the app once it is there."""
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
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]
            ending.cancel()
            if pending is not None:
                pending.cancel()
                await asyncio.wait([pending])
            await events.aclose()
