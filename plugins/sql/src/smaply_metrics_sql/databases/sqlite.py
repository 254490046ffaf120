"""SQLite: one file, read with the standard library."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, literal, or_, text
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import Compiled, Dialect

from smaply_metrics_core import (
    Deadline,
    ExportFailed,
    MetricsError,
    SurveyUnavailable,
    Unreachable,
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
    no_times,
    positional,
)

_STEPS: Final = 20_000
"""After how many steps of SQLite's machine the deadline is checked."""
_TYPES: Final = (
    ("BOOL", ColumnType.BOOLEAN),
    ("INT", ColumnType.INTEGER),
    ("TIME", ColumnType.DYNAMIC),
    ("DATE", ColumnType.DYNAMIC),
    ("CHAR", ColumnType.TEXT),
    ("CLOB", ColumnType.TEXT),
    ("TEXT", ColumnType.TEXT),
    ("REAL", ColumnType.FLOAT),
    ("FLOA", ColumnType.FLOAT),
    ("DOUBLE", ColumnType.FLOAT),
    ("DEC", ColumnType.FLOAT),
    ("NUM", ColumnType.FLOAT),
)
"""The type for a part of a declared type, in the order in which they are looked for."""
_GONE: Final = ("no such table", "no such column")


class SqliteDatabase(SqlDatabase):
    """A SQLite file.

    Args:
        path: The file; ``None`` for a database in memory, for tests and debug bundles.
        deadline: The deadline of the call.

    Raises:
        Unreachable: when the file cannot be opened.
    """

    def __init__(self, path: Path | None, deadline: Deadline) -> None:
        super().__init__(deadline)
        self.dialect: Dialect = SQLiteDialect(paramstyle="qmark")
        self._connection = self._guarded(lambda: _open(path))
        self._connection.set_progress_handler(self._is_over, _STEPS)

    @classmethod
    def in_memory(cls, deadline: Deadline) -> tuple[SqliteDatabase, sqlite3.Connection]:
        """Return an empty database, and the connection that fills it."""
        database = cls(None, deadline)
        return database, database._connection

    def tables(self) -> tuple[CatalogTable, ...]:
        """Return the tables and views of the file."""
        names = self.rows(
            text(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
                "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT :most"
            ).bindparams(most=MOST_TABLES)
        )
        return tuple(table for (found,) in names if (table := self._table(str(found))))

    def _table(self, found: str) -> CatalogTable | None:
        """Return a table or view; ``None`` for a view of something that does not exist."""
        statement = text("SELECT name, type FROM pragma_table_info(:found)").bindparams(found=found)
        try:
            described = self.rows(statement)
        except SurveyUnavailable:
            return None
        columns = tuple(CatalogColumn(str(column), _type(str(kind))) for column, kind in described)
        return CatalogTable("", found, columns)

    def can_write(self) -> bool:
        """SQLite has no users; the file is opened for reading."""
        return False

    def epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a text in ISO 8601, or of a number of seconds."""
        if kind is ColumnType.BOOLEAN:
            raise no_times(kind)
        is_number = func.typeof(column).in_(["integer", "real"])
        parsed = cast(func.strftime("%s", column), BigInteger)
        # Floor of a possibly negative number: SQLite's own function is not always compiled in.
        whole = cast(column, BigInteger)
        floor = whole - case((whole > column, 1), else_=0)
        seconds = case((is_number, floor), else_=parsed)
        zoned = or_(
            is_number,
            func.substr(column, -1).in_(["Z", "z"]),
            and_(
                func.length(column) > len("2026-01-31"), func.substr(column, -6, 1).in_(["+", "-"])
            ),
        )
        return Epoch(seconds, ~zoned)

    def contains(self, array: ColumnElement[Any], value: str) -> ColumnElement[bool]:  # noqa: ARG002  # There are none.
        """Raise: SQLite has no arrays."""
        raise _no_arrays()

    def elements(self, array: ColumnElement[Any]) -> ColumnElement[Any]:  # noqa: ARG002  # As above.
        """Raise: SQLite has no arrays."""
        raise _no_arrays()

    def position(self, text: ColumnElement[Any], part: str) -> ColumnElement[int]:
        """Return the position of a text."""
        return func.instr(text, literal(part))

    def is_number(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[bool] | None:
        """Return whether a value was stored as a number, whatever the declared type."""
        if kind not in {*NUMBERS, ColumnType.DYNAMIC}:
            return None
        return and_(
            func.typeof(column).in_(["integer", "real"]),
            func.abs(column) <= literal(1.7976931348623157e308),
        )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _is_over(self) -> bool:
        return self._deadline.cancelled.is_set() or self._deadline.remaining() <= 0

    def _cursor(self, compiled: Compiled) -> AbstractContextManager[Cursor]:
        return closing(self._connection.execute(str(compiled), positional(compiled)))

    def _interrupt(self) -> None:
        self._connection.interrupt()

    def _error(self, error: Exception) -> MetricsError | None:
        if not isinstance(error, sqlite3.Error):
            return None
        if isinstance(error, sqlite3.OperationalError) and str(error).startswith(_GONE):
            return gone()
        # Errors of the module itself have no code of SQLite.
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            return None
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            return ExportFailed(
                "The file is damaged, or is not a SQLite database.",
                remedy="Check the file, and that its name is right.",
            )
        return Unreachable(
            "The SQLite file cannot be read.",
            remedy="Check that the file exists and may be read, and try again.",
        )


def _no_arrays() -> SurveyUnavailable:
    return SurveyUnavailable(
        "SQLite has no arrays.", remedy="Map several answers with a delimiter or a child table."
    )


def _open(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return sqlite3.connect(":memory:", check_same_thread=False)
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False, timeout=30
    )


def _type(declared: str) -> ColumnType:
    upper = declared.upper()
    return next((kind for part, kind in _TYPES if part in upper), ColumnType.DYNAMIC)
