"""What objects do when their process is forked, as by a server that loads the app first.

A child has copies of all objects, but only the thread that forked. A lock that another thread held
stays locked, a pool of threads has none, and an open connection is shared with the parent.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

_Method: TypeAlias = Callable[[], None]

# Dicts, not weak sets: copying or changing one is atomic, and a fork can come at any moment.
_before: Final[dict[int, weakref.ref[_Method]]] = {}
_after: Final[dict[int, weakref.ref[_Method]]] = {}
_renewals: Final[dict[int, weakref.ref[_Method]]] = {}
_connections: Final[dict[int, weakref.ref[DriverConnection]]] = {}
_inherited: Final[list[object]] = []
_keys: Final = count()

_PRUNE_AT_MULTIPLES_OF: Final = 64
"""How many references may be dead before they are removed: looking at all takes time."""


class DriverConnection(Protocol):
    """A connection of a database driver that uses a socket."""

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        ...


def call_in_children(renew: _Method) -> None:
    """Call a bound method in each child that is forked while its object exists.

    The method creates what belongs to one process: locks, pools, and whatever another thread of the
    parent may have been changing.
    """
    _add(_renewals, weakref.WeakMethod(renew))


def call_now_and_in_children(renew: _Method) -> None:
    """Call a bound method now, and as ``call_in_children`` does."""
    renew()
    call_in_children(renew)


def pause_for_forks(before: _Method, after: _Method) -> None:
    """Call one bound method before each fork, and another in the parent after it."""
    _add(_before, weakref.WeakMethod(before))
    _add(_after, weakref.WeakMethod(after))


def close_in_children(connection: DriverConnection) -> None:
    """Close the copy of a connection's socket in each forked child; the server does not notice.

    With the copy open, the server would not notice the death of this process while a child lives,
    and would keep its transaction and its locks.
    """
    _add(_connections, weakref.ref(connection))


def keep_inherited(inherited: object) -> None:
    """Keep an object of the parent until this process ends, so that nothing closes it before."""
    _inherited.append(inherited)


def lost_thread(name: str) -> bool:
    """Whether a native library of the parent had a thread with this name.

    It does not exist in this child, where the library would wait for it for ever. Known on Linux
    only.
    """
    return name in _threads.of_the_parent


class _ThreadNames:
    """The names of the operating system's threads at the last fork."""

    of_the_parent: frozenset[str] = frozenset()
    here: frozenset[str] = frozenset()

    def read(self) -> None:
        names = set[str]()
        for path in Path("/proc/self/task").glob("*/comm"):
            with suppress(OSError):  # The thread has ended.
                names.add(path.read_text(encoding="utf-8", errors="replace").strip())
        self.here = frozenset(names)


_threads: Final = _ThreadNames()


def _prepare_fork() -> None:
    _threads.read()
    _call(_before)


def _add(objects: dict[int, Any], reference: weakref.ref[Any]) -> None:
    objects[next(_keys)] = reference
    if len(objects) % _PRUNE_AT_MULTIPLES_OF:
        return
    for key, each in list(objects.items()):
        if each() is None:
            objects.pop(key, None)


def _call(methods: dict[int, weakref.ref[_Method]]) -> None:
    for reference in list(methods.values()):
        method = reference()
        if method is not None:
            method()


def _start_child() -> None:
    _threads.of_the_parent |= _threads.here
    for reference in list(_connections.values()):
        connection = reference()
        if connection is not None:
            keep_inherited(connection)
            with suppress(Exception):  # It is already closed.
                os.close(connection.fileno())
    _connections.clear()
    _call(_renewals)


os.register_at_fork(
    before=_prepare_fork,
    after_in_parent=lambda: _call(_after),
    after_in_child=_start_child,
)
