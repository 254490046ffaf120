"""The store: migrations match the tables, older stores are migrated, newer ones are refused.

Each test runs on SQLite and on PostgreSQL, unless it is about only one of them.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import delete, insert, inspect
from sqlalchemy.exc import StatementError

from smaply_metrics_core.errors import InputError, StoreError, StoreUnavailable
from smaply_metrics_core.host import AccountSettings, Freshness, MetricsHost, Settings
from smaply_metrics_core.host.store import Store, engine
from smaply_metrics_core.host.store.accounts import read_account, write_account
from smaply_metrics_core.host.store.engine import make_engine, parse_database_url
from smaply_metrics_core.host.store.migrations.runner import MIGRATIONS, newest_version, version_of
from smaply_metrics_core.host.store.tables import (
    accounts,
    connections,
    event_consumers,
    events,
    metadata,
)
from tests.host.conftest import ADMIN, VIEWER, sqlite_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

    from tests.host.conftest import World
    from tests.postgresql_server import PrivatePostgres

pytestmark = pytest.mark.usefixtures("migrated")

EARLIER = sorted(path for path in (Path(__file__).parent / "releases").glob("*.sql"))
"""Stores that earlier releases wrote, as SQL: each has four metrics, one of them failed."""


ROWS_0007 = Path(__file__).parent / "rows" / "0007.sql"
"""Rows of the release that had at most one connection of a source in an account."""


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Path | URL:
    """The location of a store that does not exist."""
    if request.param == "sqlite":
        return tmp_path / "store.db"
    postgres: PrivatePostgres = request.getfixturevalue("postgres")
    return parse_database_url(postgres.url(postgres.make_database()))


@pytest.fixture
def store(empty: Path | URL) -> Iterator[Store]:
    """A new store."""
    store = Store(empty)
    yield store
    store.close()


def test_the_migrations_create_exactly_the_tables(store: Store) -> None:
    """The tables in the code and those of the migrations are the same."""
    with store.reading() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_id_of_a_deleted_event_is_never_used_again(store: Store) -> None:
    """A consumer that has processed an id would skip a new event with the same one."""
    event = {"account": "acme", "kind": "refresh_ended", "connection_id": "shop", "details": {}}
    ids: list[int] = []
    with store.writing() as db:
        for _ in range(2):
            added = insert(events).values(**event, at=datetime(2026, 3, 1, tzinfo=UTC))
            ids += db.execute(added.returning(events.c.id)).scalars()
            db.execute(delete(events).where(events.c.account == "acme"))
    assert ids[1] > ids[0]


def test_processes_that_start_at_once_do_not_collide(empty: Path | URL) -> None:
    """Of several processes that open a new store, one creates the tables and all can use them."""

    def opened(_: int) -> tuple[str, bool]:
        store = Store(empty, connections=1)
        try:
            with store.reading() as db:
                return read_account(db, "acme").zone, store.upgraded.before is None
        finally:
            store.close()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(opened, range(16)))
    assert {zone for zone, _ in found} == {"UTC"}
    assert [made for _, made in found].count(True) == 1


def test_opening_a_new_store_waits_for_a_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes to a file without a write-ahead log, opening it waits."""
    waits: list[bool] = []
    wait_for_writer = engine._wait_for_writer  # noqa: SLF001  # The function that waits.
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


def test_waiting_for_a_writer_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the busy timeout, the error says why."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            Store(tmp_path / "store.db")


def test_a_newer_store_is_refused(empty: Path | URL) -> None:
    """A store of a later release is not changed, and the message says why."""
    with (store := Store(empty)).writing() as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreError, match=f"newer release.* up to {newest_version()}"):
        Store(empty)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE accounts RENAME TO customers",
        "ALTER TABLE accounts RENAME COLUMN zone TO time_zone",
        "ALTER TABLE accounts ADD COLUMN plan INTEGER NOT NULL DEFAULT 0 CHECK (plan > 0)",
    ],
)
def test_a_running_process_names_an_upgrade_by_a_newer_release(
    empty: Path | URL, change: str
) -> None:
    """What fails because the tables have changed is reported as that, with what to do."""
    old, new = Store(empty), Store(empty)
    with new.writing() as db:
        db.exec_driver_sql(change)
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with (
        pytest.raises(StoreError, match=f"newer release.* 9999.* up to {newest_version()}") as told,
        old.writing() as db,
    ):
        write_account(db, "acme", AccountSettings("Europe/Vienna", 7))
    assert "restart this process" in told.value.remedy
    old.close()
    new.close()


def test_a_failed_migration_is_rolled_back(empty: Path | URL) -> None:
    """All missing migrations are applied or none; the next start runs them again."""
    engine = make_engine(empty, 2)
    with engine.execution_options(writes=True).begin() as db:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = db
        command.upgrade(config, "0002")
        db.exec_driver_sql("CREATE TABLE audit (theirs INTEGER)")  # Makes a later migration fail.
    with pytest.raises(StoreError, match="audit"):
        Store(empty)
    with engine.execution_options(writes=True).begin() as db:
        assert version_of(db) == "0002"
        assert "percent" not in {column["name"] for column in inspect(db).get_columns("leases")}
        db.exec_driver_sql("DROP TABLE audit")
    engine.dispose()
    store = Store(empty)
    assert (store.upgraded.before, store.upgraded.after) == ("0002", newest_version())
    store.close()


def test_the_newest_version_is_the_one_of_alembic() -> None:
    """The name of the newest file begins with the revision of the last migration."""
    assert newest_version() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


