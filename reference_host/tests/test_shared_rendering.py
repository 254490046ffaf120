"""Many who ask for the same at the same time: few answers, none older than its question."""

from __future__ import annotations

import asyncio

import pytest

from smaply_metrics_host.sharing import Shared


class Slow:
    """Makes numbered answers, each when the test lets it."""

    def __init__(self) -> None:
        self.made = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        """Make the next answer."""
        self.made += 1
        number = self.made
        await self.gate.wait()
        return number


def test_who_asks_meanwhile_shares_the_next_answer() -> None:
    """Two hundred questions take two answers; those asked later do not get the earlier one."""

    async def run() -> list[int]:
        shared: Shared[int] = Shared()
        slow = Slow()
        first = asyncio.create_task(shared.ask("map", slow))
        await asyncio.sleep(0)
        others = [asyncio.create_task(shared.ask("map", slow)) for _ in range(199)]
        await asyncio.sleep(0)
        slow.gate.set()
        return [await first, *[await other for other in others]]

    assert asyncio.run(run()) == [1, *[2] * 199]


def test_another_key_waits_for_nobody() -> None:
    """Maps do not hold each other up."""

    async def run() -> int:
        shared: Shared[int] = Shared()
        stuck, quick = Slow(), Slow()
        waiting = asyncio.create_task(shared.ask("one", stuck))
        await asyncio.sleep(0)
        quick.gate.set()
        answer = await shared.ask("other", quick)
        stuck.gate.set()
        await waiting
        return answer

    assert asyncio.run(run()) == 1


def test_who_goes_away_takes_nobody_along() -> None:
    """An answer that one no longer waits for is still made for the others."""

    async def run() -> int:
        shared: Shared[int] = Shared()
        slow = Slow()
        gone = asyncio.create_task(shared.ask("map", slow))
        await asyncio.sleep(0)
        first, second = (asyncio.create_task(shared.ask("map", slow)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        first.cancel()
        slow.gate.set()
        return await second

    assert asyncio.run(run()) == 2


def test_a_failure_is_shared_and_not_kept() -> None:
    """Who asks after it gets an answer of their own."""

    async def run() -> int:
        shared: Shared[int] = Shared()

        async def fail() -> int:
            raise KeyError

        with pytest.raises(KeyError):
            await shared.ask("map", fail)
        slow = Slow()
        slow.gate.set()
        return await shared.ask("map", slow)

    assert asyncio.run(run()) == 1
