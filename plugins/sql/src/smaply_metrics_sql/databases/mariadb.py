"""MariaDB, with PyMySQL."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr
from sqlalchemy import BigInteger, ColumnElement, Text, cast, func, literal, text
from sqlalchemy.dialects.mysql import CHAR
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.engine import Compiled, Dialect

from smaply_metrics_core import (
    AccessMissing,
    Address,
    Deadline,
    MetricsError,
    SourceUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_sql.databases.database import (
    MOST_TABLES,
    NUMBERS,
    CatalogColumn,
    CatalogTable,
    ColumnType,
    Cursor,
    Epoch,
    SqlDatabase,
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
    from pymysql.connections import Connection
    from pymysql.cursors import Cursor as DriverCursor

_CONNECT_SECONDS: Final = 10
_PROGRAM: Final = "smaply-metrics"
_TYPES: Final = {
    **dict.fromkeys(
        ("tinyint", "smallint", "mediumint", "int", "bigint", "year"), ColumnType.INTEGER
    ),
    "decimal": ColumnType.DECIMAL,
    **dict.fromkeys(("float", "double"), ColumnType.FLOAT),
    **dict.fromkeys(
        ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"),
        ColumnType.TEXT,
    ),
    "timestamp": ColumnType.INSTANT,
    "datetime": ColumnType.TIMESTAMP,
    "date": ColumnType.DATE,
}
_EXACT: Final = "utf8mb4_nopad_bin"
"""The collation in which texts are equal only if all characters are, trailing spaces included."""
_EPOCH: Final = 62_167_219_200
"""1970 in seconds since the year 0, from which ``TO_SECONDS`` counts."""
_COLUMNS: Final = """
SELECT CASE c.table_schema WHEN database() THEN '' ELSE c.table_schema END, c.table_name,
  c.column_name, c.data_type, c.column_comment,
  CASE t.table_type WHEN 'VIEW' THEN '' ELSE t.table_comment END
FROM information_schema.columns c
JOIN information_schema.tables t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')
  AND find_in_set('select', c.privileges)
ORDER BY 1, c.table_name, c.ordinal_position
LIMIT :most
"""
_ROLES: Final = "SELECT role_name FROM information_schema.applicable_roles"
_GRANT: Final = re.compile(r"GRANT (?P<privileges>.+?) ON ", re.DOTALL)
_NAMES: Final = re.compile(r"`(?:[^`]|``)*`")
_COLUMNS_OF_GRANT: Final = re.compile(r"\([^)]*\)")
_WRITES: Final = frozenset(
    {
        *("ALL PRIVILEGES", "INSERT", "UPDATE", "DELETE", "DELETE HISTORY", "CREATE", "DROP"),
        *("ALTER", "INDEX", "TRIGGER", "EVENT", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE"),
        *("FILE", "SUPER", "CREATE USER"),
    }
)
"""The privileges with which a user can change data or create objects."""

_OTHER_HOST: Final = frozenset({62, 64})
"""OpenSSL's numbers for a certificate of another host name or IP address."""


def ping(address: Address, ca_file: Path | None, seconds: float) -> None:
    """Check that a server answers, without signing in.

    Args:
        address: The server.
        ca_file: The file with the only certificate authorities that are trusted; ``None`` for those
            of the machine.
        seconds: How long to wait for it.

    Raises:
        Unreachable: when it does not answer, or its certificate is not valid.
    """
    import pymysql

    found: MetricsError | None = None
    try:
        # No password, and not the name of the process's user, which PyMySQL sends if there is none.
        _connect(address, _PROGRAM, "", ca_file, seconds).close()
    except pymysql.MySQLError as error:
        # That it refuses this user is the answer.
        if _number(error) not in _ANSWERS:
            found = _mapped(error)
    if found is not None:
        raise found


