"""What a process holds, and whether it grows."""

from __future__ import annotations

import statistics
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST: Final = 9
"""Fewer samples show nothing: three for each third."""

_PROCESS: Final = Path("/proc/self")


class Sample(NamedTuple):
    """What a process holds at a moment at which nothing is refreshed.

    Attributes:
        memory_mb: Its resident memory.
        threads: Its threads.
        files: Its open files, pipes and sockets.
        connections: Its connections to the database.
    """

    memory_mb: float
    threads: float
    files: float
    connections: float


TOLERANCES: Final = Sample(memory_mb=8.0, threads=1, files=3, connections=1)
"""How much more the median of the last third may be. Memory may also grow by `MEMORY_SHARE`.

The numbers of threads and connections in pools depend on how much of the work overlaps. A
connection to SQLite has up to three files.
"""
MEMORY_SHARE: Final = 0.05


class Growth(NamedTuple):
    """The medians of the middle and the last third of a soak."""

    name: str
    middle: float
    last: float
    allowed: float

    @property
    def is_flat(self) -> bool:
        """Whether the last third holds no more than allowed."""
        return self.last - self.middle <= self.allowed


def take_sample(connections: int) -> Sample:
    """Return what this process holds."""
    status = (_PROCESS / "status").read_text(encoding="ascii")
    (resident,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return Sample(
        memory_mb=int(resident) / 1024,
        threads=threading.active_count(),
        files=len(list((_PROCESS / "fd").iterdir())),
        connections=connections,
    )


def open_files(end: str) -> int:
    """Return how many open files of this process have a path with this end."""
    found = 0
    for link in (_PROCESS / "fd").iterdir():
        try:
            found += str(link.readlink()).endswith(end)
        except FileNotFoundError:  # Closed since the folder was listed.
            continue
    return found


def growth_of(samples: Sequence[Sample]) -> list[Growth]:
    """Compare the middle third of the samples with the last; the first warms up.

    Raises:
        ValueError: if there are too few samples.
    """
    if len(samples) < FEWEST:
        raise ValueError(f"{len(samples)} samples are too few; soak for longer")
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    found = []
    for place, name in enumerate(Sample._fields):
        before = statistics.median(sample[place] for sample in middle)
        after = statistics.median(sample[place] for sample in last)
        allowed = TOLERANCES[place]
        if name == "memory_mb":
            allowed = max(allowed, before * MEMORY_SHARE)
        found.append(Growth(name, before, after, allowed))
    return found
