"""What all databases have in common: a catalogue, and statements that only read."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol, TypeVar

from sqlalchemy import ColumnElement, Executable, FromClause
from sqlalchemy.engine import Compiled, Dialect
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.compiler import SQLCompiler

from smaply_metrics_core import (
    AccessMissing,
    CredentialRefused,
    Deadline,
    DeadlineExceeded,
    ExportFailed,
    MetricsError,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_sql.counting.time_pieces import piece_expression

T = TypeVar("T")

MOST_TABLES: Final = 5_000
"""The maximum number of tables and views of a database that are listed."""
_BLOCK: Final = 10_000
"""How many rows are read at once."""
_LOOK_SECONDS: Final = 0.2
"""How often a running statement checks whether its call was cancelled."""


class ColumnType(StrEnum):
    """The types of columns that statements tell apart."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    INSTANT = "timestamp with time zone"
    TIMESTAMP = "timestamp"
    DATE = "date"
    ARRAY = "array"
    DYNAMIC = "dynamic"
    """Values of any type, as in SQLite."""
    OTHER = "other"


NUMBERS: Final = frozenset({ColumnType.INTEGER, ColumnType.DECIMAL, ColumnType.FLOAT})
"""The types of columns whose values are numbers."""


@dataclass(frozen=True)
class CatalogColumn:
    """A column of the catalogue."""

    name: str
    type: ColumnType
    comment: str = ""


