"""Private servers of PostgreSQL and MariaDB that require passwords."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, NoReturn

import psycopg
import pymysql
import pytest

from plugins.sql.tests import mariadb_server
from tests.ports import free_port
from tests.postgresql_server import WHY_NOT, PrivatePostgres, find_programs, running_postgres

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


def _give_up(why: str) -> NoReturn:
    """Skip a test whose server is not installed; under CI, this is an error."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The server, on a free port of 127.0.0.1."""
    programs = find_programs()
    if programs is None:
        _give_up(WHY_NOT)
    with running_postgres(programs, port=free_port()) as server:
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


@pytest.fixture(scope="session")
def mariadb() -> Iterator[mariadb_server.PrivateMariadb]:
    """The server, on a free port of 127.0.0.1."""
    programs = mariadb_server.find_programs()
    if programs is None:
        _give_up(mariadb_server.WHY_NOT)
    with mariadb_server.running_mariadb(programs) as server:
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
