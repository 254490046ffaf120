"""The rows that are counted: one per response, whatever tables the answers are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Subquery,
    and_,
    case,
    column,
    func,
    literal,
    select,
    table,
)

from smaply_metrics_core import ExclusionReason, QuestionUnavailable, SurveyUnavailable
from smaply_metrics_sql.counting.answers import ValueExpr, several
from smaply_metrics_sql.databases.database import (
    CatalogColumn,
    CatalogTable,
    Epoch,
    SqlDatabase,
    name,
)
from smaply_metrics_sql.mapping.model import MappedQuestion, SurveyMapping

_RESPONSE: Final = "r"


@dataclass(frozen=True)
class Catalog:
    """The tables of a database by the name that mappings use."""

    tables: Mapping[str, CatalogTable]

    @classmethod
    def of(cls, tables: Iterable[CatalogTable]) -> Catalog:
        """Return the catalogue of some tables."""
        return cls({each.full_name: each for each in tables})

    def table(self, full_name: str) -> CatalogTable:
        """Return a table.

        Raises:
            SurveyUnavailable: when it does not exist, or may not be read.
        """
        found = self.tables.get(full_name)
        if found is None:
            raise SurveyUnavailable(
                f"The table “{full_name}” does not exist, or this user may not read it.",
                remedy="Correct the mapping, or grant the user SELECT on the table.",
            )
        return found


class Relation:
    """The tables of a survey, joined so that each response is one row.

    Args:
        database: The database.
        mapping: The survey.
        catalog: The tables.
        choices: The keys of the choices of each question that takes several answers.

    Raises:
        SurveyUnavailable: when a table or column about responses does not exist.
    """

    def __init__(
        self,
        database: SqlDatabase,
        mapping: SurveyMapping,
        catalog: Catalog,
        choices: Mapping[str, tuple[str, ...]],
    ) -> None:
        self.database = database
        self.mapping = mapping
        self._catalog = catalog
        self._choices = choices
        self._table = catalog.table(mapping.table)
        self._responses = _clause(self._table, _RESPONSE)
        self._questions = {question.question_id: question for question in mapping.questions}
        self._joined: dict[str, Subquery] = {}

    @property
    def source(self) -> FromClause:
        """The tables to select from, with those of the questions that were read before."""
        joined: FromClause = self._responses
        for other in self._joined.values():
            joined = joined.outerjoin(other, self._response_id == other.c.response)
        return joined

    @cached_property
    def recorded(self) -> ValueExpr:
        """When responses were recorded, as in the database."""
        return self._cell(self._about(self.mapping.recorded_at.column))

    @cached_property
    def epoch(self) -> Epoch:
        """When responses were recorded."""
        return self.database.epoch(self.recorded.column, self.recorded.type)

    @cached_property
    def fractional_epoch(self) -> Epoch:
        """When responses were recorded, with fractions of seconds and infinite times."""
        return self.database.fractional_epoch(self.recorded.column, self.recorded.type)

    @cached_property
    def finite_epoch(self) -> Epoch:
        """When responses were recorded, if all these times are finite and after 1970."""
        return self.database.finite_epoch(self.recorded.column, self.recorded.type)

    def left_out(
        self, value: Callable[[ExclusionReason | None], ColumnElement[Any]]
    ) -> ColumnElement[Any]:
        """Return why a response is excluded.

        Args:
            value: Returns what stands for a reason; for ``None``, for a response that counts.
        """
        status = self.mapping.status
        if status is None or not status.exclude:
            return value(None)
        cell = self._cell(self._about(status.column))
        return case(
            *((cell.matches([key]), value(why)) for key, why in status.exclude.items()),
            else_=value(None),
        )

    def field(self, field_name: str) -> ValueExpr:
        """Return an embedded field.

        Raises:
            SurveyUnavailable: when its column does not exist.
        """
        found = next(one for one in self.mapping.fields if one.field_name == field_name)
        return self._cell(self._about(found.column))

    def answer(self, question_id: str) -> ValueExpr:
        """Return the answer to a question that takes one.

        Raises:
            QuestionUnavailable: when its column does not exist.
        """
        question = self._questions[question_id]
        if self.mapping.answers is None:
            return self._cell(self._of_question(question))
        return self._long_answer(question)

    def flags(self, question_id: str) -> Mapping[str, ColumnElement[bool]]:
        """Return, for each choice of a question that takes several answers, whether it was chosen.

        Raises:
            QuestionUnavailable: when its column or table does not exist.
        """
        question, keys = self._questions[question_id], self._choices[question_id]
        if question.child is not None:
            child = self._catalog.table(question.child.table)
            rows = _clause(child, "c")
            answer = self._named(child, question.child.answer, question)
            response = self._named(child, question.child.response, question)
            return self._flags_of_rows(
                question,
                rows,
                ValueExpr(self._exact(rows, answer), answer.type),
                self._exact(rows, response),
                keys,
            )
        if self.mapping.answers is not None and not question.delimiter:
            long = self.mapping.answers
            found = self._catalog.table(long.table)
            rows = _clause(found, "c")
            answer = self._named(found, long.answer, question)
            asked = self._is_asked(found, rows, question)
            key = self._exact(rows, self._named(found, long.response, question))
            cell = ValueExpr(self._exact(rows, answer), answer.type)
            return self._flags_of_rows(question, rows, cell, key, keys, asked)
        return several(self.database, self.answer(question_id), keys, question.delimiter)

    def _flags_of_rows(  # noqa: PLR0913, PLR0917  # The parts of a query.
        self,
        question: MappedQuestion,
        rows: FromClause,
        answer: ValueExpr,
        response: ColumnElement[Any],
        keys: tuple[str, ...],
        where: ColumnElement[bool] | None = None,
    ) -> Mapping[str, ColumnElement[bool]]:
        """Return the flags of answers that are rows of a table."""
        joined = f"m{[*self._questions].index(question.question_id)}"
        if joined not in self._joined:
            counted = [
                func.max(case((answer.is_one_of([key]), 1), else_=0)).label(f"k{place}")
                for place, key in enumerate(keys)
            ]
            statement = select(response.label("response"), *counted).select_from(rows)
            if where is not None:
                statement = statement.where(where)
            self._joined[joined] = statement.group_by(response).subquery(joined)
        found = self._joined[joined]
        return {
            key: func.coalesce(found.c[f"k{place}"], literal(0, Integer)) == 1
            for place, key in enumerate(keys)
        }

    def _long_answer(self, question: MappedQuestion) -> ValueExpr:
        """Return the answer to a question from a table with one row per answer.

        With several rows for one question and response, the largest answer counts.
        """
        long = self.mapping.answers
        assert long is not None  # noqa: S101  # Called only with such a table.
        found = self._catalog.table(long.table)
        answer = self._named(found, long.answer, question)
        joined = f"q{[*self._questions].index(question.question_id)}"
        if joined not in self._joined:
            rows = _clause(found, "l")
            response = self._exact(rows, self._named(found, long.response, question))
            value = self._exact(rows, answer)
            asked = self._is_asked(found, rows, question)
            self._joined[joined] = (
                select(response.label("response"), func.max(value).label("answer"))
                .where(and_(asked, value.is_not(None)))
                .group_by(response)
                .subquery(joined)
            )
        return ValueExpr(self._joined[joined].c.answer, answer.type)

    def given_values(self, question_id: str) -> Select[Any]:
        """Return the values of a question that takes several answers, each in a row of a table.

        Raises:
            QuestionUnavailable: when its column or table does not exist.
        """
        question = self._questions[question_id]
        if question.child is not None:
            child = self._catalog.table(question.child.table)
            rows = _clause(child, "c")
            return select(self._exact(rows, self._named(child, question.child.answer, question)))
        long = self.mapping.answers
        assert long is not None  # noqa: S101  # Called only for rows of a table.
        found = self._catalog.table(long.table)
        rows = _clause(found, "c")
        answer = self._exact(rows, self._named(found, long.answer, question))
        return select(answer).where(self._is_asked(found, rows, question))

    def _is_asked(
        self, found: CatalogTable, rows: FromClause, question: MappedQuestion
    ) -> ColumnElement[bool]:
        """Return whether a row of a long table answers a question."""
        assert self.mapping.answers is not None  # noqa: S101  # As above.
        asked = self._named(found, self.mapping.answers.question, question)
        return ValueExpr(self._exact(rows, asked), asked.type).matches([question.column])

    @cached_property
    def _response_id(self) -> ColumnElement[Any]:
        return self._column(self._about(self.mapping.response))

    def _about(self, column_name: str) -> CatalogColumn:
        found = self._table.column(column_name)
        if found is None:
            raise SurveyUnavailable(
                f"The table “{self.mapping.table}” has no column “{column_name}”.",
                remedy="Correct the mapping, or restore the column.",
            )
        return found

    def _of_question(self, question: MappedQuestion) -> CatalogColumn:
        return self._named(self._table, question.column, question)

    @staticmethod
    def _named(where: CatalogTable, column_name: str, question: MappedQuestion) -> CatalogColumn:
        found = where.column(column_name)
        if found is None:
            raise QuestionUnavailable(
                f"The table “{where.full_name}” has no column “{column_name}” for the question "
                f"“{question.question_id}”.",
                remedy="Correct the mapping, or edit the metric and choose another question.",
            )
        return found

    def _cell(self, found: CatalogColumn) -> ValueExpr:
        return ValueExpr(self._column(found), found.type)

    def _column(self, found: CatalogColumn) -> ColumnElement[Any]:
        return self._exact(self._responses, found)

    def _exact(self, rows: FromClause, found: CatalogColumn) -> ColumnElement[Any]:
        return self.database.exact(rows.c[found.name], found.type)


def _clause(found: CatalogTable, alias: str) -> FromClause:
    """Return a table of the catalogue, with names that are always quoted."""
    columns: list[ColumnClause[Any]] = [column(name(each.name)) for each in found.columns]
    schema = name(found.schema) if found.schema else None
    return table(name(found.name), *columns, schema=schema).alias(alias)


def columns_of(found: CatalogTable, *names: str) -> tuple[ColumnElement[Any], ...]:
    """Return columns of a table.

    Raises:
        SurveyUnavailable: when one does not exist.
    """
    rows = _clause(found, "t")
    for each in names:
        if found.column(each) is None:
            raise SurveyUnavailable(
                f"The table “{found.full_name}” has no column “{each}”.",
                remedy="Correct the mapping, or restore the column.",
            )
    return tuple(rows.c[each] for each in names)
