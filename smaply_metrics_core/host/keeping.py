"""Keeping what a source told in memory for a few minutes, so that a form need not ask again."""

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

KEPT_FOR: Final = timedelta(minutes=10)


class Told(NamedTuple, Generic[V]):
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
        self._told: OrderedDict[Hashable, Told[V]] = OrderedDict()
        self._coming: dict[Hashable, Future[Told[V]]] = {}
        self._lock = Lock()

    def find(self, key: Hashable) -> Told[V] | None:
        """Give what is kept; ``None`` when there is nothing, or it is too old."""
        with self._lock:
            return self._find(key)

    def keep(self, key: Hashable, told: Told[V]) -> None:
        """Keep a value."""
        with self._lock:
            self._told[key] = told
            self._told.move_to_end(key)
            for old in [old for old, one in self._told.items() if not self._is_young(one)]:
                del self._told[old]
            while len(self._told) > self._most:
                self._told.popitem(last=False)

    def get(self, key: Hashable, ask: Callable[[], V], *, reload: bool = False) -> Told[V]:
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
            told = Told(ask(), at)
            self.keep(key, told)
        except BaseException as error:
            self._end(key)
            asked.set_exception(error)
            raise
        self._end(key)
        asked.set_result(told)
        return told

    def _find(self, key: Hashable) -> Told[V] | None:
        told = self._told.get(key)
        if told is None or not self._is_young(told):
            return None
        self._told.move_to_end(key)
        return told

    def _is_young(self, told: Told[V]) -> bool:
        # A clock that was set back must not make it live longer.
        return timedelta(0) <= self._clock.now() - told.at < KEPT_FOR

    def _end(self, key: Hashable) -> None:
        with self._lock:
            del self._coming[key]
