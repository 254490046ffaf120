"""Migrates the tables of a store to this release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from smaply_metrics_core.errors import StoreError

MIGRATIONS: Final = Path(__file__).parent

_LOCK: Final = 0x5_3A_91_7E
"""The key of the advisory lock that serializes migrations of one PostgreSQL database."""


@dataclass(frozen=True)
class StoreUpgrade:
    """The versions of the tables before and after a migration; ``None`` means no tables."""

    before: str | None
    after: str


def version_of(connection: Connection) -> str | None:
    """Return the version of the tables; ``None`` when there are none."""
    from alembic.migration import MigrationContext  # Heavy.

    return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str:
    """Return the version of the newest migration of this release."""
    from alembic.script import ScriptDirectory  # Heavy.

    head = ScriptDirectory(MIGRATIONS).get_current_head()
    if head is None:
        raise AssertionError("the package contains migrations")
    return head


def wait_for_turn(connection: Connection) -> None:
    """Wait for the lock on changing tables, and hold it until this transaction ends.

    In SQLite, writing transactions exclude each other anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def upgrade(connection: Connection, name: str) -> StoreUpgrade:
    """Run the missing migrations in the transaction of this connection.

    Of several processes that start concurrently, the first migrates; the others wait for it.

    Raises:
        StoreError: when a newer release wrote the store.
    """
    from alembic import command  # Heavy.
    from alembic.config import Config
    from alembic.util.exc import CommandError

    wait_for_turn(connection)
    before = version_of(connection)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"The store {name} was written by a newer release of smaply-metrics-core; this release "
            f"supports versions up to {newest_version()}.",
            remedy="Install the newer release again, or use another store.",
        ) from None
    return StoreUpgrade(before, newest_version())
