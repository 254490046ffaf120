"""A private PostgreSQL server that requires passwords."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import psycopg
import pytest

from tests.postgresql_server import WHY_NOT, PrivatePostgres, find_programs, running_postgres

READER: Final = "reader"
READER_PASSWORD: Final = "reader-secret-made-up"


class ReaderDatabase(NamedTuple):
    """A database whose user ``reader`` may read all tables of the schema ``public``."""

    name: str
    port: int
    owner: psycopg.Connection


@pytest.fixture(scope="session")
def postgres() -> Iterator[PrivatePostgres]:
    """The server, on a free port of 127.0.0.1."""
    programs = find_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(WHY_NOT)
        pytest.skip(WHY_NOT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with running_postgres(programs, port=port) as server:
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
