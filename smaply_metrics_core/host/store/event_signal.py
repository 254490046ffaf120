"""Waits for events: PostgreSQL notifies; a SQLite file is polled."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any, Final

from sqlalchemy import Connection

from smaply_metrics_core.context import Clock
from smaply_metrics_core.forking import call_in_children, keep_inherited
from smaply_metrics_core.host.store.error_mapping import driver_errors
from smaply_metrics_core.host.store.events import CHANNEL
from smaply_metrics_core.host.store.store import Store

logger = logging.getLogger(__name__)

SECONDS: Final = 1.0
"""How long one wait takes without an event: the interval of the poll, and of noticing a stop."""


class EventSignal:
    """Returns when there may be new events; used by one thread.

    With PostgreSQL it has a connection of its own, in addition to those of the pool. Where
    notifications do not arrive, as through a pooler of transactions, the end of each wait is a
    poll.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._connection: Connection | None = None
        self._driver: Any = None
        call_in_children(self._leave_to_the_parent)

    def _leave_to_the_parent(self) -> None:
        keep_inherited((self._connection, self._driver))
        self._connection = None

    def listen(self) -> None:
        """Receive notifications from now on; called before looking for events, to miss none."""
        if not self._store.is_shared or self._connection is not None:
            return
        try:
            engine = self._store.engine.execution_options(isolation_level="AUTOCOMMIT")
            self._connection = engine.connect()
            self._driver = self._connection.connection.driver_connection
            self._connection.detach()  # The pool may open another one instead.
            self._connection.exec_driver_sql(f"LISTEN {CHANNEL}")
        except driver_errors():
            logger.warning("Events cannot be notified; polling for them.", exc_info=True)
            self.close()

    def wait(self, stopping: Event) -> None:
        """Return when there may be an event, or after a second; ``stopping`` ends a poll."""
        if self._connection is None:
            self._clock.wait(SECONDS, stopping)
            return
        try:
            for _ in self._driver.notifies(timeout=SECONDS, stop_after=1):
                return
        except driver_errors():
            self.close()
            self._clock.wait(SECONDS, stopping)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except driver_errors():
                logger.debug("A lost connection could not be closed.", exc_info=True)
