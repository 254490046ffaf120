"""``db upgrade``: creating and upgrading the tables of the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.cli.command_context import opened
from smaply_metrics_core.host import Settings
from smaply_metrics_core.host.store.migrations.runner import newest_version

if TYPE_CHECKING:
    from .conftest import Command

pytestmark = pytest.mark.usefixtures("migrated")

SECOND_RELEASE = Path(__file__).parents[1] / "host" / "store" / "releases" / "0002.sql"


def test_the_tables_of_a_new_home_are_created(command: Command) -> None:
    """The first run creates the tables; the second changes nothing."""
    newest = newest_version()
    assert command.done("db", "upgrade") == {"before": None, "after": newest}
    assert command.done("db", "upgrade") == {"before": newest, "after": newest}
    assert "up to date" in command("db", "upgrade").out


def test_an_older_store_is_upgraded(command: Command) -> None:
    """The output names the versions before and after the upgrade."""
    command.home.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(command.home / "store.db")) as db, db:
        db.executescript(SECOND_RELEASE.read_text(encoding="utf-8"))
    printed = command("db", "upgrade").out
    assert f"from version 0002 to {newest_version()}" in printed


def test_an_invalid_database_url_is_rejected(command: Command) -> None:
    """The remedy shows a valid URL, and the password is not repeated."""
    command.environment["SMAPLY_METRICS_DATABASE_URL"] = "mysql://root:hunter2@db/metrics"
    ended = command("db", "upgrade", "--json")
    assert ended.code == 1
    assert "postgresql://" in ended.error["remedy"]
    assert "hunter2" not in ended.out + ended.err


def test_leases_do_not_use_a_fixed_clock(tmp_path: Path) -> None:
    """Leases use the database's clock, or the machine's when the host's clock is fixed."""
    settings = Settings.from_environment(tmp_path, {})
    with opened(settings) as host:
        assert host._runtime.lease_now() is None  # noqa: SLF001  # Not public.
    instant = datetime(2026, 4, 1, tzinfo=UTC)
    with opened(settings, now=instant) as host:
        assert host._runtime.now() == instant  # noqa: SLF001
        assert host._runtime.lease_now() != instant  # noqa: SLF001
