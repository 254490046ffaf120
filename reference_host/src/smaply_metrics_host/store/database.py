"""The database of the host app: one SQLite file next to the framework's store."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DatabaseError

from smaply_metrics_core.host import StoreError, StoreUnavailable
from smaply_metrics_host.store.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "host.db"
VERSION: Final = 4
"""The version of the schema, stored in the file to detect files of other releases."""
UPGRADED: Final = {0, 1, 2, 3}
"""Versions that only lack tables.

0 is an empty file, 1 has no removals, 2 no share links, 3 no settings of sharing.
"""
BUSY_SECONDS: Final = 30
_PRIMARY: Final = 0xFF
"""The mask for the primary result code in SQLite's extended error codes."""


class Database:
    """The database of the host app.

    Args:
        home: The data folder; it is created if missing.

    Raises:
        StoreError: if the file is not a database, or another release wrote it.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = home / NAME
        path.touch(mode=0o600, exist_ok=True)
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._writing = self._engine.execution_options(writes=True)
        try:
            self._create_tables()
        except StoreError:
            self.close()
            raise

    def _create_tables(self) -> None:
        """Create the tables; processes that start at the same time wait for one of them."""
        with self.writing() as db:
            found = int(db.exec_driver_sql("PRAGMA user_version").scalar_one())
            if found in UPGRADED:
                metadata.create_all(db)
                db.exec_driver_sql(f"PRAGMA user_version={VERSION}")
            elif found != VERSION:
                release = "a newer" if found > VERSION else "an earlier"
                raise StoreError(
                    f"{NAME} was written by {release} release of smaply-metrics-host: it has "
                    f"version {found}, and this release supports version {VERSION}.",
                    remedy="Install that release again, or use another --home.",
                )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that reads one consistent state."""
        with _database_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection that writes in one transaction, rolled back if the block raises."""
        with _database_errors(), self._writing.begin() as connection:
            yield connection

    def check(self) -> None:
        """Read from the database.

        Raises:
            StoreError: if it cannot be used.
        """
        with self.reading() as db:
            db.exec_driver_sql("SELECT count(*) FROM sqlite_master")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


@contextmanager
def _database_errors() -> Iterator[None]:
    """Raise a ``DatabaseError`` of the block as a ``StoreError``."""
    try:
        yield
    except DatabaseError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & _PRIMARY
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            made: StoreError = StoreUnavailable(f"{NAME} is busy: another process has locked it.")
        else:
            made = StoreError(
                f"{NAME} cannot be used.",
                remedy="Check that --home is readable and writable and that its disk has free "
                "space.",
            )
        made.add_note(str(error.orig))  # For the log.
        raise made from None


def _configure(connection: Any, _record: Any) -> None:  # noqa: ANN401  # A driver's object.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # Deleted people must not linger in free pages.


def _begin(connection: Connection) -> None:
    # A deferred transaction fails without waiting if it cannot be upgraded to a write.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
