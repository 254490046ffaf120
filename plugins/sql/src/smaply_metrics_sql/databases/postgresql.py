"""PostgreSQL, with psycopg."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import SecretStr
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    text,
)
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Compiled, Dialect

from smaply_metrics_core import Address, Deadline, MetricsError, SourceUnavailable, Unreachable
from smaply_metrics_sql.counting.time_pieces import is_known
from smaply_metrics_sql.databases.database import (
    MOST_TABLES,
    NUMBERS,
    CatalogColumn,
    CatalogTable,
    ColumnType,
    Cursor,
    Epoch,
    SqlDatabase,
    TimePiece,
    gone,
    no_database,
    no_permission,
    no_times,
    other_type,
    refused,
    timed_out,
    unreachable,
)
from smaply_metrics_sql.databases.encryption import no_tls, not_trusted, other_host, requires_tls

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS: Final = 10
_TYPES: Final = {
    "bigint": ColumnType.INTEGER,
    "integer": ColumnType.INTEGER,
    "smallint": ColumnType.INTEGER,
    "numeric": ColumnType.DECIMAL,
    "double precision": ColumnType.FLOAT,
    "real": ColumnType.FLOAT,
    "boolean": ColumnType.BOOLEAN,
    "text": ColumnType.TEXT,
    "character varying": ColumnType.TEXT,
    "character": ColumnType.TEXT,
    "USER-DEFINED": ColumnType.OTHER,
    "timestamp with time zone": ColumnType.INSTANT,
    "timestamp without time zone": ColumnType.TIMESTAMP,
    "date": ColumnType.DATE,
    "ARRAY": ColumnType.ARRAY,
}
_COLUMNS: Final = """
SELECT n.nspname, c.relname, a.attname, i.data_type,
  coalesce(col_description(c.oid, a.attnum), ''), coalesce(obj_description(c.oid, 'pg_class'), '')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN information_schema.columns i ON i.table_schema = n.nspname AND i.table_name = c.relname
  AND i.column_name = a.attname
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_%' AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY n.nspname, c.relname, a.attnum
LIMIT :most
"""
_WRITES: Final = """
SELECT EXISTS (
  SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
) OR has_database_privilege(current_database(), 'CREATE')
"""
_PUBLIC: Final = "public"
_NO_DATABASE: Final = re.compile(r'FATAL: +database ".*" does not exist')


def ping(address: Address) -> None:
    """Check that a server answers, without signing in.

    Raises:
        Unreachable: when it does not.
    """
    from psycopg import pq
    from psycopg.conninfo import make_conninfo

    found = make_conninfo(host=address.host, port=address.port, connect_timeout=_CONNECT_SECONDS)
    if pq.PGconn.ping(found.encode()) != pq.Ping.OK:
        raise unreachable()


class PostgresqlDatabase(SqlDatabase):
    """A database of a PostgreSQL server, in transactions that only read.

    Args:
        address: The server and the database.
        user: The name of the user.
        password: Its password.
        ca_file: The file with the only certificate authorities that are trusted; ``None`` for those
            of the machine.
        deadline: The deadline of the call, also for statements on the server.

    Raises:
        Unreachable: when the server does not answer.
        CredentialRefused: when it does not accept the user and password.
    """

    merges_subqueries: ClassVar[bool] = True

    def __init__(
        self,
        address: Address,
        user: str,
        password: SecretStr,
        ca_file: Path | None,
        deadline: Deadline,
    ) -> None:
        import psycopg

        super().__init__(deadline)
        self.dialect: Dialect = PGDialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's.
        milliseconds = max(1, int(deadline.remaining() * 1000))
        self._connection: psycopg.Connection[tuple[Any, ...]] = self._guarded(
            lambda: psycopg.connect(
                host=address.host,
                port=address.port,
                dbname=address.path.strip("/"),
                user=user,
                password=password.get_secret_value(),
                connect_timeout=_CONNECT_SECONDS,
                application_name="smaply-metrics",
                autocommit=True,
                options=f"-c default_transaction_read_only=on -c statement_timeout={milliseconds} "
                "-c cursor_tuple_fraction=1",  # All rows of a cursor are read.
                **_encryption(address, ca_file),
            )
        )

    def tables(self) -> tuple[CatalogTable, ...]:
        """Return the tables and views with columns that the user may read."""
        found: dict[tuple[str, str], list[CatalogColumn]] = {}
        comments: dict[tuple[str, str], str] = {}
        statement = text(_COLUMNS).bindparams(most=MOST_TABLES * 100)
        for schema, table, column, kind, comment, about in self.rows(statement):
            key = (str(schema), str(table))
            comments[key] = str(about)
            type_ = _TYPES.get(str(kind), ColumnType.OTHER)
            found.setdefault(key, []).append(CatalogColumn(str(column), type_, str(comment)))
        return tuple(
            CatalogTable(
                "" if schema == _PUBLIC else schema, table, tuple(columns), comments[schema, table]
            )
            for (schema, table), columns in [*found.items()][:MOST_TABLES]
        )

    def can_write(self) -> bool:
        """Whether the user may change a table or create objects."""
        return bool(self.rows(text(_WRITES))[0][0])

    def epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a timestamp, a date or a number of seconds."""
        if kind is ColumnType.INTEGER:
            return Epoch(cast(column, BigInteger), is_local=False)
        if kind in {ColumnType.DECIMAL, ColumnType.FLOAT}:
            return Epoch(cast(func.floor(column), BigInteger), is_local=False)
        if kind not in {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE}:
            raise no_times(kind)
        seconds = func.date_part("epoch", column)
        # Times that are infinite have no seconds.
        finite = case((func.isfinite(column), cast(func.floor(seconds), BigInteger)))
        return Epoch(finite, is_local=kind is not ColumnType.INSTANT)

    def fractional_epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds as PostgreSQL has them, without further functions for each row."""
        if kind not in {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE}:
            return self.epoch(column, kind)
        seconds = func.date_part("epoch", column, type_=Double)
        return Epoch(seconds, is_local=kind is not ColumnType.INSTANT)

    def piece(self, seconds: ColumnElement[Any], limits: Sequence[int]) -> TimePiece:
        """Return the piece by PostgreSQL's own search in an array."""
        wanted = cast(literal([float(one) for one in limits], ARRAY(Double)), ARRAY(Double))
        found = func.width_bucket(cast(seconds, Double), wanted)
        return TimePiece(case((is_known(seconds), found), else_=null()))

    def contains(self, array: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """Return whether an element of an array is equal to a text."""
        return literal(value, Text) == func.any(cast(array, ARRAY(Text)))

    def elements(self, array: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the elements of an array."""
        return func.unnest(array)

    def position(self, text: ColumnElement[Any], part: str) -> ColumnElement[int]:
        """Return the position of a text."""
        return func.strpos(text, literal(part, Text))

    def is_number(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[bool] | None:
        """Return whether a number is finite."""
        if kind not in NUMBERS:
            return None
        if kind is ColumnType.INTEGER:
            return column.is_not(None)
        limit = literal(1.7976931348623157e308)
        return and_(column.is_not(None), column >= -limit, column <= limit)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def _cursor(self, compiled: Compiled) -> Iterator[Cursor]:
        # Only without a cursor on the server does PostgreSQL use several processes.
        with self._connection.cursor() as cursor:
            cursor.execute(str(compiled).encode(), compiled.params)
            yield cursor

    @contextmanager
    def _streaming_cursor(self, compiled: Compiled) -> Iterator[Cursor]:
        # A cursor on the server, which sends its rows in blocks, needs a transaction.
        with self._connection.transaction(), self._connection.cursor("smaply_metrics") as cursor:
            cursor.execute(str(compiled).encode(), compiled.params)
            yield cursor

    def _interrupt(self) -> None:
        self._connection.cancel_safe(timeout=_CONNECT_SECONDS)

    def _error(self, error: Exception) -> MetricsError | None:
        import psycopg
        from psycopg import errors

        if not isinstance(error, psycopg.Error):
            return None
        found: MetricsError = SourceUnavailable("The database reported an error.")
        match error:
            case errors.QueryCanceled():
                found = timed_out()
            case errors.InsufficientPrivilege():
                found = no_permission()
            case errors.UndefinedTable() | errors.UndefinedColumn() | errors.InvalidSchemaName():
                found = gone()
            case psycopg.DataError() | errors.DatatypeMismatch() | errors.UndefinedFunction():
                found = other_type()
            case psycopg.OperationalError() if _NO_DATABASE.search(str(error)):
                found = no_database()
            case psycopg.OperationalError() if _is_refused(error):
                found = refused()
            case psycopg.OperationalError():
                found = _not_connected(str(error))
        return found


def _is_refused(error: Exception) -> bool:
    """Whether the server rejected the user; while connecting, psycopg has only its text."""
    state = getattr(error, "sqlstate", None)
    texts = ("password authentication failed", "no password supplied", "does not exist")
    return state in {"28P01", "28000"} or (
        state is None and "FATAL" in str(error) and any(one in str(error) for one in texts)
    )


def _not_connected(reason: str) -> Unreachable:
    """Return the error for a connection that libpq, which has only texts, could not open."""
    # The second is for another authority with the name of the right one.
    if "certificate verify failed" in reason or "signature failure" in reason:
        return not_trusted()
    if "does not match host name" in reason:
        return other_host()
    return no_tls() if "does not support SSL" in reason else unreachable()


def _encryption(address: Address, ca_file: Path | None) -> dict[str, Any]:
    """Return the parameters of libpq for TLS: verified, but for a loopback address."""
    if requires_tls(address):
        return {"sslmode": "verify-full", "sslrootcert": str(ca_file or "system")}
    return {"sslmode": "prefer"}