@dataclass(frozen=True)
class CatalogTable:
    """A table or view of the catalogue.

    Attributes:
        schema: Its schema; empty for the default one.
    """

    schema: str
    name: str
    columns: tuple[CatalogColumn, ...]
    comment: str = ""

    @property
    def full_name(self) -> str:
        """The name with the schema, as mappings write it."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def column(self, name: str) -> CatalogColumn | None:
        """Return the column of this name, or ``None``."""
        return next((column for column in self.columns if column.name == name), None)


class Cursor(Protocol):
    """What all drivers have."""

    def fetchmany(self, size: int, /) -> list[tuple[Any, ...]]:
        """Return the next rows; an empty list at the end."""
        ...


OpenCursor = Callable[[Compiled], AbstractContextManager[Cursor]]
"""Runs a compiled statement, and returns the cursor over its rows for a ``with`` block."""


class SqlDatabase(ABC):
    """A connection to a database that can only read. Statements run one after the other.

    Args:
        deadline: The deadline of the call, also for statements on the server.
    """

    row_cost: ClassVar[float] = 10
    """About what counting a row costs, as a multiple of what it costs DuckDB."""
    most_cells: ClassVar[int] = 100_000
    """About how many combinations one statement counts for several groupings."""
    merges_subqueries: ClassVar[bool] = False
    """Whether expressions of a subquery are computed again wherever they are used, unless it has an
    offset."""
    unchanging: bool = False
    """Whether its data cannot change while it is open."""
    dialect: Dialect
    """Compiles statements."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def rows(self, statement: Executable) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, which are few: those of aggregates or the catalogue.

        Raises:
            MetricsError: when the database refuses or cannot run it, or the deadline has passed.
        """
        return [row for block in self._blocks(statement, self._cursor) for row in block]

    def stream(self, statement: Executable) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a statement in blocks, so that they need not fit into memory.

        Raises:
            MetricsError: as for ``rows``.
        """
        return self._blocks(statement, self._streaming_cursor)

    def _blocks(
        self, statement: Executable, open_cursor: OpenCursor
    ) -> Iterator[list[tuple[Any, ...]]]:
        self._deadline.check()
        compiled = statement.compile(  # type: ignore[attr-defined]  # Of every statement.
            dialect=self.dialect, compile_kwargs={"render_postcompile": True}
        )
        with self._cancelled_in_time(), ExitStack() as stack:
            cursor = self._guarded(lambda: stack.enter_context(open_cursor(compiled)))
            while block := self._guarded(lambda: cursor.fetchmany(_BLOCK)):
                yield block

    @abstractmethod
    def tables(self) -> tuple[CatalogTable, ...]:
        """Return the tables and views that may be read."""

    @abstractmethod
    def can_write(self) -> bool:
        """Whether the user could change data if this connection were not held to reading."""

    def exact(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[Any]:  # noqa: ARG002  # For databases that need it.
        """Return a column that is equal only for the same values: by default, the column itself."""
        return column

    def fractional_epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a column, which may have fractions and be infinite.

        By default, as ``epoch`` returns them.
        """
        return self.epoch(column, kind)

    def finite_epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the seconds of a column whose times are all finite and after 1970.

        By default, as ``epoch`` returns them.
        """
        return self.epoch(column, kind)

    @abstractmethod
    def epoch(self, column: ColumnElement[Any], kind: ColumnType) -> Epoch:
        """Return the whole seconds since 1970 of a column of times.

        Raises:
            SurveyUnavailable: when columns of this type hold no times.
        """

    def piece(self, seconds: ColumnElement[Any], limits: Sequence[int]) -> TimePiece:
        """Return the number of the piece of time in which a row is, null without a time.

        By default, an expression that compares the time with the limits.

        Args:
            seconds: Seconds since 1970.
            limits: The seconds at which pieces begin, in order. The number of a piece is how many
                of them are not later.

        Raises:
            MetricsError: when the database fails.
        """
        return TimePiece(piece_expression(seconds, limits))

    @abstractmethod
    def contains(self, array: ColumnElement[Any], value: str) -> ColumnElement[bool]:
        """Return whether an array of texts contains a text."""

    @abstractmethod
    def elements(self, array: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the elements of an array, each in a row."""

    @abstractmethod
    def position(self, text: ColumnElement[Any], part: str) -> ColumnElement[int]:
        """Return the position of a text in another one, from 1; 0 if it is not in it."""

    @abstractmethod
    def is_number(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[bool] | None:
        """Return whether a value is a finite number; ``None`` for types without numbers."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

    @abstractmethod
    def _cursor(self, compiled: Compiled) -> AbstractContextManager[Cursor]:
        """Run a compiled statement, and return the cursor over its rows for a ``with`` block."""

    def _streaming_cursor(self, compiled: Compiled) -> AbstractContextManager[Cursor]:
        """Return a cursor as ``_cursor`` does, for rows that may not fit into memory."""
        return self._cursor(compiled)

    @abstractmethod
    def _error(self, error: Exception) -> MetricsError | None:
        """Return the error for an exception of the driver; ``None`` if it is another one."""

    @abstractmethod
    def _interrupt(self) -> None:
        """Stop the running statement, called on another thread."""

    def _guarded(self, work: Callable[[], T]) -> T:
        """Return what a function returns.

        Raises:
            MetricsError: for an exception of the driver. The exception is not attached to it, since
                it refers to the statement and its values.
        """
        try:
            return work()
        except MetricsError:
            raise
        except Exception as error:
            found = self._error(error)
            if found is None:
                raise
        self._deadline.check()  # An interrupted statement fails in one of several ways.
        raise found

    @contextmanager
    def _cancelled_in_time(self) -> Iterator[None]:
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(_LOOK_SECONDS):
            if self._deadline.cancelled.is_set() or self._deadline.remaining() <= 0:
                self._interrupt()


@dataclass(frozen=True)
class TimePiece:
    """The piece of time of rows.

    Attributes:
        number: Its number.
        calendar: A table that rows have to be joined with; ``None`` if there is none.
        on: The condition of the join.
    """

    number: ColumnElement[Any]
    calendar: FromClause | None = None
    on: ColumnElement[bool] | None = None


@dataclass(frozen=True)
class Epoch:
    """The seconds of a column of times.

    Attributes:
        seconds: Whole seconds since 1970, rounded down.
        is_local: Whether they are of the wall clock of a zone, so that they have to be converted.
            An expression where rows differ.
    """

    seconds: ColumnElement[int]
    is_local: bool | ColumnElement[bool]


def name(text: str) -> quoted_name:
    """Return a name that is always quoted, so that it cannot be anything else."""
    return quoted_name(text, quote=True)


def no_times(kind: ColumnType) -> SurveyUnavailable:
    """Return the error for a column of times whose type has none."""
    return SurveyUnavailable(
        f"The column with the time of a response has the type {kind.value}.",
        remedy="Map a column of timestamps, or make a view in which it is one.",
    )


def gone() -> SurveyUnavailable:
    """Return the error for a table or column that the database does not know."""
    return SurveyUnavailable(
        "A table or column of the mapping does not exist.",
        remedy="Correct the mapping, or restore the table.",
    )


def no_permission() -> AccessMissing:
    """Return the error for a table or column that the user may not read."""
    return AccessMissing(
        "The database user may not read a table or column of the mapping.",
        remedy="Grant the user SELECT on it.",
    )


def no_database() -> Unreachable:
    """Return the error for a name of a database that the server does not know."""
    return Unreachable("The server has no database of this name.", remedy="Correct the address.")


def unreachable() -> Unreachable:
    """Return the error for a server that does not answer."""
    return Unreachable(
        "The database server cannot be reached.",
        remedy="Check that it runs at this address and accepts connections from here.",
    )


def refused() -> CredentialRefused:
    """Return the error for a user or password that the server does not accept."""
    return CredentialRefused(
        "The database does not accept the user and password.",
        remedy="Enter the user and password again.",
    )


def other_type() -> ExportFailed:
    """Return the error for values that a statement cannot use."""
    return ExportFailed(
        "The values of a column do not have the type that the mapping requires.",
        remedy="Check the mapping, or make a view with the right types.",
    )


def timed_out() -> DeadlineExceeded:
    """Return the error for a statement that the database stopped."""
    return DeadlineExceeded("The database needed too long, so the statement was stopped.")


def positional(compiled: Compiled) -> list[Any]:
    """Return the values of a compiled statement whose parameters have a position."""
    assert isinstance(compiled, SQLCompiler)  # noqa: S101  # As statements are.
    return [compiled.params[key] for key in compiled.positiontup or ()]
