"""Keeps a SQLite file closed while the process forks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.forking import call_now_and_in_children, pause_for_forks

SECONDS: Final = 60.0
"""How long a fork waits for the transactions of other threads, which take milliseconds."""


class ForkGate:
    """Counts the transactions of this process; a fork waits until there are none.

    SQLite does not allow an open file to be carried into a child: the child would believe that it
    holds the locks of its parent, and could damage the file. The child of a fork that could not
    wait refuses every transaction.

    Args:
        close: Closes the connections that are not in use.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        call_now_and_in_children(self._renew)
        pause_for_forks(self._wait, self._go_on)

    def _renew(self) -> None:
        # In a child: whether its parent had an open file.
        self._damaged = bool(getattr(self, "_open", None))
        self._changed = threading.Condition()
        self._open: Counter[int] = Counter()
        self._forking = False

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """Count a transaction of this thread.

        Raises:
            StoreError: in a child that was forked during a transaction.
        """
        if self._damaged:
            raise StoreError(
                "The store cannot be used in this process, because it was forked while its parent "
                "used the store.",
                remedy="Start this process again, and fork outside of transactions.",
            )
        gate, thread = self._changed, threading.get_ident()
        with gate:
            # A thread that is in a transaction must not wait for a fork that waits for it.
            gate.wait_for(lambda: not self._forking or thread in self._open)
            self._open[thread] += 1
        try:
            yield
        finally:
            if gate is self._changed:  # Not in a child that was forked in this transaction.
                with gate:
                    self._open[thread] -= 1
                    self._open += Counter()  # Removes a thread without transactions.
                    gate.notify_all()

    def _wait(self) -> None:
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)  # Another thread forks.
            self._forking = True
            self._changed.wait_for(lambda: self._open.keys() <= {me}, SECONDS)
        self._close()

    def _go_on(self) -> None:
        with self._changed:
            self._forking = False
            self._changed.notify_all()
