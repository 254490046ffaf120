"""The objects that the services of the host share: store, sources, settings and clocks."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.host.connections.names import choose_connection
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.events import Outbox

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
        """Return one connection of an account, by its id, its name or the id of its source.

        Raises:
            NotFound: when the account has no such connection.
            AmbiguousConnection: when several have this name or source.
        """
        with self.store.reading() as db:
            with suppress(NotFound):
                return connection_rows.find(db, account, connection_id)
            rows = connection_rows.of_account(db, account)
        names = {row.id: self.name_of(row) for row in rows}
        return choose_connection(connection_id, rows, names)

    def name_of(self, row: ConnectionRow) -> str:
        """Return the name of a connection; connections of earlier releases may have none."""
        return row.name or self.registry.title(row.source)

    def label_of(self, row: ConnectionRow) -> str:
        """Return the source of a connection, and its name unless it is the source's title."""
        name = self.name_of(row)
        return row.source if name == self.registry.title(row.source) else f"{name} ({row.source})"

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
    def outbox(self) -> Outbox:
        """Where events are recorded."""
        return Outbox(self.settings.event_retention)

    @property
    def lease_length(self) -> timedelta:
        """How long a lease lasts unless it is renewed."""
        return timedelta(seconds=self.settings.deadlines.lease)
