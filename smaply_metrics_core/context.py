"""What a source is handed with every call: client, deadline, pause, progress, clock, folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from smaply_metrics_core.errors import Cancelled, DeadlineExceeded
from smaply_metrics_core.models.check import StepResult
from smaply_metrics_core.models.source import Destination

if TYPE_CHECKING:
    import httpx


ProgressCallback: TypeAlias = Callable[[float, float | None, str], None]
"""Receives how much is done, the total (``None`` when it is not known), and a description."""

StepCallback: TypeAlias = Callable[[StepResult], None]
"""Receives the result of each check step as soon as it is known."""


class Clock(Protocol):
    """Time, injected: tests and ``--now`` set it."""

    def now(self) -> datetime:
        """Give the present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Give seconds that never run backwards, for deadlines."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Let time pass; True when ``stop`` was set meanwhile."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Give the present instant, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Give seconds that never run backwards."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait in real time."""
        return stop.wait(seconds)


@dataclass(frozen=True)
class Deadline:
    """The instant by which a call returns; shared by everything done for that call."""

    clock: Clock
    at: float
    cancelled: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def after(
        cls, seconds: float, clock: Clock, cancelled: threading.Event | None = None
    ) -> Deadline:
        """Make the deadline that is ``seconds`` from now."""
        return cls(clock, clock.monotonic() + seconds, cancelled or threading.Event())

    def remaining(self) -> float:
        """Give the seconds left, never below zero."""
        return max(0.0, self.at - self.clock.monotonic())

    def check(self) -> None:
        """Go on, or say why not.

        Raises:
            Cancelled: when the caller asked to stop.
            DeadlineExceeded: when the time is over.
        """
        if self.cancelled.is_set():
            raise Cancelled("Stopped on request.")
        if self.remaining() <= 0:
            raise DeadlineExceeded("The time allowed for this was not enough.")

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the deadline.

        Raises:
            Cancelled: when the caller asked to stop.
            DeadlineExceeded: when the wait does not fit, at once and not after waiting.
        """
        self.check()
        if seconds >= self.remaining():
            raise DeadlineExceeded("The time allowed for this was not enough.")
        self.clock.wait(seconds, self.cancelled)
        self.check()


@dataclass(frozen=True)
class SourceContext:
    """Handed to every hook that does work.

    Attributes:
        http: The client that the core has prepared: it reaches only the destinations of these
            credentials, retries reads, keeps the source's request limits, and turns network
            failures, 429 and 5xx into errors of our tree.
        deadline: When the call must have returned.
        destinations: The checked destinations; folders with every link resolved.
        folder: A private temporary folder that goes when the call ends.
        clock: Time; ``now()`` is the short form.
        report: Takes progress; use ``progress``.
    """

    http: httpx.Client
    deadline: Deadline
    destinations: tuple[Destination, ...]
    folder: Path
    clock: Clock
    report: ProgressCallback = field(default=lambda *_: None)

    def now(self) -> datetime:
        """Give the present instant, aware, in UTC."""
        return self.clock.now()

    def pause(self, seconds: float) -> None:
        """Wait: the only way a source may. Honours the clock, the deadline and cancellation."""
        self.deadline.pause(seconds)

    def progress(self, done: float, total: float | None, what: str) -> None:
        """Tell how far the work is; ``total`` is ``None`` when nobody knows."""
        self.deadline.check()
        self.report(done, total, what)
