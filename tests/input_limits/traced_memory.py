"""Measuring the memory that a block of a test allocates."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


class PeakMemory:
    """The most memory that was allocated at one time, in bytes."""

    peak = 0


@contextmanager
def traced_memory() -> Iterator[PeakMemory]:
    """Measure the peak of the memory that Python objects in a block take.

    What was allocated before is not counted, so there is no need to collect its garbage first.
    """
    measured = PeakMemory()
    tracemalloc.start()
    try:
        yield measured
    finally:
        measured.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
