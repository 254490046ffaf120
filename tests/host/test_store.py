"""The store: tables and migrations agree, start-up is safe, a newer store is refused."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import StatementError

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host.store import Store, engine
from smaply_metrics_core.host.store.connections import AccountSettings, read_account, write_account
from smaply_metrics_core.host.store.metrics import of_account
from smaply_metrics_core.host.store.tables import accounts, connections, metadata

if TYPE_CHECKING:
    from pathlib import Path


def test_the_migrations_make_exactly_the_tables(tmp_path: Path) -> None:
    """The tables in the code and those that the migrations make cannot drift apart."""
    store = Store(tmp_path / "store.db")
    with store.reading() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    store.close()


def test_processes_that_start_at_once_do_not_collide(tmp_path: Path) -> None:
    """Of several that open a new store together, one makes the tables and all can use them."""

    def opened(_: int) -> str:
        store = Store(tmp_path / "store.db")
        try:
            with store.reading() as db:
                return read_account(db, "acme").zone
        finally:
            store.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(opened, range(16))) == {"UTC"}


def test_a_new_store_waits_for_who_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes a file that has no write-ahead log yet, opening it waits."""
    waits: list[bool] = []
    wait_for_writer = engine._wait_for_writer  # noqa: SLF001  # Where opening stands still.
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE theirs (id)")

        def written(connection: sqlite3.Connection) -> None:
            waits.append(True)
            other.execute("COMMIT")
            wait_for_writer(connection)

        monkeypatch.setattr(engine, "_wait_for_writer", written)
        store = Store(tmp_path / "store.db")
        with store.reading() as db:
            assert read_account(db, "acme") == AccountSettings()
        store.close()
    assert waits == [True]


def test_a_store_that_is_written_for_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for ever says so in words."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            Store(tmp_path / "store.db")


def test_a_newer_store_is_refused_in_words(tmp_path: Path) -> None:
    """A store of a later release is left alone, and the message says why."""
    Store(tmp_path / "store.db").close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer release"):
        Store(tmp_path / "store.db")


def test_a_file_that_is_no_store_is_refused_in_words(tmp_path: Path) -> None:
    """Another file of that name is left alone."""
    (tmp_path / "store.db").write_bytes(b"This is a letter to my aunt, no database. " * 50)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "store.db")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A transaction is kept whole or not at all."""
    store = Store(tmp_path / "store.db")

    def half() -> None:
        with store.writing() as db:
            write_account(db, "acme", AccountSettings("Europe/Vienna", 7))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with store.reading() as db:
        assert read_account(db, "acme") == AccountSettings()
    store.close()


def test_a_time_without_a_zone_is_never_stored(tmp_path: Path) -> None:
    """A naive time could mean anything, so it is refused."""
    store = Store(tmp_path / "store.db")
    with store.writing() as db, pytest.raises(StatementError, match="needs a time zone"):
        db.execute(connections.update().values(checked_at=datetime(2026, 1, 1)))  # noqa: DTZ001
    store.close()


def test_a_store_of_the_first_release_keeps_its_metrics(tmp_path: Path) -> None:
    """A metric made before its questions' names were kept is read, and knows none."""
    Store(tmp_path / "store.db").close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as db, db:
        db.execute("ALTER TABLE metrics DROP COLUMN questions")
        db.execute("UPDATE alembic_version SET version_num = '0001'")
        db.execute(
            "INSERT INTO metrics (id, account, workspace, name, source, survey_id, definition, "
            "display, version, created_at, created_by, updated_at) VALUES ('met_1', 'acme', 'w', "
            """'Stars', 'shop', 'S1', '{"survey_id": "S1", "calculation": "responses"}', '{}', """
            "1, '2026-01-01 00:00:00', 'ed', '2026-01-01 00:00:00')"
        )
    store = Store(tmp_path / "store.db")
    with store.reading() as reading:
        (metric,) = of_account(reading, "acme")
    store.close()
    assert (metric.name, metric.questions) == ("Stars", {})


def test_every_table_belongs_to_an_account() -> None:
    """No row is without an account."""
    for table in metadata.sorted_tables:
        owner = table.c.id if table is accounts else table.c.account
        assert not owner.nullable, table.name
