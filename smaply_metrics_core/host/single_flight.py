"""One read for all who ask for the same at once: what two hundred people at nine o'clock need."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from datetime import datetime

    from smaply_metrics_core.context import Clock

V = TypeVar("V")


class Shared(Generic[V]):
    """Lets those who ask while a read runs share the next one.

    Nobody is given a read that began before they asked: what somebody wrote, they see.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._next: dict[Hashable, Future[V]] = {}
        self._running: dict[Hashable, Lock] = {}

    def __call__(self, key: Hashable, read: Callable[[], V]) -> V:
        """Read, or wait for who is about to read the same; what that raises, all of them get."""
        mine: Future[V] = Future()
        with self._lock:
            coming = self._next.setdefault(key, mine)
            turn = self._running.setdefault(key, Lock())
        if coming is not mine:
            return coming.result()
        try:
            with turn:
                self._begin(key, mine)
                value = read()
        except BaseException as error:
            self._begin(key, mine)  # Broken off while it waited: nobody else may wait for it.
            mine.set_exception(error)
            raise
        finally:
            self._forget(key)
        mine.set_result(value)
        return value

    def _begin(self, key: Hashable, mine: Future[V]) -> None:
        """Let who asks from now on share the read after this one."""
        with self._lock:
            if self._next.get(key) is mine:
                del self._next[key]

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            if key not in self._next:
                self._running.pop(key, None)


KEPT_FOR: Final = timedelta(minutes=10)


class CacheEntry(NamedTuple, Generic[V]):
    """What a source told, and when it was asked."""

    value: V
    at: datetime


class Kept(Generic[V]):
    """Values by key, each for ten minutes from when it was asked for. Many threads may use it.

    Args:
        clock: The time by which they grow old.
        most: How many are kept; the one that was used least lately goes first.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._told: OrderedDict[Hashable, CacheEntry[V]] = OrderedDict()
        self._coming: dict[Hashable, Future[CacheEntry[V]]] = {}
        self._lock = Lock()

    def find(self, key: Hashable) -> CacheEntry[V] | None:
        """Give what is kept; ``None`` when there is nothing, or it is too old."""
        with self._lock:
            return self._find(key)

    def keep(self, key: Hashable, told: CacheEntry[V]) -> None:
        """Keep a value."""
        with self._lock:
            self._told[key] = told
            self._told.move_to_end(key)
            for old in [old for old, one in self._told.items() if not self._is_young(one)]:
                del self._told[old]
            while len(self._told) > self._most:
                self._told.popitem(last=False)

    def get(self, key: Hashable, ask: Callable[[], V], *, reload: bool = False) -> CacheEntry[V]:
        """Give what is kept, or ask for it; of several threads that would ask at once, one does.

        Args:
            key: What it is kept by.
            ask: Asks the source; what it raises, everybody gets who waited for it.
            reload: Ask although there is a value.
        """
        with self._lock:
            found = None if reload else self._find(key)
            if found is not None:
                return found
            coming = self._coming.get(key)
            asked = self._coming[key] = coming or Future()
        if coming is not None:
            return coming.result()
        at = self._clock.now()
        try:
            told = CacheEntry(ask(), at)
            self.keep(key, told)
        except BaseException as error:
            self._end(key)
            asked.set_exception(error)
            raise
        self._end(key)
        asked.set_result(told)
        return told

    def _find(self, key: Hashable) -> CacheEntry[V] | None:
        told = self._told.get(key)
        if told is None or not self._is_young(told):
            return None
        self._told.move_to_end(key)
        return told

    def _is_young(self, told: CacheEntry[V]) -> bool:
        # A clock that was set back must not make it live longer.
        return timedelta(0) <= self._clock.now() - told.at < KEPT_FOR

    def _end(self, key: Hashable) -> None:
        with self._lock:
            del self._coming[key]
