"""Time as the database knows it: the one clock that all processes of a fleet share."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Interval, func, literal, select, type_coerce

from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host.store.store import Store
from smaply_metrics_core.host.store.tables import Instant

logger = logging.getLogger(__name__)

_SQLITE_FORMAT: Final = "%Y-%m-%d %H:%M:%f000"
"""As instants are stored: with microseconds, of which SQLite's clock knows the thousands."""


@dataclass(frozen=True)
class SqlInstant:
    """Instants in SQL, counted from one "now": the database's own, or one that was set."""

    dialect: str
    at: datetime | None = None

    @classmethod
    def of(cls, db: Connection, at: datetime | None) -> SqlInstant:
        """Give the database's present, or ``at`` in its place."""
        return cls(db.dialect.name, at)

    def now(self) -> ColumnElement[datetime]:
        """Give the present."""
        return self.after(timedelta(0))

    def after(self, span: timedelta) -> ColumnElement[datetime]:
        """Give the instant that is ``span`` from now."""
        if self.at is not None:
            return literal(self.at + span, Instant)
        if self.dialect == "postgresql":
            # Not now(), which stands still within a transaction.
            there: Any = func.clock_timestamp() + literal(span, Interval)
            return type_coerce(there, Instant)
        seconds = f"{span.total_seconds():+.3f} seconds"
        return type_coerce(func.strftime(_SQLITE_FORMAT, "now", seconds), Instant)


class DatabaseClock(SystemClock):
    """A clock set by the database's, so that machines agree whatever their own clocks say.

    It is compared every ten seconds and runs on by itself in between; while the database cannot be
    asked, it runs on.
    """

    SECONDS: Final = 10.0

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asking = threading.Lock()
        self._anchor = self._ask()

    def now(self) -> datetime:
        """Give the database's present instant."""
        # Nobody waits for the one that asks: it may itself wait for a connection of the pool.
        if self.monotonic() - self._anchor[1] > self.SECONDS and self._asking.acquire(
            blocking=False
        ):
            try:
                self._anchor = self._ask()
            except StoreError:
                logger.warning("The database's time could not be asked.", exc_info=True)
            finally:
                self._asking.release()
        told, at = self._anchor
        return told + timedelta(seconds=self.monotonic() - at)

    def _ask(self) -> tuple[datetime, float]:
        with self._store.reading() as db:
            told = db.execute(select(SqlInstant.of(db, None).now())).scalar_one()
        return told, self.monotonic()
