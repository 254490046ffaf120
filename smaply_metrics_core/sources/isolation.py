"""The guard around every call of a source: whatever it does, the caller gets an answer in time."""

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

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    MetricsError,
    PluginError,
    SourceNotUsable,
)
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.exception_details import (
    CapturedException,
    ContractViolation,
    describe,
    kind_of,
    problem_texts,
)

logger = logging.getLogger("smaply_metrics_core.sources")

T = TypeVar("T")

MOST_STUCK: Final = 16
"""A source with this many calls that never ended gets no more threads."""
_LOOK_UP: Final = 0.05  # Seconds between two looks at the cancellation and the clock.
_CLOSING: Final = 5.0  # Seconds that a source has for closing its iterator.


class _End(Enum):
    END = "the iterator has ended"


@dataclass
class StuckCalls:
    """The calls of one source that were given up and whose threads still run."""

    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, thread: threading.Thread) -> None:
        """Count a thread until it ends."""
        with self._lock:
            self._threads.append(thread)

    def names(self) -> tuple[str, ...]:
        """Name those that still run, the oldest first."""
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            return tuple(thread.name for thread in self._threads)


class _CallThread:
    """A daemon thread that carries out one order after the other, and can be given up.

    One thread for the whole of an iteration: a source may use things that belong to a thread.
    """

    def __init__(self, name: str) -> None:
        self.leave: Callable[[], object] = _nothing
        self.leaving = threading.Event()
        self.left: object = None
        self._lost = False
        self._orders: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work, name=name, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        while not self.leaving.is_set() and (order := self._orders.get()) is not None:
            self._answers.put(_attempt(order))
        self.left = _attempt(self.leave)

    def do(self, order: Callable[[], object], deadline: Deadline) -> object:
        """Have something done: its result, or ``Failed``.

        Raises:
            Cancelled: when the caller asked to stop.
            DeadlineExceeded: when it takes too long.
        """
        deadline.check()
        limit = deadline.remaining()
        # The machine's own time ends the wait as well: an injected clock may stand still.
        started = time.monotonic()
        self._lost = True  # Until it has answered, whatever ends the wait.
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
                raise DeadlineExceeded("The time allowed for this was not enough.")

    def dismiss(self, deadline: Deadline) -> bool:
        """Let the thread go, with some time to close what it has open; whether it has ended."""
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
    return max(0.001, min(_LOOK_UP, seconds))


def _nothing() -> None:
    """Leave nothing to be done."""


def _attempt(order: Callable[[], object]) -> object:
    try:
        return order()
    except BaseException as error:  # noqa: BLE001  # SystemExit and panics too: it is a guard.
        # KeyboardInterrupt as well: Python raises the user's in the main thread alone.
        try:
            return describe(error)
        except BaseException:  # noqa: BLE001  # Even looking at an exception may run its code.
            return CapturedException(
                kind="an exception that cannot be looked at", text="", trace=""
            )


@dataclass(frozen=True)
class PluginIsolation:
    """Calls one source on threads of its own.

    Attributes:
        who: How messages name the source, with its distribution.
        source: Its id, for the names of threads.
        scrubber: Knows the secrets that no message may carry.
        stuck: Where calls that had to be given up are counted.
    """

    who: str
    source: str
    redactor: Redactor = field(default_factory=Redactor)
    stuck: StuckCalls = field(default_factory=StuckCalls)

    def keeping(self, secrets: Iterable[str]) -> PluginIsolation:
        """Return the guard for calls that know these secrets."""
        return replace(self, redactor=Redactor(secrets))

    def call(self, work: Callable[[], T], *, deadline: Deadline, what: str) -> T:
        """Run ``work`` in time; ``what`` names it in messages.

        Raises:
            MetricsError: what the source raised, if it is of our tree and holds no secret.
            PluginError: for anything else that it raised.
            DeadlineExceeded: when it did not answer in time.
            Cancelled: when the caller asked to stop.
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
        """Run an iterator to its end, in one go.

        Gives what it yielded, as ``accept`` made it, and the error that ended it early.
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
            error = raised
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
        """Go through an iterator step by step, as slowly as the caller; raises as ``call``.

        The iterator is closed on its own thread when this generator ends or is closed.
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
                raise self.error(describe(_too_many(what, most)), deadline, what)

    @contextmanager
    def _worker(self, what: str, deadline: Deadline) -> Generator[_CallThread, None, None]:
        stuck = self.stuck.names()
        if len(stuck) >= MOST_STUCK:
            raise SourceNotUsable(
                f"{self.who} has {len(stuck)} calls that never ended, so it is not called again.",
                remedy="Restart this program, and tell the author of the source.",
            )
        deadline.check()
        worker = _CallThread(f"smaply-source {self.source} {what}")
        try:
            yield worker
        finally:
            if not worker.dismiss(deadline):
                self.stuck.add(worker.thread)
                logger.warning("%s: %s did not end and was given up.", self.source, what)
            elif isinstance(worker.left, CapturedException):
                self._log(worker.left, f"closing {what}")

    def _do(self, worker: _CallThread, work: Callable[[], T], deadline: Deadline, what: str) -> T:
        outcome: object = None
        late = False
        try:
            outcome = worker.do(work, deadline)
        except DeadlineExceeded:
            late = True
        if late:  # Raised here, so that no other error stands behind it.
            raise DeadlineExceeded(f"{self.who} did not answer in time ({what}).")
        if isinstance(outcome, CapturedException):
            raise self.error(outcome, deadline, what)
        return outcome  # type: ignore[return-value]  # What ``work`` gave.

    def error(self, failed: CapturedException, deadline: Deadline, what: str) -> MetricsError:
        """Make the error that the caller sees: without the source's own exceptions behind it."""
        self._log(failed, what)
        known = failed.error
        if isinstance(known, Cancelled) and not deadline.cancelled.is_set():
            return PluginError(f"{self.who} stopped by itself, which nobody asked for ({what}).")
        if known is not None:
            if not self.redactor.contains_secret(*problem_texts(known.to_problem())):
                return known
            return PluginError(
                f"{self.who} failed: {kind_of(known)}, with a message that held a secret and is "
                f"not shown ({what})."
            )
        text = self.redactor.redact_line(failed.text)
        if failed.contract:
            return PluginError(f"{self.who} broke its contract: {text or 'it told a secret.'}")
        return PluginError(
            f"{self.who} failed: {failed.kind}{f': {text}' if text else ''} (in {what})"
        )

    def _log(self, failed: CapturedException, what: str) -> None:
        trace = self.redactor.redact(failed.trace) or failed.kind
        logger.debug("%s: %s failed.\n%s", self.source, what, trace)


def _too_many(what: str, most: int) -> ContractViolation:
    return ContractViolation(f"{what} gave more than {most:,} items.")


def _iterator(given: object, what: str) -> Iterator[object]:
    if isinstance(given, (str, bytes, dict)) or not isinstance(given, Iterable):
        _close(given)  # A coroutine that nobody awaits complains when it is thrown away.
        raise ContractViolation(f"{what} gave {kind_of(given)}, not an iterator of items.")
    return iter(given)


def _close(iterator: object) -> None:
    close = getattr(iterator, "close", None)
    if callable(close):
        close()
