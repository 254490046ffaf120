"""ClickHouse inside this process, with chdb: our statements, and the expressions that differ.

It is no source: it has no connection to a server.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, Text, and_, func, literal, literal_column, text
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Compiled, Dialect

from plugins.sql.tests.random_survey import Row
from smaply_metrics_core import Deadline, MetricsError
from smaply_metrics_sql.databases.database import (
    NUMBERS,
    CatalogColumn,
    CatalogTable,
    ColumnType,
    Cursor,
    Epoch,
    SqlDatabase,
    no_times,
)

_SETTINGS: Final = {
    "join_use_nulls": 1,  # Without it, a row that is not joined has zeros and empty texts.
    "cast_keep_nullable": 1,
    "output_format_json_quote_64bit_integers": 0,
}
_TYPES: Final = (
    ("DateTime", ColumnType.INSTANT),
    ("Date", ColumnType.DATE),
    ("Int", ColumnType.INTEGER),
    ("UInt", ColumnType.INTEGER),
    ("Float", ColumnType.FLOAT),
    ("Decimal", ColumnType.DECIMAL),
    ("String", ColumnType.TEXT),
)
_START: Final[ColumnElement[Any]] = literal_column("toDateTime64('1970-01-01 00:00:00', 0, 'UTC')")
_PARAMETER: Final = re.compile(r"%\((\w+)\)s|%%")
_PARAMETER_TYPES: Final = {bool: "Bool", int: "Int64", float: "Float64", str: "String"}


class ClickhouseDatabase(SqlDatabase):
    """A database of ClickHouse in a folder, with the table of a random survey.

    Args:
        folder: An empty folder.
        deadline: The deadline of the call.
    """

    def __init__(self, folder: Path, deadline: Deadline) -> None:
        super().__init__(deadline)
        self.dialect: Dialect = PGDialect(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's.
        self._session: Any = importlib.import_module("chdb.session").Session(str(folder))
        for name, value in _SETTINGS.items():
            self._session.query(f"SET {name} = {value}")

    def fill(self, rows: Sequence[Row], number: str) -> None:
        """Create and fill the table of a random survey.

        Args:
            rows: The responses.
            number: The type of the column with numbers.
        """
        self._session.query("DROP TABLE IF EXISTS visits")
        self._session.query(
            "CREATE TABLE visits (id String, recorded_at Nullable(DateTime64(3, 'Asia/Tokyo')), "
            "state Nullable(String), nps Nullable(Int32), csat Nullable(Int32), "
            f"minutes Nullable({number}), channel Nullable(String), "
            "topics LowCardinality(Nullable(String)), remark Nullable(String), "
            "country LowCardinality(Nullable(String)), weight Nullable(Float64)"
            ") ENGINE = MergeTree ORDER BY id"
        )
        lines = "\n".join(json.dumps({**row, "recorded_at": _milliseconds(row)}) for row in rows)
        self._session.query(f"INSERT INTO visits FORMAT JSONEachRow {lines}")

    def tables(self) -> tuple[CatalogTable, ...]:
        """Return the table."""
        found = self.rows(
            text("SELECT name, type FROM system.columns WHERE table = 'visits' ORDER BY position")
        )
        columns = tuple(CatalogColumn(str(name), _type(str(kind))) for name, kind in found)
        return (CatalogTable("", "visits", columns),)

    def can_write(self) -> bool:
        """The folder is of this process."""
        return True

    def epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a time, which is an instant whatever the zone of its column."""
        if kind not in {ColumnType.INSTANT, ColumnType.DATE}:
            raise no_times(kind)
        seconds = func.dateDiff("second", _START, column, type_=BigInteger)
        return Epoch(seconds, is_local=kind is ColumnType.DATE)

    def contains(self, array: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """Return whether an element of an array is equal to a text."""
        return func.has(array, literal(value, Text))

    def elements(self, array: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the elements of an array."""
        return func.arrayJoin(array)

    def position(self, text: ColumnElement[Any], part: str) -> ColumnElement[int]:
        """Return the position of a text."""
        return func.position(text, literal(part, Text))

    def is_number(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[bool] | None:
        """Return whether a number is finite."""
        if kind not in NUMBERS:
            return None
        if kind is not ColumnType.FLOAT:
            return column.is_not(None)
        return and_(column.is_not(None), func.isFinite(column))

    def close(self) -> None:
        """Close the database."""
        self._session.close()

    @contextmanager
    def _cursor(self, compiled: Compiled) -> Iterator[Cursor]:
        values = compiled.params

        def parameter(found: re.Match[str]) -> str:
            name = found[1]
            return "%" if name is None else f"{{{name}:{_PARAMETER_TYPES[type(values[name])]}}}"

        statement = _PARAMETER.sub(parameter, str(compiled))
        found = self._session.query(statement, "JSONCompact", params=values or None)
        yield _Rows([tuple(row) for row in json.loads(str(found))["data"]])

    def _error(self, error: Exception) -> MetricsError | None:  # Shown as they are.
        return None

    def _interrupt(self) -> None:
        """Nothing: statements are short."""


class _Rows:
    """Rows that were read, as a cursor."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = rows

    def fetchmany(self, size: int, /) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        block, self._rows = self._rows[:size], self._rows[size:]
        return block


def _type(found: str) -> ColumnType:
    plain = re.sub(r"^(?:LowCardinality\()?Nullable\(", "", found)
    return next((kind for part, kind in _TYPES if plain.startswith(part)), ColumnType.OTHER)


def _milliseconds(row: Row) -> str | None:
    time = row["recorded_at"]
    return None if time is None else f"{time.astimezone(UTC).timestamp():.3f}"