@pytest.mark.parametrize("dump", EARLIER, ids=lambda path: path.stem)
@sqlite_only
def test_a_store_of_an_earlier_release_keeps_its_cards(world: World, dump: Path) -> None:
    """The stored cards are shown, and the connection still refreshes them."""
    world.home.mkdir()
    with closing(sqlite3.connect(world.home / "store.db")) as db, db:
        db.executescript(dump.read_text(encoding="utf-8"))
    host = world.open()
    cards = {card.name: card for card in host.cards.load(VIEWER, refresh=False)}
    shown = {name: (card.text, card.freshness) for name, card in cards.items()}
    assert shown == {
        "Stars": ("4.0", Freshness.FRESH),
        "Responses": ("4", Freshness.FRESH),
        "Elsewhere": ("1.5", Freshness.FRESH),
        "Taste": ("", Freshness.FAILED),
    }
    assert all(card.as_of == world.clock.now() for card in cards.values() if card.text)
    assert host.accounts.show(ADMIN) == AccountSettings("Europe/Vienna", 7)
    world.clock.forward(3601)
    cards = {card.name: card for card in host.cards.load(VIEWER, wait=60)}
    assert (cards["Taste"].text, cards["Taste"].freshness) == ("4.0", Freshness.FRESH)


def test_metrics_get_the_connection_of_their_source(empty: Path | URL) -> None:
    """The migration to several connections of a source keeps leases, values and attempts."""
    engine = make_engine(empty, 2)
    statements = ROWS_0007.read_text(encoding="utf-8").replace("NOON", "'2026-04-01 12:00:00'")
    with engine.execution_options(writes=True).begin() as db:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = db
        command.upgrade(config, "0007")
        for statement in statements.split(";\n"):
            if statement:
                db.exec_driver_sql(statement)
    engine.dispose()
    store = Store(empty)
    with store.writing() as db:
        found = db.exec_driver_sql("SELECT id, connection_id, moved_to FROM metrics ORDER BY id")
        assert [tuple(row) for row in found] == [
            ("met_1", "con_1", ""),
            ("met_2", "con_none", ""),
            ("met_3", "con_2", ""),
        ]
        for table, rows in {"leases": 1, "metric_values": 1, "attempts": 1, "history": 1}.items():
            assert db.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == rows  # noqa: S608  # Constants.
        db.exec_driver_sql("UPDATE connections SET account = 'acme', source = 'shop'")
        # The key of the leases still refers to the connections.
        db.exec_driver_sql("DELETE FROM connections WHERE id = 'con_1'")
        assert db.exec_driver_sql("SELECT count(*) FROM leases").scalar() == 0
    store.close()


def test_every_earlier_release_has_a_fixture() -> None:
    """For each migration but the newest there is a store to migrate."""
    versions = {f"{number:04}" for number in range(1, int(newest_version()))}
    assert {path.stem for path in EARLIER} >= {"0001", "0002"} & versions


def test_a_file_that_is_not_a_store_is_refused(tmp_path: Path) -> None:
    """It is not changed."""
    (tmp_path / "store.db").write_bytes(b"This is a letter to my aunt, no database. " * 50)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "store.db")


@pytest.mark.parametrize(
    "given",
    ["", "store.db", "mysql://root:hunter2@db/x", "postgresql://u:hunter2@db", "http://[hunter2"],
)
def test_an_invalid_database_url_is_refused(tmp_path: Path, given: str) -> None:
    """The message says how to write it, and shows no password."""
    with pytest.raises(InputError) as refused:
        parse_database_url(given)
    assert "postgresql://user:password@host" in refused.value.remedy
    assert "hunter2" not in repr(refused.value)


def test_an_unreachable_server_is_reported(tmp_path: Path) -> None:
    """The message names neither the server nor a password; the settings show none either."""
    settings = Settings.from_environment(
        tmp_path,
        {"SMAPLY_METRICS_DATABASE_URL": f"postgresql://u:hunter2@/metrics?host={tmp_path}"},
        account="acme",
    )
    with pytest.raises(StoreUnavailable, match=r"stopped, restarting or unreachable") as refused:
        MetricsHost(settings)
    assert str(tmp_path) not in refused.value.message
    assert "SMAPLY_METRICS_DATABASE_URL" in refused.value.remedy
    assert "hunter2" not in repr(refused.value) + repr(settings)


def test_a_failed_write_is_rolled_back(store: Store) -> None:
    """A transaction is committed completely or not at all."""

    def half() -> None:
        with store.writing() as db:
            write_account(db, "acme", AccountSettings("Europe/Vienna", 7))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with store.reading() as db:
        assert read_account(db, "acme") == AccountSettings()


def test_reading_uses_one_snapshot(store: Store) -> None:
    """Changes that others make while a block reads are not visible in it."""
    with store.reading() as db:
        assert read_account(db, "acme") == AccountSettings()
        with store.writing() as other:
            write_account(other, "acme", AccountSettings("Europe/Vienna", 7))
        assert read_account(db, "acme") == AccountSettings()
    with store.reading() as db:
        assert read_account(db, "acme") == AccountSettings("Europe/Vienna", 7)


def test_a_time_without_a_zone_is_never_stored(store: Store) -> None:
    """A naive time is ambiguous, so it is refused."""
    with store.writing() as db, pytest.raises(StatementError, match="needs a time zone"):
        db.execute(connections.update().values(checked_at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_every_table_belongs_to_an_account() -> None:
    """No table has rows without an account, except for the consumers of the host app."""
    for table in set(metadata.sorted_tables) - {event_consumers}:
        owner = table.c.id if table is accounts else table.c.account
        assert not owner.nullable, table.name
