"""Stops a process, or fills its disk, at one step of what it does.

A step is an event inside the work: a statement is sent to the database, a transaction is committed,
a file is opened, renamed, linked or deleted, a folder is created. So a kill at step k certainly
lands inside, and every k can be tried. A kill after a statement finds the same data as one before
the next step, so it is not a step of its own.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE_EVENTS: Final = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink"}
_READING: Final = os.O_RDONLY


@dataclass
class Steps:
    """Counts steps, and does something at one of them.

    Attributes:
        reached: The number of steps so far.
        at: The step at which to act; 0 only counts.
        disk_full: Whether to raise as if the disk were full from then on, instead of killing the
            process.
    """

    at: int = 0
    disk_full: bool = False
    reached: int = 0
    running: bool = False

    def step(self, *_: object) -> None:
        """Count a step of the database, at which only a kill is possible."""
        self._count(writes=False)

    def audit(self, name: str, args: tuple[object, ...]) -> None:
        """Count a step of the file system."""
        if not self.running:
            return
        if name == "open":
            flags = args[2] if isinstance(args[2], int) else _READING
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._count(writes=True)
        elif name in _FILE_EVENTS:
            self._count(writes=name not in {"os.remove", "os.rmdir"})

    def _count(self, *, writes: bool) -> None:
        if not self.running or (self.disk_full and not writes):
            return
        self.reached += 1
        if self.at and self.reached >= self.at:
            if self.disk_full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def counted_steps(at: int = 0, *, disk_full: bool = False) -> Iterator[Steps]:
    """Count the steps of the block; at one of them, kill this process or fill its disk.

    Only for a process of its own: what listens cannot be removed.
    """
    steps = Steps(at, disk_full)
    for moment in ("before_cursor_execute", "commit"):
        event.listen(Engine, moment, steps.step)
    sys.addaudithook(steps.audit)
    steps.running = True
    try:
        yield steps
    finally:
        steps.running = False


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """Fail each write beyond a size of a file, in the middle of it, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
