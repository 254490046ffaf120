"""The objects that the services of the host share: store, sources, settings and clocks."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.connections import ConnectionRow

if TYPE_CHECKING:  # Heavy: pydantic-settings, and the modules that call sources.
    from smaply_metrics_core.host.settings import Settings
    from smaply_metrics_core.sources.registry import SourceRegistry


@dataclass(frozen=True)
class Runtime:
    """The shared parts of the host.

    Attributes:
        store: The database.
        registry: The installed sources.
        settings: The settings of the operator.
        clock: The time by which metrics become due.
        lease_clock: The time by which leases expire; ``None`` when the database's time is used.
    """

    store: Store
    registry: SourceRegistry
    settings: Settings
    clock: Clock
    lease_clock: Clock | None

    def find_connection(self, account: str, connection_id: str) -> ConnectionRow:
        """Return one connection of an account, by its id or that of its source.

        Raises:
            NotFound: when the account has no such connection.
        """
        with self.store.reading() as db:
            return connection_rows.find(db, account, connection_id)

    def deadline(self, seconds: float, cancelled: threading.Event | None = None) -> Deadline:
        """Return the deadline of a call that begins now."""
        return Deadline.after(seconds, self.clock, cancelled)

    def now(self) -> datetime:
        """Return the current time, by which metrics become due."""
        return self.clock.now()

    def lease_now(self) -> datetime | None:
        """Return the current time for leases; ``None`` when the database's time is used."""
        return None if self.lease_clock is None else self.lease_clock.now()

    @property
    def lease_length(self) -> timedelta:
        """How long a lease lasts unless it is renewed."""
        return timedelta(seconds=self.settings.deadlines.lease)
