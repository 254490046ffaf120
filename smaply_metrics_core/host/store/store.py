"""Opening the store: the engine, its transactions, and bringing its tables up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DatabaseError, DataError
from sqlalchemy.exc import TimeoutError as NoConnection

from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.host.store.engine import make_engine, name_of
from smaply_metrics_core.host.store.migrations.runner import (
    StoreUpgrade,
    newest_version,
    upgrade,
    version_of,
)


class Store:
    """A database of Smaply Metrics.

    Args:
        where: The SQLite file, made with mode 0600 when it is not there; or the URL of a
            PostgreSQL database, which is.
        connections: How many connections to PostgreSQL this process may have.

    Raises:
        StoreError: when it cannot be used, or a newer release wrote it.

    Attributes:
        upgraded: What opening did to the tables.
    """

    def __init__(self, where: Path | URL, connections: int = 8) -> None:
        self.where = where
        self.engine = make_engine(where, connections)
        try:
            self.upgraded = self._upgrade()
        except StoreError:
            self.engine.dispose()
            raise

    @property
    def is_shared(self) -> bool:
        """Whether other machines may use this store too."""
        return not isinstance(self.where, Path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state."""
        engine = self.engine
        if self.is_shared:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with self._in_words(), engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction: all of it, or nothing when the block raises."""
        engine = self.engine.execution_options(writes=True)
        with self._in_words(), engine.begin() as connection:
            yield connection

    def forget_deleted(self) -> None:
        """Make sure that nothing deleted is left in SQLite's write-ahead log.

        PostgreSQL overwrites deleted rows, sealed as they are, when it next vacuums their table.
        """
        if self.is_shared:
            return
        with self.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        name = name_of(self.where)
        try:
            yield
        except (DataError, UnicodeEncodeError):
            raise InputError(
                "Something that was given cannot be stored: a text is too long, or has a character "
                "that no text may have.",
                remedy="Shorten names and ids, and leave out control characters.",
            ) from None
        except DatabaseError as error:
            said = str(error.orig).strip().partition("\n")[0].rstrip(".")
            raise StoreError(
                f"The store {name} cannot be used: {said}.",
                remedy="Check that SMAPLY_METRICS_DATABASE_URL names a PostgreSQL database that "
                "runs and that its user may change."
                if self.is_shared
                else "Check that --home holds a store of Smaply Metrics that this user may read "
                "and write, and that its disk has free space.",
            ) from None
        except NoConnection:
            raise StoreError(
                f"The store {name} is busy: all connections of this process are in use.",
                remedy="Let fewer threads load at once, or raise "
                "SMAPLY_METRICS_DATABASE_CONNECTIONS.",
            ) from None

    def _upgrade(self) -> StoreUpgrade:
        if self.is_shared:
            # Nearly always there is nothing to do: then nobody waits for anybody.
            with self.reading() as connection:
                version = version_of(connection)
            if version == newest_version():
                return StoreUpgrade(version, version)
        with self.writing() as connection:
            return upgrade(connection, name_of(self.where))
