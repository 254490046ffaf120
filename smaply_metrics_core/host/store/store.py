"""The store: opens the database, migrates its tables and runs transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DataError

from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.forking import call_in_children, keep_inherited
from smaply_metrics_core.host.store.engine import make_engine, name_of
from smaply_metrics_core.host.store.error_mapping import driver_errors, store_error
from smaply_metrics_core.host.store.fork_gate import ForkGate
from smaply_metrics_core.host.store.migrations.runner import (
    StoreUpgrade,
    create_schema,
    newest_version,
    upgrade,
    upgraded_meanwhile,
    version_of,
)
from smaply_metrics_core.host.store.statement_spans import trace_statements
from smaply_metrics_core.observability import telemetry


class Store:
    """The database with connections, metrics and results.

    Args:
        where: The SQLite file, created with mode 0600 when it does not exist; or the URL of an
            existing PostgreSQL database.
        connections: How many connections to PostgreSQL this process may open.
        schema: The schema of the tables in PostgreSQL, created when it does not exist; by default
            the one of the database user.
        migrates: Whether opening migrates the tables; without it, a caller checks their version.

    Raises:
        StoreError: when the database cannot be used, or a newer release wrote it.

    Attributes:
        upgraded: The versions of the tables before and after opening, if it migrates them.
    """

    def __init__(
        self,
        where: Path | URL,
        connections: int = 8,
        schema: str | None = None,
        *,
        migrates: bool = True,
    ) -> None:
        self.where = where
        self.schema = schema
        self.engine = make_engine(where, connections, schema)
        self._gate = None if self.is_shared else ForkGate(self.engine.dispose)
        call_in_children(self._reconnect)
        if telemetry.enabled():
            trace_statements(self.engine, name_of(where))
        if not migrates:
            return
        try:
            self.upgraded = self._upgrade()
        except StoreError:
            self.engine.dispose()
            raise

    @property
    def is_shared(self) -> bool:
        """Whether other machines may use the store too."""
        return not isinstance(self.where, Path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read in one transaction, from a consistent snapshot."""
        engine = self.engine
        if self.is_shared:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._translate_errors(), self._transaction(), engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction, which is rolled back when the block raises."""
        engine = self.engine.execution_options(writes=True)
        with self._translate_errors(), self._transaction(), engine.begin() as connection:
            yield connection

    def forget_deleted(self) -> None:
        """Remove deleted rows from SQLite's write-ahead log.

        PostgreSQL overwrites deleted rows, whose credentials are encrypted, at the next vacuum.
        """
        if self.is_shared:
            return
        with (
            self._transaction(),
            self._translate_errors(),
            self.engine.connect() as connection,
        ):
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _transaction(self) -> AbstractContextManager[None]:
        """Keep a SQLite file from being carried into a child; PostgreSQL needs no such care."""
        return nullcontext() if self._gate is None else self._gate.transaction()

    def _reconnect(self) -> None:
        """Open connections of its own in a forked child; those of its parent are not closed."""
        keep_inherited(self.engine.pool)
        self.engine.dispose(close=False)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (DataError, UnicodeEncodeError):
            raise InputError(
                "The input cannot be stored: a text is too long or contains an invalid character.",
                remedy="Shorten names and IDs, and remove control characters.",
            ) from None
        except driver_errors() as error:
            newer = upgraded_meanwhile(self.engine, error, name_of(self.where))
            if newer is not None:
                raise newer from None
            raise store_error(error, self.where) from None

    def _upgrade(self) -> StoreUpgrade:
        # Usually there is nothing to migrate, and processes need not wait for each other.
        with self.reading() as connection:
            version = version_of(connection)
        if version == newest_version():
            return StoreUpgrade(version, version)
        with self.writing() as connection:
            if self.schema is not None:
                create_schema(connection, self.schema)
            return upgrade(connection, name_of(self.where))
