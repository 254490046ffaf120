"""Hears what Python tells of the process: the files that it opens, the processes that it starts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

Told = Callable[[str, tuple[Any, ...]], object]

_listening: list[Told] = []
"""Who listens now: an audit hook is there for as long as its process."""


@contextmanager
def hearing_events(told: Told) -> Iterator[None]:
    """Tell of each audit event, by its name and with its arguments, until the block ends."""
    _listen()
    _listening.append(told)
    try:
        yield
    finally:
        _listening[:] = [other for other in _listening if other is not told]


@cache
def _listen() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    for told in tuple(_listening):
        told(event, arguments)
