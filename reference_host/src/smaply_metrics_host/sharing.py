"""Making once what many ask for at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")


class Shared(Generic[T]):
    """Makes answers; those who ask while one is being made share the one after it.

    So nobody gets an answer that was begun before the question, and two hundred questions at once
    take two answers. Its methods are called on the event loop.
    """

    def __init__(self) -> None:
        self._now: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """Give an answer; whoever asks with the same key wants the same."""
        if key not in self._now:
            self._now[key] = asyncio.create_task(self._make(key, make))
            return await asyncio.shield(self._now[key])
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._make_after(self._now[key], key, make))
        return await asyncio.shield(self._next[key])

    async def _make_after(
        self, before: asyncio.Task[T], key: Hashable, make: Callable[[], Awaitable[T]]
    ) -> T:
        await asyncio.wait([before])
        self._now[key] = self._next.pop(key)
        return await self._make(key, make)

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        own = asyncio.current_task()
        try:
            return await make()
        finally:
            if self._now.get(key) is own:
                del self._now[key]
