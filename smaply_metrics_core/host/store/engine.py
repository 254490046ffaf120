"""Opening the store: the engine, its transactions, and bringing its tables up to date."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from smaply_metrics_core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30
"""How long a SQLite writer waits for another one before it gives up."""

_PRIMARY: Final = 0xFF
"""The part of SQLite's error codes that says what kind of error it is."""


class Store:
    """A database of Smaply Metrics.

    Args:
        path: The SQLite file; made with mode 0600 when it is not there.

    Raises:
        StoreError: when the file is no database, or a newer release wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        self.engine = _sqlite_engine(path)
        try:
            self._upgrade()
        except StoreError:
            self.engine.dispose()
            raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state."""
        with self._in_words(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write in one transaction: all of it, or nothing when the block raises."""
        engine = self.engine.execution_options(writes=True)
        with self._in_words(), engine.begin() as connection:
            yield connection

    def forget_deleted(self) -> None:
        """Make sure that nothing deleted is left in the write-ahead log."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            raise StoreError(
                f"The store {self.path.name} cannot be used: {error.orig}.",
                remedy="Check that --home holds a store of Smaply Metrics that this user may read "
                "and write, and that its disk has free space.",
            ) from None

    def _upgrade(self) -> None:
        # One writing transaction around it all: of two processes that start at once, the second
        # waits, and then finds nothing left to do.
        with self.writing() as connection:
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError:
                head = ScriptDirectory.from_config(config).get_current_head()
                raise StoreError(
                    f"The store {self.path.name} was written by a newer release of "
                    f"smaply-metrics-core; this one knows it up to {head}.",
                    remedy="Install the newer release again, or use another --home.",
                ) from None


def _read_json(text: str) -> Any:  # noqa: ANN401  # Whatever the column holds.
    """Read a JSON column; None when it is damaged, so that one row never hides the others."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _sqlite_engine(path: Path) -> Engine:
    engine = create_engine(
        # Not as text: a path may hold "?" or "%", which mean something else in a URL.
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        json_deserializer=_read_json,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:  # noqa: ANN401  # A driver's object.
        # The driver would begin transactions late and deferred; `_begin` does it in its place.
        connection.isolation_level = None
        try:
            _use_write_ahead_log(connection)
            # Deleted credentials must not linger in free pages.
            for pragma in ("foreign_keys=ON", "synchronous=NORMAL", "secure_delete=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()  # Nobody else would: the engine has not taken it over yet.
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that turns into a writing one can fail without waiting.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, as often as it takes: of two at once, SQLite refuses one.

    It does not wait for a writer here as it does elsewhere, since both could wait for each other.
    """
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= until:
                raise
        else:
            return
        _wait_for_writer(connection)


def _wait_for_writer(connection: sqlite3.Connection) -> None:
    """Return when nobody writes: to begin a transaction, SQLite waits up to the busy timeout."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
