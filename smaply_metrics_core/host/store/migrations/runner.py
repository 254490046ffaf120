"""Migrates the tables of a store to this release."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, String, column, inspect, select, table, text
from sqlalchemy.exc import IntegrityError, ProgrammingError, SQLAlchemyError

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host.store.tables import metadata

MIGRATIONS: Final = Path(__file__).parent

_VERSION: Final = table("alembic_version", column("version_num", String))
"""Alembic's table."""

_LOCK: Final = 0x5_3A_91_7E
"""The key of the advisory lock that serializes migrations of one PostgreSQL database."""


@dataclass(frozen=True)
class StoreUpgrade:
    """The versions of the tables before and after a migration; ``None`` means no tables."""

    before: str | None
    after: str


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables; ``None`` when there are none."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


@cache
def newest_version() -> str:
    """Return the version of the newest migration of this release.

    The files are named by version. Alembic takes 0.15 seconds to import, and opening a store that
    is up to date does not need it.
    """
    return max(path.name.partition("_")[0] for path in MIGRATIONS.glob("versions/0*.py"))


def wait_for_turn(connection: Connection) -> None:
    """Wait for the lock on changing tables, and hold it until this transaction ends.

    In SQLite, writing transactions exclude each other anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def create_schema(connection: Connection, name: str) -> None:
    """Create the schema of the tables unless it exists."""
    wait_for_turn(connection)
    found = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
    # Not IF NOT EXISTS, which requires the privilege to create one even if it exists.
    if connection.scalar(found, {"name": name}) is None:
        connection.execute(text(f'CREATE SCHEMA "{name}"'))


def upgrade(connection: Connection, name: str) -> StoreUpgrade:
    """Run the missing migrations in the transaction of this connection.

    Of several processes that start concurrently, the first migrates; the others wait for it.

    Raises:
        StoreError: when a newer release wrote the store, or another application has tables there.
    """
    from alembic import command  # Heavy.
    from alembic.config import Config
    from alembic.util.exc import CommandError

    wait_for_turn(connection)
    before = version_of(connection)
    _require_own_tables(connection, before, name)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"{_is_newer(name)}; this release supports versions up to {newest_version()}.",
            remedy="Install the newer release again, or use another store.",
        ) from None
    return StoreUpgrade(before, newest_version())


def _require_own_tables(connection: Connection, version: str | None, name: str) -> None:
    """Raise when another application has tables of the same names, or uses Alembic too."""
    if version is not None:
        is_foreign = re.fullmatch(r"\d{4}", version) is None
    else:
        is_foreign = any(map(inspect(connection).has_table, metadata.tables))
    if is_foreign:
        raise StoreError(
            f"The database {name} has tables of another application whose names clash with those "
            "of smaply-metrics-core.",
            remedy="Set SMAPLY_METRICS_DATABASE_SCHEMA to a schema of its own, such as "
            "smaply_metrics; with SQLite, use another home.",
        )


def upgraded_meanwhile(engine: Engine, error: Exception, name: str) -> StoreError | None:
    """Return the error for a statement that failed because a newer release changed the tables.

    ``None`` when it failed for another reason.
    """
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    # Tables, columns or values that are missing; not a server that is down or a disk that is full.
    if not isinstance(error, ProgrammingError | IntegrityError) and code != sqlite3.SQLITE_ERROR:
        return None
    try:
        with engine.connect() as connection:
            version = version_of(connection)
    except SQLAlchemyError:
        return None
    if version is None or version <= newest_version():
        return None
    return StoreError(
        f"{_is_newer(name)} while this process was running: its tables have version {version}, "
        f"and this process supports versions up to {newest_version()}.",
        remedy="Install the newer release here too, and restart this process.",
    )


def _is_newer(name: str) -> str:
    return f"The store {name} was written by a newer release of smaply-metrics-core"
