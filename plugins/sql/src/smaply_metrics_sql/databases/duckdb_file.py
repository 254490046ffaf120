"""DuckDB: a file, or a folder of Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    text,
)
from sqlalchemy import column as column_clause
from sqlalchemy import table as table_clause
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Compiled, Dialect

from smaply_metrics_core import (
    Deadline,
    ExportFailed,
    MetricsError,
    SourceUnavailable,
    Unreachable,
)
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
    no_times,
    other_type,
    positional,
    timed_out,
)

if TYPE_CHECKING:
    import duckdb

THREADS: Final = os.cpu_count() or 1
USUAL_MEMORY: Final = f"{min(max(8 * THREADS, 16), 1024)}MB"
"""The memory of DuckDB: some for each thread. Counting reads a block once, so it needs no cache."""
MOST_MEMORY: Final = "1GB"
"""The memory for a statement that fails with less; beyond it, DuckDB writes to a folder."""
_TYPES: Final = (
    ("[]", ColumnType.ARRAY),
    ("TIMESTAMP WITH TIME ZONE", ColumnType.INSTANT),
    ("TIMESTAMP", ColumnType.TIMESTAMP),
    ("DATE", ColumnType.DATE),
    ("VARCHAR", ColumnType.TEXT),
    ("ENUM", ColumnType.TEXT),
    ("BOOLEAN", ColumnType.BOOLEAN),
    ("DECIMAL", ColumnType.DECIMAL),
    ("DOUBLE", ColumnType.FLOAT),
    ("FLOAT", ColumnType.FLOAT),
    ("INT", ColumnType.INTEGER),
)
"""The type for a part of DuckDB's name of it, in the order in which they are looked for."""
_MAIN: Final = "main"
MOST_STEPS: Final = 1_000_000
"""The maximum number of rows of a calendar; 100 years have 876,600 hours."""
_NO_TIME: Final = -1
_ARRAY_BITS: Final = 16
"""DuckDB counts in an array of up to 2**16 places instead of a hash table: 3 MB for a thread."""


