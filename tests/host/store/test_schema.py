"""A store in a schema of a database that another application uses as well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.host import AllowedDestinations, MetricsHost, Settings
from smaply_metrics_core.host.refresh.procrastinate_queue import ProcrastinateExecutor
from smaply_metrics_core.host.refresh.queue_state import read_queue
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.engine import parse_database_url
from smaply_metrics_core.host.store.queued_jobs import SCHEMA, queue_schema
from smaply_metrics_core.host.store.tables import metadata

if TYPE_CHECKING:
    from tests.postgresql_server import PrivatePostgres

FOREIGN = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('3f1c2d9ab0e4')",
    "CREATE TABLE accounts (name text)",
    "INSERT INTO accounts VALUES ('of the application')",
)


@pytest.fixture
def url(postgres: PrivatePostgres) -> str:
    """The database of another application, which uses Alembic and has a table of the same name."""
    url = postgres.url(postgres.make_database())
    with psycopg.connect(url) as db:
        for statement in FOREIGN:
            db.execute(statement.encode())
    return url


def tables(url: str) -> set[tuple[str, str]]:
    """Return the schemas and names of all tables."""
    with psycopg.connect(url) as db:
        found = db.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {(str(schema), str(name)) for schema, name in found.fetchall()}


def test_two_stores_share_the_database_of_an_application(url: str) -> None:
    """Each has its tables and its queue; those of the application stay as they are."""
    where, before = parse_database_url(url), tables(url)
    # Neither queue is that of a store without a schema.
    for schema in ("smaply_metrics", "two"):
        store = Store(where, 2, schema)
        assert store.upgraded.before is None
        ProcrastinateExecutor(store).close()
        store.close()
        again = Store(where, 2, schema)
        assert again.upgraded.before == again.upgraded.after
        assert queue_schema(again) == f"{schema}_queue"
        assert read_queue(again).waiting == 0
        again.close()
    found = tables(url)
    for schema in ("smaply_metrics", "two"):
        of_store = {name for where, name in found if where == schema}
        assert of_store == {*metadata.tables, "alembic_version"}
        assert (f"{schema}_queue", "procrastinate_jobs") in found
    assert not any(where == SCHEMA for where, _ in found)
    assert {each for each in found if each[0] == "public"} == before
    with psycopg.connect(url) as db:
        assert db.execute("SELECT name FROM accounts").fetchall() == [("of the application",)]


@pytest.mark.parametrize("dropped", ["alembic_version", "accounts"])
def test_tables_of_another_application_are_not_touched(url: str, dropped: str) -> None:
    """Without a schema, the message names the setting."""
    with psycopg.connect(url) as db:
        db.execute(f"DROP TABLE {dropped}".encode())
    before = tables(url)
    with pytest.raises(StoreError, match="tables of another application") as refused:
        Store(parse_database_url(url))
    assert "SMAPLY_METRICS_DATABASE_SCHEMA" in refused.value.remedy
    assert tables(url) == before


def test_a_schema_that_exists_needs_no_privilege_to_create_one(url: str) -> None:
    """An operator may create it for a user who may create nothing else in the database."""
    with psycopg.connect(url) as db:
        db.execute("DROP ROLE IF EXISTS limited")
        db.execute("CREATE ROLE limited LOGIN")
        db.execute("CREATE SCHEMA prepared AUTHORIZATION limited")
    where = parse_database_url(url).set(username="limited")
    store = Store(where, 2, "prepared")
    store.close()
    with pytest.raises(StoreError):
        Store(where, 2, "not_prepared")


def test_a_schema_needs_postgresql(tmp_path: Path) -> None:
    """With SQLite, the setting would have no effect."""
    settings = Settings(home=tmp_path, allowed=AllowedDestinations(), database_schema="metrics")
    with pytest.raises(InputError, match="SQLite has no schemas"):
        MetricsHost(settings)


@pytest.mark.parametrize("name", ["", "Metrics", 'm"; DROP', "a" * 49, "1st", "a b", "a,public"])
def test_the_name_of_a_schema_is_checked(tmp_path: Path, name: str) -> None:
    """It is a part of statements."""
    with pytest.raises(InputError, match="not a valid SMAPLY_METRICS_DATABASE_SCHEMA"):
        Settings(
            home=tmp_path,
            allowed=AllowedDestinations(),
            database_url=SecretStr("postgresql://db/x"),
            database_schema=name,
        )
