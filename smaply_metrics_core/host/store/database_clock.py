"""The time of the database, which all processes of a fleet share."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Interval, func, literal, select, type_coerce

from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.store.store import Store
from smaply_metrics_core.host.store.tables import Instant

logger = logging.getLogger(__name__)

_SQLITE_FORMAT: Final = "%Y-%m-%d %H:%M:%f000"
"""The format of stored instants, with microseconds; SQLite's clock has milliseconds."""


@dataclass(frozen=True)
class SqlInstant:
    """SQL expressions for instants relative to now: the database's time, or a fixed one."""

    dialect: str
    at: datetime | None = None

    @classmethod
    def of(cls, db: Connection, at: datetime | None) -> SqlInstant:
        """Return the expressions for the database of a connection, or relative to ``at``."""
        return cls(db.dialect.name, at)

    def now(self) -> ColumnElement[datetime]:
        """Return the current instant."""
        return self.after(timedelta(0))

    def after(self, span: timedelta) -> ColumnElement[datetime]:
        """Return the instant that is ``span`` from now."""
        if self.at is not None:
            return literal(self.at + span, Instant)
        if self.dialect == "postgresql":
            # Not now(), which is constant within a transaction.
            instant: Any = func.clock_timestamp() + literal(span, Interval)
            return type_coerce(instant, Instant)
        seconds = f"{span.total_seconds():+.3f} seconds"
        return type_coerce(func.strftime(_SQLITE_FORMAT, "now", seconds), Instant)


class DatabaseClock(SystemClock):
    """A clock that follows the time of the database, so that all machines agree.

    It reads the database's time every ten seconds. In between, and while the database is
    unavailable, it advances by the monotonic clock.
    """

    SECONDS: Final = 10.0

    def __init__(self, store: Store) -> None:
        self._store = store
        call_now_and_in_children(self._renew)
        self._anchor = self._read()

    def _renew(self) -> None:
        self._reading = threading.Lock()

    def now(self) -> datetime:
        """Return the current time of the database."""
        # Other threads do not wait for the one that reads it, which may wait for the pool.
        if self.monotonic() - self._anchor[1] > self.SECONDS and self._reading.acquire(
            blocking=False
        ):
            try:
                self._anchor = self._read()
            except StoreError:
                logger.warning("The time of the database could not be read.", exc_info=True)
            finally:
                self._reading.release()
        instant, at = self._anchor
        return instant + timedelta(seconds=self.monotonic() - at)

    def _read(self) -> tuple[datetime, float]:
        with self._store.reading() as db:
            instant = db.execute(select(SqlInstant.of(db, None).now())).scalar_one()
        return instant, self.monotonic()
