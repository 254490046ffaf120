"""The context of a call to a source: HTTP client, deadline, clock, progress, temporary folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pydantic import SecretStr

from smaply_metrics_core.errors import Cancelled, DeadlineExceeded
from smaply_metrics_core.models.address import Address
from smaply_metrics_core.models.check import StepResult
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.token_cache import TokenCache

if TYPE_CHECKING:
    import httpx


ProgressCallback: TypeAlias = Callable[[float, float | None, str], None]
"""Called with the amount done, the total (``None`` if unknown) and a description."""

SignIn: TypeAlias = Callable[[], SecretStr]
"""Opens a login session and returns its key."""

SignOut: TypeAlias = "Callable[[httpx.Client, SecretStr], object]"
"""Ends a login session, with a client that works after the deadline of the call."""

StepCallback: TypeAlias = Callable[[StepResult], None]
"""Called with the result of each check step as soon as it is known."""


class Clock(Protocol):
    """A source of time, which tests and ``--now`` replace."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        ...

    def monotonic(self) -> float:
        """Return a number of seconds that never decreases, for deadlines."""
        ...

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait; return whether ``stop`` was set before the time was over."""
        ...


class SystemClock:
    """The system's clock."""

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return a number of seconds that never decreases."""
        return time.monotonic()

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Wait in real time; return whether ``stop`` was set before the time was over."""
        return stop.wait(seconds)


@dataclass(frozen=True)
class Deadline:
    """The time by which a call must return, shared by everything done for that call."""

    clock: Clock
    at: float
    cancelled: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def after(
        cls, seconds: float, clock: Clock, cancelled: threading.Event | None = None
    ) -> Deadline:
        """Return the deadline ``seconds`` from now."""
        return cls(clock, clock.monotonic() + seconds, cancelled or threading.Event())

    def remaining(self) -> float:
        """Return the seconds left, at least 0."""
        return max(0.0, self.at - self.clock.monotonic())

    def check(self) -> None:
        """Raise if the call was cancelled or the deadline has passed.

        Raises:
            Cancelled: when the caller cancelled the call.
            DeadlineExceeded: when the deadline has passed.
        """
        if self.cancelled.is_set():
            raise Cancelled("Cancelled on request.")
        if self.remaining() <= 0:
            raise DeadlineExceeded("The call timed out.")

    def pause(self, seconds: float) -> None:
        """Wait for some seconds.

        Raises:
            Cancelled: when the caller cancelled the call.
            DeadlineExceeded: immediately, when the wait would end after the deadline.
        """
        self.check()
        if seconds >= self.remaining():
            raise DeadlineExceeded("The call timed out.")
        self.clock.wait(seconds, self.cancelled)
        self.check()


def _no_sessions(_in: SignIn, _out: SignOut) -> AbstractContextManager[SecretStr]:
    raise NotImplementedError("This context opens no login sessions: use `source_context`.")


@dataclass(frozen=True)
class SourceContext:
    """The context that every hook with I/O receives.

    Attributes:
        http: An HTTP client that connects only to the destinations of the credentials, retries
            reads, applies the source's request limits, and raises network failures, 429 and 5xx as
            ``RemoteError``.
        deadline: The time by which the hook must return.
        destinations: The allowed destinations; symbolic links in folders are resolved.
        folder: A private temporary folder, removed when the call ends.
        clock: The source of time; see ``now``.
        report: Receives progress; see ``progress``.
        hide: Hides a secret; see ``add_secret``.
        tokens: The access tokens of the connection, for ``http.client_credentials``.
        sessions: Opens login sessions; see ``signed_in``.
        ca_files: By ``host`` or ``host:port``, the file with the only certificate authorities that
            are trusted there, for drivers other than ``http``; see ``ca_file``.
    """

    http: httpx.Client
    deadline: Deadline
    destinations: tuple[Destination, ...]
    folder: Path
    clock: Clock
    report: ProgressCallback = field(default=lambda *_: None)
    hide: Callable[[SecretStr], object] = field(default=lambda _: None, repr=False)
    tokens: TokenCache = field(default_factory=lambda: TokenCache(SystemClock()), repr=False)
    sessions: Callable[[SignIn, SignOut], AbstractContextManager[SecretStr]] = field(
        default=_no_sessions, repr=False
    )
    ca_files: Mapping[str, Path] = field(default_factory=dict)

    def ca_file(self, address: Address) -> Path | None:
        """Return the file with the only certificate authorities that are trusted at an address.

        ``None`` means those of the machine. Drivers other than ``http`` have to be given it.
        """
        return self.ca_files.get(address.netloc)

    def now(self) -> datetime:
        """Return the current time as an aware datetime in UTC."""
        return self.clock.now()

    def pause(self, seconds: float) -> None:
        """Wait, unless the call is cancelled or times out. Sources must not wait otherwise."""
        self.deadline.pause(seconds)

    def progress(self, done: float, total: float | None, what: str) -> None:
        """Report the progress of the work; ``total`` is ``None`` if it is not known."""
        self.deadline.check()
        self.report(done, total, what)

    def add_secret(self, secret: SecretStr) -> None:
        """Hide a secret that the survey tool issued, such as a session key, like the credentials.

        From now on it is redacted in logs, errors and progress, and a debug bundle or a recording
        that contains it is rejected. ``signed_in`` and ``client_credentials`` add theirs.
        """
        self.hide(secret)

    def signed_in(self, sign_in: SignIn, sign_out: SignOut) -> AbstractContextManager[SecretStr]:
        """Return a context manager with a login session of the survey tool.

        The session is released whatever happens: when the block ends or raises, when the call is
        cancelled, misses its deadline or does not return. A release that fails is logged; the
        session then expires. Sessions are never shared, neither by calls nor by connections.

        Args:
            sign_in: Opens a session with ``context.http`` and returns its key, which is added as
                with ``add_secret``.
            sign_out: Ends it, with the client that it receives: that of the context accepts no
                request after the deadline.
        """
        return self.sessions(sign_in, sign_out)
