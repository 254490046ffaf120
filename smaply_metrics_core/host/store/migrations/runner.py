"""Bringing a store's tables up to date with the migrations of this release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from smaply_metrics_core.errors import StoreError

MIGRATIONS: Final = Path(__file__).parent

_LOCK: Final = 0x5_3A_91_7E
"""The number that upgrades of one PostgreSQL database queue up for; nothing else uses it."""


@dataclass(frozen=True)
class StoreUpgrade:
    """What an upgrade did: the version of the tables before and after; ``None`` means no tables."""

    before: str | None
    after: str


def version_of(connection: Connection) -> str | None:
    """Give the version of the tables that are there."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str:
    """Give the version that this release's migrations lead to."""
    head = ScriptDirectory(MIGRATIONS).get_current_head()
    if head is None:
        raise AssertionError("the package holds migrations")
    return head


def wait_for_turn(connection: Connection) -> None:
    """Keep others from changing tables until this transaction ends; wait for those who do.

    In SQLite every writing transaction does so by itself.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def upgrade(connection: Connection, name: str) -> StoreUpgrade:
    """Run the migrations that are missing, in the transaction of this connection.

    Of several processes that start at once the first does it; the others wait for it, and then
    find nothing left to do.

    Raises:
        StoreError: when a newer release wrote the store.
    """
    wait_for_turn(connection)
    before = version_of(connection)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreError(
            f"The store {name} was written by a newer release of smaply-metrics-core; this one "
            f"knows it up to {newest_version()}.",
            remedy="Install the newer release again, or use another store.",
        ) from None
    return StoreUpgrade(before, newest_version())
