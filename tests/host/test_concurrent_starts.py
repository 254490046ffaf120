"""Processes that start at the same time: one of them creates or upgrades the tables, all work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from procrastinate.schema import SchemaManager

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host.refresh.procrastinate_queue import prepare_queue
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.engine import make_engine, parse_database_url
from smaply_metrics_core.host.store.migrations.runner import (
    _LOCK,
    MIGRATIONS,
    newest_version,
    version_of,
)
from smaply_metrics_core.host.store.queued_jobs import SCHEMA
from tests.host.child_processes import until
from tests.host.concurrent_starts import (
    WORKS,
    open_a_host,
    open_a_store,
    run_a_worker,
    upgrade_by_command,
)
from tests.host.conftest import KEY
from tests.processes import Children

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

    from tests.postgresql_server import PrivatePostgres

PREVIOUS = str(ScriptDirectory(str(MIGRATIONS)).get_revision("head").down_revision)
STARTS = (open_a_host, run_a_worker, upgrade_by_command) * 2


@pytest.fixture
def children() -> Iterator[Children]:
    """Starts processes."""
    with Children() as children:
        yield children


@pytest.fixture
def url(postgres: PrivatePostgres) -> str:
    """An empty database."""
    return postgres.url(postgres.make_database())


def told(folder: Path, url: str | None) -> dict[str, Any]:
    """Return what a process has to know to open a host."""
    return {
        "home": str(folder / "home"),
        "key": KEY,
        "database": url,
        "log": str(folder / "log"),
        "hold": str(folder / "hold"),
        "lease": 4.0,
        "refresher": "procrastinate" if url else "threads",
    }


def migrate_to(where: Path | URL, version: str) -> None:
    """Create the tables of a version of the store."""
    engine = make_engine(where, 1)
    with engine.execution_options(writes=True).begin() as db:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = db
        command.upgrade(config, version)
    engine.dispose()


def create_earlier_queue(url: str, release: str) -> None:
    """Create the tables of the queue as an earlier release of Procrastinate left them."""
    folder = Path(SchemaManager.get_migrations_path())
    names = sorted(path.name for path in folder.glob("*.sql") if path.name < release)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}")
        for name in names:
            db.execute((folder / name).read_bytes())
        db.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{names[-1]}'")


def queue_version(url: str) -> str | None:
    """Return the newest migration of the tables of the queue."""
    with psycopg.connect(url) as db:
        found = db.execute(f"SELECT obj_description('{SCHEMA}'::regnamespace, 'pg_namespace')")
        row = found.fetchone()
        return None if row is None else row[0]


@pytest.mark.parametrize(
    ("before", "isolation"),
    [
        ("nothing", "read committed"),
        ("previous", "serializable"),
        ("03.00.00", "serializable"),
        ("03.04.00", "read committed"),
        *(
            pytest.param(*case, marks=pytest.mark.deep(reason="1 s: six processes that start"))
            for case in (
                ("nothing", "serializable"),
                ("previous", "read committed"),
                ("no queue", "read committed"),
                ("no queue", "serializable"),
                ("03.00.00", "read committed"),
                ("03.04.00", "serializable"),
            )
        ),
    ],
)
def test_processes_that_start_together_wait_for_one_of_them(
    before: str, isolation: str, url: str, tmp_path: Path, children: Children
) -> None:
    """Hosts, workers and commands all start, whatever tables and defaults the database has.

    The test holds the lock until every process waits for it, so that all but one find the work of
    another process done when their turn comes.
    """
    where = parse_database_url(url)
    expected = sorted(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    if before == "previous":
        migrate_to(where, PREVIOUS)
    elif before != "nothing":
        Store(where).close()
    if before.startswith("0"):
        create_earlier_queue(url, before)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(
            f"ALTER DATABASE {db.info.dbname} SET default_transaction_isolation = '{isolation}'"
        )
        db.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        started = [children.start(function, told(tmp_path, url)) for function in STARTS]

        def all_wait() -> bool:
            ended = [child.wait() for child in started if not child.process.is_alive()]
            assert not ended
            found = db.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event = 'advisory'"
            ).fetchone()
            return found == (len(STARTS),)

        until(all_wait)
        db.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
        assert [child.wait() for child in started] == [""] * len(STARTS)
    assert queue_version(url) == expected[-1]
    assert version_now(where) == newest_version()


@pytest.mark.parametrize("before", [None, PREVIOUS])
def test_processes_on_one_file_wait_for_one_of_them(
    before: str | None, tmp_path: Path, children: Children
) -> None:
    """In SQLite too, whether the file does not exist or is of the previous version."""
    home = tmp_path / "home"
    if before:
        migrate_to(home / "store.db", before)
    starts = (open_a_host, upgrade_by_command) * 3
    started = [children.start(function, told(tmp_path, None)) for function in starts]
    assert [child.wait() for child in started] == [""] * len(starts)
    assert version_now(home / "store.db") == newest_version()


def test_processes_that_open_a_store_at_the_same_moment(tmp_path: Path, children: Children) -> None:
    """Processes that are released together collide as much as they can, and all can read."""
    started = [children.start(open_a_store, tmp_path / "store.db") for _ in range(8)]
    for child in started:
        child.pipe.send("go")
    assert [child.wait() for child in started] == [""] * len(started)
    assert {child.receive() for child in started} == {WORKS}


def version_now(where: Path | URL) -> str | None:
    """Return the version of a store without opening it."""
    engine = make_engine(where, 1)
    try:
        with engine.connect() as db:
            return version_of(db)
    finally:
        engine.dispose()


def test_a_schema_that_the_operator_created_is_used(url: str) -> None:
    """A user who may not create schemas gets an empty one; the tables are created in it."""
    store = Store(parse_database_url(url))
    with psycopg.connect(url) as db:
        db.execute(f"CREATE SCHEMA {SCHEMA}")
    prepare_queue(store)
    assert queue_version(url)
    store.close()


def test_a_queue_of_a_newer_release_is_refused(url: str) -> None:
    """An old process names both migrations, and what to install."""
    store = Store(parse_database_url(url))
    prepare_queue(store)
    with psycopg.connect(url) as db:
        db.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '99.00.00_50_post_later.sql'")
    with pytest.raises(StoreError, match=r"99\.00\.00_50_post_later\.sql") as refused:
        prepare_queue(store)
    assert "procrastinate" in refused.value.remedy
    store.close()
