"""The engine of a store: a SQLite file in the home, or a PostgreSQL database."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.forking import close_in_children
from smaply_metrics_core.models.problem import Audience

BUSY_SECONDS: Final = 30
"""How long a SQLite writer waits for another one before it fails."""

CONNECT_SECONDS: Final = 10
"""The timeout for connecting to PostgreSQL."""

LOGGING_NAME: Final = "smaply-metrics"
"""Marks the statements of this store in SQLAlchemy's log."""

_PRIMARY: Final = 0xFF
"""The mask for the primary result code in SQLite's extended error codes."""

_POSTGRESQL: Final = {"postgres", "postgresql", "postgresql+psycopg"}


def parse_database_url(text: str) -> URL:
    """Parse the value of ``SMAPLY_METRICS_DATABASE_URL``.

    Raises:
        InputError: when it is not the URL of a PostgreSQL database. The message does not repeat the
            value, which may contain a password.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        url = URL.create("")
    if url.drivername not in _POSTGRESQL or not url.database:
        raise InputError(
            "SMAPLY_METRICS_DATABASE_URL is not the URL of a PostgreSQL database.",
            remedy="Write it as postgresql://user:password@host:5432/database, or unset it to "
            "store everything in one SQLite file in the home.",
            audience=Audience.OPERATOR,
        )
    return url.set(drivername="postgresql+psycopg")


def name_of(where: Path | URL) -> str:
    """Return the name of a store for messages, without a host and a password."""
    return where.name if isinstance(where, Path) else str(where.database)


def make_engine(where: Path | URL, connections: int, schema: str | None = None) -> Engine:
    """Return the engine; a SQLite file is created, with mode 0600, when it does not exist.

    Raises:
        InputError: when the database is PostgreSQL and its driver is not installed.
    """
    if isinstance(where, Path):
        where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        where.touch(mode=0o600, exist_ok=True)
        return _sqlite_engine(where)
    require_extra("postgresql", "psycopg")
    options = where.query.get("options", "")
    if schema is not None:
        # For tables and for Alembic's; what the URL sets otherwise is kept.
        options = f"{options} -c search_path={schema}"
    engine = create_engine(
        where,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": LOGGING_NAME,
            "options": options,
        },
        # Whatever the default of the database: what waited for a lock has to see what its holder
        # committed. Transactions that only read choose a snapshot instead.
        isolation_level="READ COMMITTED",
        json_deserializer=_read_json,
        logging_name=LOGGING_NAME,
        max_overflow=0,
        # The server may have been restarted since a connection was last used.
        pool_pre_ping=True,
        pool_size=connections,
        use_native_hstore=False,  # No column has this type, and looking it up takes a query.
    )
    event.listen(engine, "connect", lambda connection, _record: close_in_children(connection))
    return engine


def _read_json(text: str | bytes) -> Any:  # noqa: ANN401  # Whatever the column holds.
    """Return the value of a JSON column; ``None`` if it is damaged, so that other rows are read."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _sqlite_engine(path: Path) -> Engine:
    engine = create_engine(
        # Not as text: "?" and "%" in a path have another meaning in a URL.
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        json_deserializer=_read_json,
        logging_name=LOGGING_NAME,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:  # noqa: ANN401  # A driver's object.
        # The driver would begin transactions late and deferred; `_begin` begins them instead.
        connection.isolation_level = None
        try:
            _use_write_ahead_log(connection)
            # Deleted credentials must not linger in free pages.
            for pragma in ("foreign_keys=ON", "synchronous=NORMAL", "secure_delete=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()  # The engine does not own it yet.
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that starts to write can fail without waiting.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; retry while another connection does the same.

    For this statement, SQLite ignores the busy timeout to avoid deadlocks.
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
    """Return when no other connection writes; SQLite waits up to the busy timeout."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
