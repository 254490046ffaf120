"""Private servers of PostgreSQL and MariaDB that require passwords."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
import pymysql
import pytest

from plugins.sql.tests import mariadb_server
from smaply_metrics_core.context import Deadline
from smaply_metrics_sql.databases.sqlite import SqliteDatabase
from tests.ports import free_port
from tests.postgresql_server import PrivatePostgres, running_postgres
from tests.required_programs import require_postgres, skip_or_fail

READER: Final = mariadb_server.READER
READER_PASSWORD: Final = mariadb_server.READER_PASSWORD
ON_MARIADB: Final = [
    pytest.mark.deep(reason="starts a server of MariaDB"),
    pytest.mark.xdist_group("sql_mariadb"),
]
"""The marks of a test that requires the server."""


class ReaderDatabase(NamedTuple):
    """A database whose user ``reader`` may read all tables of the schema ``public``."""

    name: str
    port: int
    owner: psycopg.Connection


class MariadbReaderDatabase(NamedTuple):
    """A database of MariaDB that the user ``reader`` may read."""

    name: str
    port: int
    owner: pymysql.Connection[Any]

    def run(self, *statements: str) -> None:
        """Run statements of the owner."""
        with self.owner.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture(autouse=True)
def closed_databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the SQLite databases that a test opened: Python 3.13 warns of those left open."""
    opened: list[SqliteDatabase] = []
    begin = SqliteDatabase.__init__

    def note(self: SqliteDatabase, path: Path | None, deadline: Deadline) -> None:
        begin(self, path, deadline)
        opened.append(self)

    monkeypatch.setattr(SqliteDatabase, "__init__", note)
    yield
    for database in opened:
        database.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The server, on a free port of 127.0.0.1."""
    with running_postgres(require_postgres(), port=free_port()) as server:
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{READER_PASSWORD}'")
        yield server


@pytest.fixture
def reader_database(postgres: PrivatePostgres) -> Iterator[Callable[..., ReaderDatabase]]:
    """Return a function that makes a database after some statements of its owner."""
    owners: list[psycopg.Connection] = []

    def make(*statements: str) -> ReaderDatabase:
        name = postgres.make_database()
        owner = psycopg.connect(postgres.url(name), autocommit=True)
        owners.append(owner)
        owner.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            owner.execute(statement)
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER}")
        assert postgres.port is not None
        return ReaderDatabase(name, postgres.port, owner)

    yield make
    for owner in owners:
        owner.close()


def require_mariadb() -> tuple[Path, Path]:
    """Return MariaDB's programs that create and run a server."""
    return mariadb_server.find_programs() or skip_or_fail(mariadb_server.WHY_NOT)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[mariadb_server.PrivateMariadb]:
    """The server, on a free port of 127.0.0.1."""
    with mariadb_server.running_mariadb(require_mariadb()) as server:
        yield server


@pytest.fixture
def mariadb_database(
    mariadb: mariadb_server.PrivateMariadb,
) -> Iterator[Callable[..., MariadbReaderDatabase]]:
    """Return a function that makes a database after some statements of its owner."""
    owners: list[pymysql.Connection[Any]] = []

    def make(*statements: str) -> MariadbReaderDatabase:
        name = mariadb.make_database()
        owners.append(mariadb.connect(name))
        made = MariadbReaderDatabase(name, mariadb.port, owners[-1])
        made.run(*statements)
        return made

    yield make
    for owner in owners:
        owner.close()
