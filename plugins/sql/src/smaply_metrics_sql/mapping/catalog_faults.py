"""Compares a mapping with the catalogue: names that do not exist, and types that do not fit."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from smaply_metrics_core import SurveyUnavailable
from smaply_metrics_sql.databases.database import NUMBERS, CatalogColumn, CatalogTable, ColumnType
from smaply_metrics_sql.mapping.faults import line_of
from smaply_metrics_sql.mapping.model import (
    AnswerType,
    ChildTable,
    DatabaseMapping,
    LabelTable,
    LongTable,
    MappedQuestion,
    SurveyMapping,
)

MOST_STATED: Final = 5
_LIKELY: Final = 0.6
"""How similar a name must be to another one to be its misspelling."""
_DEFAULT_SCHEMAS: Final = ("public.", "main.")
_TEXTS: Final = {ColumnType.TEXT, ColumnType.DYNAMIC}

Path = tuple[int | str, ...]
HasTimes = Callable[[ColumnType], bool]


class CatalogFault(NamedTuple):
    """A name or type of a mapping that does not fit the database.

    Attributes:
        path: Where it is in the mapping.
        reason: What is wrong, in a sentence without a period.
        remedy: What to write instead.
    """

    path: Path
    reason: str
    remedy: str


def require_catalog(
    text: str, mapping: DatabaseMapping, tables: Sequence[CatalogTable], has_times: HasTimes
) -> None:
    """Check that a mapping fits the tables of a database.

    Args:
        text: The mapping as it was written.
        mapping: The mapping.
        tables: The tables.
        has_times: Whether columns of a type can hold times.

    Raises:
        SurveyUnavailable: with the line of each fault and what to write; the first five.
    """
    faults = [*_CatalogCheck(tables, has_times).faults(mapping)]
    if not faults:
        return
    stated = " ".join(
        f"Line {line_of(text, one.path)}, “{one.path[-1]}”: {one.reason}. {one.remedy}"
        for one in faults[:MOST_STATED]
    )
    more = f" And {len(faults) - MOST_STATED:,} more." if faults[MOST_STATED:] else ""
    raise SurveyUnavailable(
        f"The mapping does not fit the database. {stated}{more}",
        remedy="Correct these lines of the mapping.",
    )


class _CatalogCheck:
    """Finds the faults of a mapping."""

    def __init__(self, tables: Sequence[CatalogTable], has_times: HasTimes) -> None:
        self._tables = {table.full_name: table for table in tables}
        names = Counter(table.full_name for table in tables)
        self._ambiguous = {name for name, number in names.items() if number > 1}
        self._has_times = has_times

    def faults(self, mapping: DatabaseMapping) -> Iterator[CatalogFault]:
        """Yield the faults in the order of the text of each survey."""
        for number, survey in enumerate(mapping.surveys):
            yield from self._survey(survey, ("surveys", number))

    def _survey(self, survey: SurveyMapping, path: Path) -> Iterator[CatalogFault]:
        table = self._tables.get(survey.table)
        yield from self._named_table(survey.table, (*path, "table"))
        if table is not None:
            yield from self._recorded(table, survey.recorded_at.column, (*path, "recorded_at"))
            if survey.response:
                yield from _column(table, survey.response, (*path, "response"))
            if survey.status is not None:
                yield from _column(table, survey.status.column, (*path, "status", "column"))
            for number, one in enumerate(survey.fields):
                yield from _column(table, one.column, (*path, "fields", number, "column"))
        if survey.answers is not None:
            yield from self._other(survey.answers, (*path, "answers"))
            table = None
        for number, question in enumerate(survey.questions):
            yield from self._question(question, table, (*path, "questions", number))

    def _question(
        self, question: MappedQuestion, table: CatalogTable | None, path: Path
    ) -> Iterator[CatalogFault]:
        """Yield the faults of a question; without a table, its answers are in a long one."""
        if question.child is not None:
            yield from self._other(question.child, (*path, "child"))
        elif table is not None:
            yield from _column(table, question.column, (*path, "column"))
            column = table.column(question.column)
            if column is not None:
                yield from _type(question, column, (*path, "type"))
        if question.labels is not None:
            yield from self._other(question.labels, (*path, "labels"))

    def _recorded(self, table: CatalogTable, name: str, path: Path) -> Iterator[CatalogFault]:
        yield from _column(table, name, (*path, "column"))
        column = table.column(name)
        if column is not None and not self._has_times(column.type):
            times = [one.name for one in table.columns if self._has_times(one.type)]
            yield CatalogFault(
                (*path, "column"),
                f"“{name}” has the type {column.type.value}, which holds no times",
                f"Write {_list(times)}." if times else "Make a view in which it is a timestamp.",
            )

    def _other(
        self, part: LongTable | ChildTable | LabelTable, path: Path
    ) -> Iterator[CatalogFault]:
        """Yield the faults of another table than that of the responses."""
        yield from self._named_table(part.table, (*path, "table"))
        table = self._tables.get(part.table)
        if table is not None:
            for name, column in part:
                if name != "table":
                    yield from _column(table, column, (*path, name))

    def _named_table(self, name: str, path: Path) -> Iterator[CatalogFault]:
        if name in self._ambiguous:
            yield CatalogFault(
                path,
                f"“{name}” is the name of two tables, one of which has a dot in its name",
                "Make a view with another name.",
            )
        if name not in self._tables:
            bare = next(
                (name.removeprefix(one) for one in _DEFAULT_SCHEMAS if name.startswith(one)), ""
            )
            near = [bare] if bare in self._tables else _near(name, self._tables)
            yield CatalogFault(
                path,
                f"the table “{name}” does not exist, or this user may not read it",
                f"Write {_list(near)}." if near else "Correct the name, or grant SELECT on it.",
            )


def _column(table: CatalogTable, name: str, path: Path) -> Iterator[CatalogFault]:
    if table.column(name) is not None:
        return
    near = _near(name, [column.name for column in table.columns])
    yield CatalogFault(
        path,
        f"the table “{table.full_name}” has no column “{name}”",
        f"Write {_list(near)}." if near else "Correct the name, or restore the column.",
    )


def _type(question: MappedQuestion, column: CatalogColumn, path: Path) -> Iterator[CatalogFault]:
    """Yield that the type of a column does not fit its question."""
    reason = f"“{column.name}” has the type {column.type.value}"
    if question.type is AnswerType.NUMBER and column.type not in {*NUMBERS, ColumnType.DYNAMIC}:
        yield CatalogFault(path, reason, "Map a view that casts it to a number.")
    if question.type is AnswerType.MULTIPLE:
        if question.delimiter and column.type not in _TEXTS:
            yield CatalogFault(path, reason, "Remove `delimiter`, which is only for texts.")
        if not question.delimiter and column.type is not ColumnType.ARRAY:
            yield CatalogFault(
                path,
                f"{reason}, and is not an array",
                "Add what separates the answers as `delimiter`.",
            )


def _near(name: str, names: Iterable[str]) -> list[str]:
    """Return names that could have been meant: another case first, then similar ones."""
    known = [*names]
    same = [one for one in known if one.casefold() == name.casefold()]
    end = [one for one in known if one.rpartition(".")[2].casefold() == name.casefold()]
    return same or end[:3] or difflib.get_close_matches(name, known[:5_000], n=1, cutoff=_LIKELY)


def _list(names: Sequence[str]) -> str:
    return " or ".join(f"“{name}”" for name in islice(names, 3))
