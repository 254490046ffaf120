"""Reads samples of tables for proposals and forms: values with their counts, and no rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Text, case, cast, column, distinct, func, or_, select

from smaply_metrics_core import AccessMissing, Deadline, ExportFailed, SurveyUnavailable
from smaply_metrics_sql.counting.answers import key_text
from smaply_metrics_sql.counting.relation import columns_of
from smaply_metrics_sql.databases.database import CatalogTable, ColumnType, SqlDatabase
from smaply_metrics_sql.mapping.model import MOST_CHOICES, LabelTable, LongTable

SAMPLED_ROWS: Final = 20_000
"""The maximum number of rows of a table that a statement reads."""
SAMPLED_ANSWERS: Final = 200_000
"""As above, for a table with one row per answer."""
MOST_VALUES: Final = 60
"""The maximum number of different values of a column that are read."""
MOST_QUESTIONS: Final = 300
"""The maximum number of questions of a table with one row per answer."""
_LONGEST_VALUE: Final = 200
"""The characters of a value that are read."""
_NOT_READABLE: Final = (AccessMissing, ExportFailed, SurveyUnavailable)
"""The errors of a table that cannot be read, such as a view of a deleted column."""


class Values(NamedTuple):
    """The most frequent values of a column, each with the number of its rows.

    Attributes:
        counts: The values, the most frequent first.
        complete: Whether these are all values of the sample.
    """

    counts: dict[str, int]
    complete: bool


class QuestionAnswers(NamedTuple):
    """The answers to one question of a table with one row per answer.

    Attributes:
        several: Whether a response has several answers.
        values: The answers; without any if they are too many.
    """

    several: bool
    values: Values


class TableSamples:
    """Samples of the tables of a database.

    Args:
        database: The database.
        deadline: The deadline of the call. Samples may take half of the time until then.
    """

    def __init__(self, database: SqlDatabase, deadline: Deadline) -> None:
        self._database = database
        self._deadline = deadline
        self._reserved = deadline.remaining() / 2

    def has_time(self) -> bool:
        """Whether there is time for another sample; views can be slow to read."""
        return self._deadline.remaining() > self._reserved

    def values(self, table: CatalogTable, column: str) -> Values | None:
        """Return the values of a column; ``None`` if the column cannot be read."""
        (value,) = self._columns(table, column)
        sample = select(value.label("v")).limit(SAMPLED_ROWS).subquery("s")
        number = func.count().label("n")
        rows = self._rows(
            select(sample.c.v, number)
            .where(sample.c.v.is_not(None))
            .group_by(sample.c.v)
            .order_by(number.desc(), sample.c.v)
            .limit(MOST_VALUES + 1)
        )
        return None if rows is None else _values(rows)

    def labels(self, table: CatalogTable, labels: LabelTable) -> dict[str, str]:
        """Return the labels of a label table; none if it has too many or cannot be read."""
        columns = self._columns(table, labels.key, labels.label)
        rows = self._rows(select(*columns).limit(MOST_CHOICES + 1)) or []
        pairs = [(key_text(key), key_text(label)) for key, label in rows]
        found = {key: label for key, label in pairs if key and label}
        return found if len(found) == len(rows) <= MOST_CHOICES else {}

    def has_times(self, kind: ColumnType) -> bool:
        """Whether columns of a type can hold times."""
        try:
            self._database.epoch(column("t"), kind)
        except SurveyUnavailable:
            return False
        return True

    def share_found(self, table: CatalogTable, column: str, other: CatalogTable, key: str) -> float:
        """Return the share of the values of a column that are keys of another table."""
        (value,), (keys,) = _columns_of(table, column), _columns_of(other, key)
        sample = select(value.label("v")).limit(SAMPLED_ROWS).subquery("s")
        values = select(sample.c.v).where(sample.c.v.is_not(None)).distinct().subquery("d")
        found = case((values.c.v.in_(select(keys)), 1), else_=0)
        rows = self._rows(select(func.count(), func.sum(found)).select_from(values))
        return float(rows[0][1] or 0) / rows[0][0] if rows and rows[0][0] else 0.0

    def answers(
        self, table: CatalogTable, long: LongTable
    ) -> tuple[dict[str, QuestionAnswers], bool] | None:
        """Return the questions of a long table, and whether all of its rows were read.

        ``None`` if it cannot be read.
        """
        names = (long.response, long.question, long.answer)
        response, question, answer = self._columns(table, *names)
        sample = (
            select(response.label("r"), question.label("q"), answer.label("a"))
            .limit(SAMPLED_ANSWERS)
            .subquery("s")
        )
        given = sample.c.a.is_not(None)
        number = func.count().label("n")
        different = func.count(distinct(sample.c.a))
        found = self._rows(
            select(sample.c.q, number, func.count(distinct(sample.c.r)), different)
            .where(given, sample.c.q.is_not(None))
            .group_by(sample.c.q)
            .order_by(number.desc())
            .limit(MOST_QUESTIONS)
        )
        total = self._rows(select(func.count()).select_from(sample))
        if found is None or total is None:
            return None
        few = [key for key, _, _, values in found if values <= MOST_VALUES]
        rows = self._rows(
            select(sample.c.q, sample.c.a, number)
            .where(given, sample.c.q.in_(few))
            .group_by(sample.c.q, sample.c.a)
            .order_by(sample.c.q, number.desc(), sample.c.a)
        )
        return {
            str(key_text(key)): QuestionAnswers(
                number > responses,
                _values([(a, n) for q, a, n in rows or () if q == key])
                if key in few
                else Values({}, complete=False),
            )
            for key, number, responses, _ in found
        }, total[0][0] < SAMPLED_ANSWERS

    def _columns(self, table: CatalogTable, *names: str) -> Sequence[ColumnElement[Any]]:
        """Return columns of a table, with texts shortened."""
        kinds = {column.name: column.type for column in table.columns}
        pairs = zip(_columns_of(table, *names), names, strict=True)
        return [self._short(column, kinds[name]) for column, name in pairs]

    def _short(self, column: ColumnElement[Any], kind: ColumnType) -> ColumnElement[Any]:
        if kind is ColumnType.ARRAY:
            return self._database.elements(column)
        if kind is ColumnType.TEXT:
            exact = self._database.exact(column, kind)
            return func.nullif(func.substr(exact, 1, _LONGEST_VALUE), "")
        if kind is ColumnType.DYNAMIC:
            is_number = or_(*(func.typeof(column) == one for one in ("integer", "real")))
            short = func.nullif(func.substr(cast(column, Text), 1, _LONGEST_VALUE), "")
            return case((is_number, column), else_=short)
        return column

    def _rows(self, statement: Any) -> list[tuple[Any, ...]] | None:  # noqa: ANN401  # A statement.
        try:
            return self._database.rows(statement)
        except _NOT_READABLE:
            return None


def _columns_of(table: CatalogTable, *names: str) -> tuple[ColumnElement[Any], ...]:
    """Return columns of a table; building all of a wide one for each statement would be slow."""
    few = tuple(column for column in table.columns if column.name in names)
    return columns_of(replace(table, columns=few), *names)


def _values(rows: Sequence[tuple[Any, Any]]) -> Values:
    counts: dict[str, int] = {}
    for value, number in rows[:MOST_VALUES]:
        key = key_text(value)
        if key:
            counts[key] = counts.get(key, 0) + int(number)
    return Values(counts, complete=len(rows) <= MOST_VALUES)
