"""Isolation of calls to sources: the caller gets a result or an error before the deadline."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, TypeVar

from pydantic import SecretStr

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    MetricsError,
    PluginError,
    SourceNotUsable,
)
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.observability.telemetry import capture_context
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.exception_details import (
    CapturedException,
    ContractViolation,
    describe,
    kind_of,
)
from smaply_metrics_core.sources.log_redaction import redact_logs

logger = logging.getLogger("smaply_metrics_core.sources")

T = TypeVar("T")

MOST_STUCK: Final = 16
"""A source with this many abandoned calls is no longer called."""
_POLL: Final = 0.05  # Seconds between two checks of the cancellation and the clock.
_CLOSING: Final = 5.0  # Seconds for a source to close its iterator.


class _End(Enum):
    END = "the iterator has ended"


class StuckCalls:
    """The abandoned calls of a source whose threads are still running."""

    def __init__(self) -> None:
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def add(self, thread: threading.Thread) -> None:
        """Add the thread of an abandoned call."""
        with self._lock:
            self._threads.append(thread)

    def names(self) -> tuple[str, ...]:
        """Return the names of the threads that are still running, the oldest first."""
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            return tuple(thread.name for thread in self._threads)

    def wait(self, seconds: float) -> None:
        """Wait until they have ended, or the seconds have passed."""
        until = time.monotonic() + seconds
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))


class _CallThread:
    """A daemon thread that runs functions one after the other, and can be abandoned.

    A whole iteration uses one thread, since a source may use objects bound to a thread.
    """

    def __init__(self, name: str, redactor: Redactor) -> None:
        self._redactor = redactor
        self._restore_context = capture_context()
        self.leave: Callable[[], object] = _nothing
        self.leaving = threading.Event()
        self.left: object = None
        self._lost = False
        self._orders: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        redact_logs(self._redactor)
        with self._restore_context():
            while not self.leaving.is_set() and (order := self._orders.get()) is not None:
                self._answers.put(_attempt(order, self._redactor))
            self.left = _attempt(self.leave, self._redactor)

    def do(self, order: Callable[[], object], deadline: Deadline) -> object:
        """Run a function and return its result, or a ``CapturedException``.

        Raises:
            Cancelled: when the caller cancelled the call.
            DeadlineExceeded: when the function did not return before the deadline.
        """
        deadline.check()
        limit = deadline.remaining()
        # The system's clock ends the wait as well, since an injected clock may not advance.
        started = time.monotonic()
        self._lost = True  # Until it has answered, however the wait ends.
        self._orders.put(order)
        while True:
            try:
                answer = self._answers.get(timeout=_slice(deadline.remaining()))
            except queue.Empty:
                deadline.check()
            else:
                self._lost = False
                return answer
            if time.monotonic() - started >= limit:
                raise DeadlineExceeded("The call timed out.")

    def stop(self, deadline: Deadline) -> bool:
        """Stop the thread, with some time to clean up; return whether it has ended."""
        self.leaving.set()
        self._orders.put(None)
        until = time.monotonic() + (0 if self._lost else min(_CLOSING, deadline.remaining()))
        self.thread.join(_slice(until - time.monotonic()))
        while self.thread.is_alive() and time.monotonic() < until:
            if deadline.cancelled.is_set() or deadline.remaining() <= 0:
                break
            self.thread.join(_slice(until - time.monotonic()))
        return not self.thread.is_alive()


def _slice(seconds: float) -> float:
    return max(0.001, min(_POLL, seconds))


def _nothing() -> None:
    """Do nothing."""


def _attempt(order: Callable[[], object], redactor: Redactor) -> object:
    try:
        return order()
    except BaseException as error:  # noqa: BLE001  # Includes SystemExit and panics of extensions.
        # Also KeyboardInterrupt, which Python raises for the user only in the main thread.
        try:
            return describe(error, redactor)
        except BaseException:  # noqa: BLE001  # Inspecting an exception may run its code.
            return CapturedException(
                kind="an exception that cannot be inspected", text="", trace=""
            )


@dataclass(frozen=True)
class PluginIsolation:
    """Calls a source on separate threads.

    Attributes:
        who: The name of the source in messages, with its distribution.
        source: The id of the source, for the names of threads.
        redactor: Redacts the secrets of the call in messages.
        stuck: The abandoned calls of the source.
    """

    who: str
    source: str
    redactor: Redactor = field(default_factory=Redactor)
    stuck: StuckCalls = field(default_factory=StuckCalls)

    def with_secrets(self, secrets: Iterable[str | SecretStr]) -> PluginIsolation:
        """Return the isolation for calls with these secrets."""
        return replace(self, redactor=Redactor(secrets))

    def call(self, work: Callable[[], T], *, deadline: Deadline, what: str) -> T:
        """Run ``work`` and return its result; ``what`` is its name in messages.

        Raises:
            MetricsError: when the source raised one without a secret.
            PluginError: when the source raised anything else.
            DeadlineExceeded: when the deadline passed.
            Cancelled: when the caller cancelled the call.
        """
        with self._worker(what, deadline) as worker:
            return self._do(worker, work, deadline, what)

    def collect(
        self,
        start: Callable[[], object],
        accept: Callable[[object], T],
        *,
        deadline: Deadline,
        what: str,
        most: int,
    ) -> tuple[tuple[T, ...], MetricsError | None]:
        """Run an iterator to its end.

        Returns:
            The items, converted by ``accept``, and the error if one ended the iteration early.
        """
        items: list[T] = []

        def work() -> None:
            iterator = _iterator(start(), what)
            try:
                while (item := next(iterator, _End.END)) is not _End.END:
                    if worker.leaving.is_set():
                        return
                    if len(items) >= most:
                        raise _too_many(what, most)
                    items.append(accept(item))
            finally:
                _close(iterator)

        error: MetricsError | None = None
        try:
            with self._worker(what, deadline) as worker:
                self._do(worker, work, deadline, what)
        except MetricsError as raised:
            error = raised.with_traceback(None)  # Its frames hold the items.
        return tuple(items), error

    def stream(
        self,
        start: Callable[[], object],
        accept: Callable[[object], T],
        *,
        deadline: Deadline,
        what: str,
        most: int,
    ) -> Generator[T, None, None]:
        """Yield the items of an iterator, converted by ``accept``; raise as ``call`` does.

        The iterator advances only as fast as the caller. It is closed on its own thread when this
        generator ends or is closed.
        """
        iterator: Iterator[object] = iter(())

        def begin() -> None:
            nonlocal iterator
            iterator = _iterator(start(), what)
            worker.leave = lambda: _close(iterator)

        def step() -> T | _End:
            item = next(iterator, _End.END)
            return item if item is _End.END else accept(item)

        with self._worker(what, deadline) as worker:
            self._do(worker, begin, deadline, what)
            for _ in range(most):
                item = self._do(worker, step, deadline, what)
                if item is _End.END:
                    return
                yield item
            if self._do(worker, step, deadline, what) is not _End.END:
                too_many = describe(_too_many(what, most), self.redactor)
                raise self.error(too_many, deadline, what)

    @contextmanager
    def _worker(self, what: str, deadline: Deadline) -> Generator[_CallThread, None, None]:
        stuck = self.stuck.names()
        if len(stuck) >= MOST_STUCK:
            raise SourceNotUsable(
                f"{self.who} is no longer called, because {len(stuck)} of its calls never ended.",
                remedy="Restart this process, and report this to the author of the source.",
            )
        deadline.check()
        worker = _CallThread(f"smaply-source {self.source} {what}", self.redactor)
        try:
            yield worker
        finally:
            if not worker.stop(deadline):
                self.stuck.add(worker.thread)
                logger.warning(
                    "%s: the call to %s did not end and was abandoned", self.source, what
                )
            elif isinstance(worker.left, CapturedException):
                self._log(worker.left, f"closing {what}")

    def _do(self, worker: _CallThread, work: Callable[[], T], deadline: Deadline, what: str) -> T:
        outcome: object = None
        late = False
        try:
            outcome = worker.do(work, deadline)
        except DeadlineExceeded:
            late = True
        if late:  # Raised outside the handler, without a chained error.
            raise DeadlineExceeded(f"{self.who} did not answer in time ({what}).")
        if isinstance(outcome, CapturedException):
            raise self.error(outcome, deadline, what)
        return outcome  # type: ignore[return-value]  # The result of ``work``.

    def error(self, failed: CapturedException, deadline: Deadline, what: str) -> MetricsError:
        """Return the error for the caller, without the source's own exceptions."""
        self._log(failed, what)
        known = failed.error
        if isinstance(known, Cancelled) and not deadline.cancelled.is_set():
            return PluginError(
                f"{self.who} reported a cancellation, but the call was not cancelled ({what})."
            )
        if known is not None:
            return known
        if failed.kind in {"ImportError", "ModuleNotFoundError"}:
            return SourceNotUsable(
                f"{self.who} needs a Python package that cannot be imported here: {failed.kind}: "
                f"{failed.text} (in {what})",
                remedy="Install the distribution of the source with its dependencies again.",
            )
        if failed.contract:
            return PluginError(f"{self.who} violated the contract: {failed.text}")
        text = f": {failed.text}" if failed.text else ""
        return PluginError(f"{self.who} failed: {failed.kind}{text} (in {what})")

    def _log(self, failed: CapturedException, what: str) -> None:
        logger.debug("%s: %s failed.\n%s", self.source, what, failed.trace)


def _too_many(what: str, most: int) -> ContractViolation:
    return ContractViolation(f"{what} returned more than {most:,} items.")


def _iterator(given: object, what: str) -> Iterator[object]:
    if isinstance(given, (str, bytes, dict)) or not isinstance(given, Iterable):
        _close(given)  # Python warns of a coroutine that is never awaited.
        raise ContractViolation(f"{what} returned {kind_of(given)} instead of an iterator.")
    return iter(given)


def _close(iterator: object) -> None:
    close = getattr(iterator, "close", None)
    if callable(close):
        close()
