"""Pauses the cyclic garbage collector while many objects are created that all stay alive."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from smaply_metrics_core.forking import call_in_children

MANY: Final = 1_000
"""From how many rows on the collector is paused; a journey map has fewer."""


@contextmanager
def paused_collector(rows: int) -> Iterator[None]:
    """Pause the collector while objects are created from many rows.

    CPython traverses all objects of the process whenever their number has grown by a quarter. For
    10,000 cards this takes as long as creating them, and finds no garbage. Objects without
    references are still freed. The block must not wait for anything: the pause is process-wide.
    """
    if rows < MANY or not gc.isenabled():
        yield
        return
    pause = _Pause()
    try:
        yield
    finally:
        pause.end()


class _Pause:
    """A pause of the collector, which ends in a child that is forked during it."""

    def __init__(self) -> None:
        call_in_children(self.end)
        gc.disable()

    def end(self) -> None:
        """Start the collector again."""
        gc.enable()
