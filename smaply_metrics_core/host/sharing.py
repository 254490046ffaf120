"""One read for all who ask for the same at once: what two hundred people at nine o'clock need."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

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
