"""Opens the database of credentials for one call of a hook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smaply_metrics_core import Address, InputError, SourceContext, Unreachable
from smaply_metrics_sql.credentials import MARIADB, POSTGRESQL, SqlCredentials
from smaply_metrics_sql.databases.database import SqlDatabase


@contextmanager
def opened(credentials: SqlCredentials, context: SourceContext) -> Iterator[SqlDatabase]:
    """Open the database, and close it when the block ends.

    Raises:
        MetricsError: when it cannot be opened.
    """
    database = _open(credentials, context)
    try:
        yield database
    finally:
        database.close()


def reach(credentials: SqlCredentials, context: SourceContext) -> None:
    """Check that the server answers, or that the file exists, without signing in.

    Raises:
        MetricsError: when it cannot be reached.
    """
    address = credentials.location.address
    if address is None:
        _path(credentials, context)
    elif credentials.location.engine == MARIADB:
        _require("pymysql", MARIADB)
        from smaply_metrics_sql.databases import mariadb

        mariadb.ping(address, context.ca_file(address), context.deadline.remaining())
    else:
        _require("psycopg", POSTGRESQL)
        from smaply_metrics_sql.databases import postgresql

        postgresql.ping(address)


def _open(credentials: SqlCredentials, context: SourceContext) -> SqlDatabase:
    location = credentials.location
    if location.address is not None:
        return _open_server(credentials, location.address, context)
    path = _path(credentials, context)
    if location.engine == "sqlite":
        from smaply_metrics_sql.databases.sqlite import SqliteDatabase

        return SqliteDatabase(path, context.deadline)
    _require("duckdb", "duckdb")
    from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase

    return DuckdbDatabase(path, context.folder, context.deadline)


def _open_server(
    credentials: SqlCredentials, address: Address, context: SourceContext
) -> SqlDatabase:
    ca_file, deadline = context.ca_file(address), context.deadline
    if credentials.location.engine == MARIADB:
        _require("pymysql", MARIADB)
        from smaply_metrics_sql.databases.mariadb import MariadbDatabase

        return MariadbDatabase(address, credentials.user, credentials.password, ca_file, deadline)
    _require("psycopg", POSTGRESQL)
    from smaply_metrics_sql.databases.postgresql import PostgresqlDatabase

    return PostgresqlDatabase(address, credentials.user, credentials.password, ca_file, deadline)


def _path(credentials: SqlCredentials, context: SourceContext) -> Path:
    """Return the file or folder, below the folder that the core has allowed and resolved.

    Raises:
        Unreachable: when there is none; a link out of the folder is none.
    """
    folder = next(place.folder for place in context.destinations if place.folder)
    location = credentials.location
    assert location.path is not None  # noqa: S101  # Not a server.
    path = folder if location.engine == "parquet" else (folder / location.path.name).resolve()
    exists = path.is_dir() if location.engine == "parquet" else path.is_file()
    if not exists or not path.is_relative_to(folder):
        raise Unreachable(
            f"There is no {'folder' if location.engine == 'parquet' else 'file'} "
            f"“{location.path.name}” in the allowed folder.",
            remedy="Check the name, and that the file is there.",
        )
    return path


def _require(module: str, extra: str) -> None:
    """Raise an error that names the extra if a driver is not installed."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise InputError(
            f"The driver for this database is not installed: {module}.",
            remedy=f"The operator installs smaply-metrics-sql[{extra}].",
        )