class MariadbDatabase(SqlDatabase):
    """A database of a MariaDB server, in transactions that only read.

    Args:
        address: The server and the database.
        user: The name of the user.
        password: Its password.
        ca_file: The file with the only certificate authorities that are trusted; ``None`` for those
            of the machine.
        deadline: The deadline of the call, also for statements on the server.

    Raises:
        Unreachable: when the server does not answer, or its certificate is not valid.
        CredentialRefused: when it does not accept the user and password.
        SourceUnavailable: when it is not MariaDB.
    """

    def __init__(
        self,
        address: Address,
        user: str,
        password: SecretStr,
        ca_file: Path | None,
        deadline: Deadline,
    ) -> None:
        super().__init__(deadline)
        self.dialect: Dialect = MySQLDialect_pymysql(paramstyle="pyformat")

        def connect(seconds: float) -> Connection[DriverCursor]:
            return _connect(address, user, password.get_secret_value(), ca_file, seconds)

        self._connect_again = connect
        self._connection = self._guarded(lambda: connect(deadline.remaining()))
        self._thread = int(self._connection.thread_id())  # type: ignore[no-untyped-call]  # PyMySQL's.
        try:
            self._guarded(self._limit)
        except MetricsError:
            self.close()
            raise

    def _limit(self) -> None:
        """Make sure that statements only read, end at the deadline, and see times in UTC.

        The zone is an offset, which a server knows without tables of time zones.
        """
        if "MariaDB" not in self._connection.get_server_info():  # type: ignore[no-untyped-call]  # PyMySQL's.
            raise SourceUnavailable(
                "The server is MySQL, which is not supported.",
                remedy="Use a MariaDB server, or export the responses to another database.",
            )
        seconds = max(self._deadline.remaining(), 0.001)
        with self._connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")
            # A mode of the server could change what operators mean.
            cursor.execute(
                "SET SESSION time_zone = '+00:00', sql_mode = '', max_statement_time = %s",
                (seconds,),
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
            CatalogTable(*key, tuple(columns), comments[key])
            for key, columns in [*found.items()][:MOST_TABLES]
        )

    def can_write(self) -> bool:
        """Whether the user may change a table or create objects, also with one of its roles."""
        return self._guarded(lambda: any(privileges_of(one) & _WRITES for one in [*self._grants()]))

    def _grants(self) -> Iterator[str]:
        """Yield what the user, and each role that it could activate, is granted."""
        with self._connection.cursor() as cursor:

            def run(statement: str) -> list[Any]:
                cursor.execute(statement)
                return [value for (value,) in cursor.fetchall()]

            (active,) = run("SELECT current_role()")
            yield from run("SHOW GRANTS")
            for role in run(_ROLES):
                cursor.execute(f"SET ROLE {_quoted(role)}")
                yield from run("SHOW GRANTS")
            cursor.execute(f"SET ROLE {'NONE' if active is None else _quoted(active)}")

    def exact(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[Any]:
        """Return texts in a collation that tells all of them apart.

        Otherwise “Web” and “web ” would be one answer.
        """
        if kind is not ColumnType.TEXT:
            return column
        return cast(column, CHAR(charset="utf8mb4")).collate(_EXACT)

    def epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a timestamp, a date or a number of seconds."""
        if kind is ColumnType.INTEGER:
            return Epoch(cast(column, BigInteger), is_local=False)
        if kind in {ColumnType.DECIMAL, ColumnType.FLOAT}:
            return Epoch(cast(func.floor(column), BigInteger), is_local=False)
        if kind not in {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE}:
            raise no_times(kind)
        seconds = func.to_seconds(column, type_=BigInteger) - literal(_EPOCH, BigInteger)
        return Epoch(seconds, is_local=kind is not ColumnType.INSTANT)

    def contains(self, array: ColumnElement[Any], value: str) -> ColumnElement[bool]:  # noqa: ARG002  # There are none.
        """Raise: MariaDB has no arrays."""
        raise _no_arrays()

    def elements(self, array: ColumnElement[Any]) -> ColumnElement[Any]:  # noqa: ARG002  # As above.
        """Raise: MariaDB has no arrays."""
        raise _no_arrays()

    def position(self, text: ColumnElement[Any], part: str) -> ColumnElement[int]:
        """Return the position of a text."""
        return func.locate(literal(part, Text), text)

    def is_number(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[bool] | None:
        """Return whether there is a number; MariaDB stores none that is infinite."""
        return column.is_not(None) if kind in NUMBERS else None

    def close(self) -> None:
        """Close the connection."""
        import pymysql

        with suppress(pymysql.MySQLError):  # The server can have closed it before.
            self._connection.close()

    @contextmanager
    def _cursor(self, compiled: Compiled) -> Iterator[Cursor]:
        from pymysql.cursors import SSCursor

        # An unbuffered cursor, so that rows need not fit into memory.
        with self._connection.cursor(SSCursor) as cursor:
            cursor.execute(str(compiled), compiled.params)
            yield cursor  # type: ignore[misc]  # Its rows are a list.

    def _interrupt(self) -> None:
        import pymysql

        # Tried again while the statement runs; its own timeout applies if the server is gone.
        with suppress(pymysql.MySQLError):
            other = self._connect_again(_CONNECT_SECONDS)
            with other, other.cursor() as cursor:
                cursor.execute("KILL QUERY %s", (self._thread,))

    def _error(self, error: Exception) -> MetricsError | None:
        import pymysql

        return _mapped(error) if isinstance(error, pymysql.MySQLError) else None


def privileges_of(grant: str) -> set[str]:
    """Return the privileges in a line of ``SHOW GRANTS``; none for the membership of a role."""
    found = _GRANT.match(_COLUMNS_OF_GRANT.sub("", _NAMES.sub("", grant)))
    return {one.strip() for one in found["privileges"].split(",")} if found else set()


def _quoted(role: str) -> str:
    return "`" + role.replace("`", "``") + "`"


def _no_arrays() -> SurveyUnavailable:
    return SurveyUnavailable(
        "MariaDB has no arrays.", remedy="Map several answers with a delimiter or a child table."
    )


def _connect(
    address: Address, user: str, password: str, ca_file: Path | None, seconds: float
) -> Connection[DriverCursor]:
    """Connect; reading from the server ends some seconds after its own limit for statements."""
    import pymysql

    return pymysql.connect(
        host=address.host,
        port=address.port,
        database=address.path.strip("/"),
        user=user,
        password=password,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=max(1, min(_CONNECT_SECONDS, int(seconds))),
        read_timeout=max(1, int(seconds)) + _CONNECT_SECONDS,
        program_name=_PROGRAM,
        **_encryption(address, ca_file),
    )


def _encryption(address: Address, ca_file: Path | None) -> dict[str, Any]:
    """Return the parameters for TLS: verified, but for a loopback address."""
    return {"ssl": ssl.create_default_context(cafile=ca_file)} if requires_tls(address) else {}


def _number(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _database_denied() -> AccessMissing:
    return AccessMissing(
        "The server has no database of this name, or the user may not use it.",
        remedy="Correct the address, or grant the user SELECT on its tables.",
    )


_ERRORS: Final[Mapping[int, Callable[[], MetricsError]]] = {
    **dict.fromkeys((0, 1040, 1053, 1129, 1130, 1203, 1226, *range(2_000, 3_000)), unreachable),
    1044: _database_denied,
    1049: no_database,
    **dict.fromkeys((1045, 1698), refused),
    **dict.fromkeys((1054, 1146, 1356), gone),
    **dict.fromkeys((1142, 1143, 1370), no_permission),
    **dict.fromkeys((1264, 1292, 1366, 1690), other_type),
    **dict.fromkeys((1317, 1969), timed_out),
    2026: no_tls,
}
"""The error for each number of MariaDB, or from 2000 to 2999 of PyMySQL."""
_ANSWERS: Final = frozenset({1044, 1045, 1049, 1698})
"""The errors of a server that is reached."""


def _mapped(error: Exception) -> MetricsError:
    """Return the error for one of PyMySQL."""
    reason = getattr(error, "original_exception", None)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return other_host() if reason.verify_code in _OTHER_HOST else not_trusted()
    found = _ERRORS.get(_number(error))
    return SourceUnavailable("The database reported an error.") if found is None else found()