class DuckdbDatabase(SqlDatabase):
    """A DuckDB file opened for reading, or the Parquet files of a folder as one table each.

    Args:
        path: The file or the folder.
        temporary: A folder for what does not fit into memory.
        deadline: The deadline of the call.

    Raises:
        Unreachable: when it cannot be opened.
    """

    row_cost: ClassVar[float] = 1
    most_cells: ClassVar[int] = 20_000  # More take memory, as they need a hash table.

    def __init__(self, path: Path, temporary: Path, deadline: Deadline) -> None:

        super().__init__(deadline)
        # DuckDB follows PostgreSQL's syntax; SQLAlchemy has no dialect of its own for it.
        self.dialect: Dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        self._path = path
        self.unchanging = path.is_file()  # DuckDB locks it; Parquet files may be replaced.
        self._temporary = temporary
        self._memory = USUAL_MEMORY
        self._calendars: dict[tuple[int, ...], str] = {}
        self._connection = self._guarded(self._open)

    def _open(self) -> duckdb.DuckDBPyConnection:
        """Return a connection that can read nothing but the file or the folder."""
        import duckdb

        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self._memory,
            "temp_directory": str(self._temporary),
            "threads": str(THREADS),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
        }
        connection = duckdb.connect(":memory:", config=config)
        connection.execute(f"SET perfect_ht_threshold = {_ARRAY_BITS}")
        if self._path.is_dir():
            _read_folder(connection, self._path)
        else:
            # Attached, since connections to one file would have to have the same settings.
            connection.execute(f"ATTACH {_text(str(self._path))} AS responses (READ_ONLY)")
            connection.execute("USE responses")
            connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return connection

    def _open_again(self) -> None:
        """Open a connection with more memory, and make the calendars again."""
        self._memory = MOST_MEMORY
        self._connection.close()
        self._connection = self._open()
        for begins, label in self._calendars.items():
            self._make_calendar(label, begins)

    def tables(self) -> tuple[CatalogTable, ...]:
        """Return the tables and views."""
        statement = text(
            "SELECT table_schema, table_name, column_name, data_type, "
            "coalesce(\"COLUMN_COMMENT\", '') FROM information_schema.columns "
            "WHERE table_schema NOT IN ('information_schema', 'pg_catalog') "
            "AND table_catalog <> 'temp' "
            "ORDER BY table_schema, table_name, ordinal_position LIMIT :most"
        ).bindparams(most=MOST_TABLES * 100)
        found: dict[tuple[str, str], list[CatalogColumn]] = {}
        for schema, table, column, kind, comment in self.rows(statement):
            key = ("" if schema == _MAIN else str(schema), str(table))
            found.setdefault(key, []).append(
                CatalogColumn(str(column), _type(str(kind)), str(comment))
            )
        return tuple(
            CatalogTable(schema, table, tuple(columns))
            for (schema, table), columns in [*found.items()][:MOST_TABLES]
        )

    def can_write(self) -> bool:
        """DuckDB has no users; the file is opened for reading."""
        return False

    def epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a timestamp, a date or a number of seconds."""
        if kind is ColumnType.INTEGER:
            return Epoch(cast(column, BigInteger), is_local=False)
        if kind in {ColumnType.DECIMAL, ColumnType.FLOAT}:
            return Epoch(cast(func.floor(column), BigInteger), is_local=False)
        if kind not in {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE}:
            raise no_times(kind)
        finite = case((func.isfinite(column), cast(func.floor(func.epoch(column)), BigInteger)))
        return Epoch(finite, is_local=kind is not ColumnType.INSTANT)

    def finite_epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds without a condition.

        DuckDB then knows their range from its statistics, and groups by smaller keys.
        """
        if kind not in {ColumnType.INSTANT, ColumnType.TIMESTAMP, ColumnType.DATE}:
            return self.epoch(column, kind)
        seconds = func.divide(func.epoch_us(column), literal(1_000_000), type_=BigInteger)
        return Epoch(seconds, is_local=kind is not ColumnType.INSTANT)

    def piece(self, seconds: ColumnElement[Any], limits: Sequence[int]) -> TimePiece:
        """Return the piece from a calendar: a small table with the piece of each hour, or the like.

        DuckDB joins it faster than it compares times, and knows how many pieces there are, so it
        counts in an array instead of a hash table.
        """
        step = gcd(*limits) or 1
        first, last = limits[0] // step - 1, limits[-1] // step
        if last - first > MOST_STEPS:
            return super().piece(seconds, limits)
        steps = [limit // step - first for limit in limits]
        calendar = table_clause(
            self._guarded(lambda: self._calendar(tuple(steps))),
            column_clause("step", BigInteger),
            column_clause("piece", Integer),
        ).alias("c")
        passed = seconds - literal_column(str(first * step), BigInteger)
        number = func.divide(passed, literal_column(str(step)), type_=BigInteger)
        not_before = func.greatest(number, literal_column("0"))
        inside = func.least(not_before, literal_column(str(last - first)))
        # A row without a time has a step of its own.
        given = case((is_known(seconds), inside), else_=literal_column(str(_NO_TIME)))
        return TimePiece(calendar.c.piece, calendar, calendar.c.step == given)

    def _calendar(self, begins: tuple[int, ...]) -> str:
        """Return the name of a table with the number of each step and its piece.

        It is in the memory of this connection, so that DuckDB knows its values when it plans.

        Args:
            begins: The step at which each piece begins but the first, which begins at 0.
        """
        if begins not in self._calendars:
            found = f"smaply_metrics_calendar_{len(self._calendars)}"
            self._make_calendar(found, begins)
            self._calendars[begins] = found
        return self._calendars[begins]

    def _make_calendar(self, label: str, begins: tuple[int, ...]) -> None:
        pieces: list[int | None] = [None]
        for piece, (begin, end) in enumerate(pairwise((0, *begins, begins[-1] + 1))):
            pieces += [piece] * (end - begin)
        self._connection.execute(
            f"CREATE TEMP TABLE {label} AS SELECT unnest(range({_NO_TIME}, ?)) AS step, "
            "unnest(?::integer[]) AS piece",
            [len(pieces) - 1, pieces],
        )

    def contains(self, array: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """Return whether an element of a list is equal to a text."""
        return func.list_contains(cast(array, ARRAY(Text)), literal(value, Text))

    def elements(self, array: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the elements of a list."""
        return func.unnest(array)

    def position(self, text: ColumnElement[Any], part: str) -> ColumnElement[int]:
        """Return the position of a text."""
        return func.instr(text, literal(part, Text))

    def is_number(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[bool] | None:
        """Return whether a number is finite."""
        if kind not in NUMBERS:
            return None
        if kind is not ColumnType.FLOAT:
            return column.is_not(None)
        return and_(column.is_not(None), func.isfinite(column))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _cursor(self, compiled: Compiled) -> Iterator[Cursor]:
        import duckdb

        # On the connection itself, which is what an interruption stops.
        try:
            cursor = self._connection.execute(str(compiled), positional(compiled))
        except duckdb.OutOfMemoryException:
            if self._memory == MOST_MEMORY:
                raise
            self._open_again()
            cursor = self._connection.execute(str(compiled), positional(compiled))
        yield cursor

    def _interrupt(self) -> None:
        self._connection.interrupt()

    def _error(self, error: Exception) -> MetricsError | None:
        import duckdb

        found: MetricsError | None = None
        match error:
            case duckdb.InterruptException():
                found = timed_out()
            case duckdb.CatalogException() | duckdb.BinderException():
                found = gone()
            case duckdb.ConversionException() | duckdb.TypeMismatchException():
                found = other_type()
            case duckdb.IOException() | duckdb.SerializationException():
                found = Unreachable(
                    "The DuckDB file cannot be read.",
                    remedy="Check that it exists, is a DuckDB file, and is not being written.",
                )
            case duckdb.OutOfMemoryException():
                found = ExportFailed(
                    f"DuckDB needs more than {MOST_MEMORY} of memory.",
                    remedy="Group by fields with fewer values.",
                )
            case duckdb.Error():
                found = SourceUnavailable("DuckDB reported an error.")
        return found


def _read_folder(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make a view of each Parquet file and folder."""
    connection.execute(f"SET allowed_directories = [{_text(str(folder))}]")
    connection.execute("SET enable_external_access = false")
    for entry in sorted(folder.iterdir()):
        files = sorted(entry.rglob("*.parquet")) if entry.is_dir() else [entry]
        # DuckDB would follow a link out of the folder.
        inside = [one for one in files if one.resolve().is_relative_to(folder)]
        found = [_text(str(one)) for one in inside if one.suffix == ".parquet"]
        if found:
            quoted = '"' + entry.stem.replace('"', '""') + '"'
            connection.execute(
                f"CREATE VIEW {quoted} AS SELECT * FROM read_parquet([{', '.join(found)}])"  # noqa: S608  # Quoted.
            )


def _type(found: str) -> ColumnType:
    if found.endswith("[]"):
        return ColumnType.ARRAY
    return next((kind for part, kind in _TYPES if found.startswith(part)), _integer(found))


def _integer(found: str) -> ColumnType:
    return ColumnType.INTEGER if found.endswith("INT") else ColumnType.OTHER


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
