"""Events on an event loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import EventKind
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, VIEWER

if TYPE_CHECKING:
    from tests.host.conftest import World

LONG = 60
"""Seconds; nothing here takes as long unless it hangs."""


def test_events_are_an_async_iterator(world: World) -> None:
    """An event is processed when the next one is requested; a failed loop gets it again."""

    async def test() -> None:
        async with world.asynchronous() as host:
            await host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
            await host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
            assert await host.events.deliver("map", print) == 0
            await host.cards.load(VIEWER, wait=10)
            seen = []

            async def receive_until_failure() -> None:
                async with aclosing(host.events.stream("map")) as events:
                    async for event in events:
                        seen.append(event.kind.value)
                        if event.kind is EventKind.REFRESH_ENDED:
                            raise OSError("a closed socket")

            with pytest.raises(OSError, match="closed socket"):
                await receive_until_failure()
            async with aclosing(host.events.stream("map")) as events:
                again = await anext(events)
            assert [*seen, again.kind.value] == ["value_changed", *["refresh_ended"] * 2]

    asyncio.run(asyncio.wait_for(test(), LONG))


def test_closing_the_host_ends_a_stream(world: World) -> None:
    """Although it waits for an event."""

    async def test() -> None:
        host = world.asynchronous()
        await host.open()
        waiting = asyncio.create_task(anext(host.events.stream("map"), None))
        while not await host.events.consumers():  # noqa: ASYNC110  # Another thread adds it.
            await asyncio.sleep(0.01)
        await host.close()
        assert await waiting is None

    asyncio.run(asyncio.wait_for(test(), LONG))
