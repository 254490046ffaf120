"""What each query is counted by: the columns whose combinations the database counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    case,
    column,
    literal,
    literal_column,
)

from smaply_metrics_core import (
    Calculation,
    ExclusionReason,
    MetricQuery,
    Period,
    Question,
    QuestionKind,
    Questionnaire,
    Window,
)
from smaply_metrics_sql.counting import local_time
from smaply_metrics_sql.counting.answers import ValueExpr, no_numbers, number_or_reason
from smaply_metrics_sql.counting.local_time import Offset, offsets
from smaply_metrics_sql.counting.relation import Relation
from smaply_metrics_sql.counting.time_pieces import period_limits
from smaply_metrics_sql.counting.time_span import TimeSpan
from smaply_metrics_sql.counting.weights import NO_WEIGHT, sign_of, usable, weight_of
from smaply_metrics_sql.databases.database import ColumnType

FROM_TOTALS: Final = frozenset(
    {Calculation.AVERAGE, Calculation.SUM, Calculation.MINIMUM, Calculation.MAXIMUM}
)
"""As in the core: what totals of numbers are enough for."""

WORD: Final = 30
"""How many of several answers one integer holds, as bits."""

SECONDS: Final = "s"
"""The input of when a response was recorded, in seconds since 1970; null if it is not known."""
MOST_GROUPS: Final = 200
"""As in the core: a question or field with more values is no grouping."""
MANY: Final = 10**12
"""Stands for the different values of a column that may have one for each response."""
_YES_OR_NO: Final = 2

MakeExpr = Callable[[], ColumnElement[Any]]
"""Returns the expression of a column that is not known yet."""


@dataclass(frozen=True)
class Grouping:
    """The columns that one query is counted by, as names of ``KeyColumns``.

    Attributes:
        query: The query.
        question: Its question; ``None`` if it counts responses.
        answer: The answer to the question; several names for several answers, as bits.
        unreadable: Whether an answer is no number.
        group: The question or field that it is grouped by.
        filters: For each filter, whether a response has one of its values.
        times: The columns of time that it needs: the window and the period.
        left_out: Why a response is excluded, as a place in ``reasons``.
        reasons: Why responses of the survey can be excluded; ``None`` for those that count.
        weight: Whether a response has a weight, for a weighted query; its name is that of the
            weight in ``KeyColumns.weights``.
        number: Numbers that are added up for each combination, instead of being counted by.
    """

    query: MetricQuery
    question: Question | None
    answer: tuple[str, ...]
    unreadable: str | None
    group: str | None
    filters: tuple[str, ...]
    times: tuple[str, ...]
    left_out: str
    reasons: tuple[ExclusionReason | None, ...]
    weight: str | None = None
    number: str | None = None

    def columns(self) -> tuple[str, ...]:
        """Return the names of all columns, each once."""
        optional = [one for one in (self.unreadable, self.group, self.weight) if one is not None]
        every = (self.left_out, *self.times, *self.filters, *optional, *self.answer)
        return tuple(dict.fromkeys(every))


class KeyColumns:
    """The columns of all queries of a survey; queries that need the same share it.

    Each is computed in two steps, so that what several of them need is computed once for a row:
    the time in UTC, and the number in the cell of a weight.

    Args:
        relation: The rows.
        questionnaire: The survey.
        span: The responses in time.

    Attributes:
        inputs: The first step: expressions over the rows, by the name that ``expressions`` use.
        expressions: The second step: the expression of each column by its name, over ``inputs``.
        reads: The names of the inputs of each column.
        weights: The expression of each weight by its name, over ``inputs``; null without one.
        sizes: About how many different values each column has.
        limits: The limits of the pieces of each column of time, see ``time_pieces``. It has no
            expression: a statement counts by the pieces of all its columns of time.
        flags: How many values each column has that is a small number, from 0 on, and never null.
            A statement counts by all its flags as one number.
        texts: The columns whose values may be texts, which are slower to count by than integers.
    """

    def __init__(self, relation: Relation, questionnaire: Questionnaire, span: TimeSpan) -> None:
        self._relation = relation
        self._questions = {one.id: one for one in questionnaire.walk()}
        self._span = span
        self._names: dict[object, str] = {}
        self.inputs: dict[str, ColumnElement[Any]] = {
            SECONDS: utc_seconds(relation, span, whole=False)
        }
        self.expressions: dict[str, ColumnElement[Any]] = {}
        self.reads: dict[str, tuple[str, ...]] = {}
        self.weights: dict[str, ColumnElement[Any]] = {}
        self.sizes: dict[str, int] = {}
        self.limits: dict[str, tuple[int, ...]] = {}
        self.flags: dict[str, int] = {}
        self.texts: set[str] = set()
        self._filtered: dict[str, tuple[str, str]] = {}
        status = relation.mapping.status
        reasons = () if status is None else dict.fromkeys(status.exclude.values())
        self._reasons = (None, *reasons)

    def implied(self, name: str) -> str | None:
        """Return the column that determines the column of a filter; ``None`` if there is none."""
        filtered = self._filtered.get(name)
        return None if filtered is None else self._names.get(filtered)

    def grouping(self, query: MetricQuery) -> Grouping:
        """Return what a query is counted by; it fits the survey.

        Raises:
            MetricsError: when a column does not exist, or has a type that does not fit.
        """
        definition, group_by = query.definition, query.definition.group_by
        question = None
        answer: tuple[str, ...] = ()
        unreadable = group = None
        times = self._window(query.windows)
        if definition.question_id is not None:
            question = self._questions[definition.question_id]
            answer, unreadable = self._answer(question)
        if group_by is not None and group_by.kind == "period":
            times += self._period(Period(group_by.of), query)
        elif group_by is not None and group_by.kind == "field":
            group = self._cell(("field", group_by.of), self._relation.field(group_by.of))
        elif group_by is not None and group_by.kind == "question":
            group = self._cell(("question", group_by.of), self._relation.answer(group_by.of))
        filters = tuple(self._filter(one.kind, one.of, one.values) for one in definition.filters)
        left_out = self._flag(
            ("left_out",), lambda: self._relation.left_out(self._reason), size=len(self._reasons)
        )
        return Grouping(
            query,
            question,
            answer,
            unreadable,
            group,
            filters,
            times,
            left_out,
            self._reasons,
            self._weight(query),
        )

    def totals(self, grouping: Grouping) -> Grouping | None:
        """Return the grouping that adds up the numbers that a query is counted by.

        ``None`` if its calculation needs each number.
        """
        question, calculation = grouping.question, grouping.query.definition.calculation
        if (
            question is None
            or question.kind is not QuestionKind.NUMBER
            or calculation not in FROM_TOTALS
        ):
            return None
        (number,) = grouping.answer
        key = ("question", question.id, "has number")
        if key not in self._names:
            given = self._name(key, _YES_OR_NO)
            self.expressions[given] = case((column(number).is_not(None), 1), else_=0)
            self.reads[given] = (number,)
            self.flags[given] = _YES_OR_NO
        return replace(grouping, answer=(self._names[key],), number=number)

    def _add(self, key: object, make: MakeExpr, *, size: int) -> str:
        """Return the name of a column that is computed from the rows."""
        if key not in self._names:
            found = self._name(key, size)
            self.inputs[found] = make()
            self.expressions[found] = column(found)
            self.reads[found] = (found,)
        return self._names[key]

    def _reason(self, why: ExclusionReason | None) -> ColumnElement[int]:
        return literal_column(str(self._reasons.index(why)))

    def _flag(self, key: object, make: MakeExpr, *, size: int = _YES_OR_NO) -> str:
        """Return the name of a flag that is computed from the rows."""
        found = self._add(key, make, size=_YES_OR_NO)
        self.flags[found] = size
        return found

    def _time(self, limits: Sequence[int]) -> tuple[str, ...]:
        """Return the name of a column of time; none if it has no limits."""
        key = ("time", *limits)
        if limits and key not in self._names:
            self.limits[self._name(key, len(limits) + 1)] = tuple(limits)
        return (self._names[key],) if limits else ()

    def _name(self, key: object, size: int) -> str:
        self._names[key] = found = f"k{len(self._names)}"
        self.sizes[found] = size
        return found

    def _cell(self, key: object, cell: ValueExpr, size: int = MOST_GROUPS) -> str:
        found = self._add(key, cell.filled, size=size)
        if cell.type is not ColumnType.INTEGER:
            self.texts.add(found)
        return found

    def _answer(self, question: Question) -> tuple[tuple[str, ...], str | None]:
        """Return the columns of an answer, and the one of whether it is no number."""
        key = ("question", question.id)
        if question.kind is QuestionKind.MULTIPLE_CHOICE:
            flags = [*self._relation.flags(question.id).values()]
            words = [flags[start : start + WORD] for start in range(0, len(flags), WORD)]
            return (
                tuple(
                    self._add((*key, place), partial(_bits, word), size=1 << len(word))
                    for place, word in enumerate(words)
                ),
                None,
            )
        cell = self._relation.answer(question.id)
        if question.kind is QuestionKind.NUMBER:
            found = number_or_reason(self._relation.database, cell)
            if found is None:
                raise no_numbers(question.id, cell.type)
            number, unreadable = found
            return (self._add((*key, "number"), lambda: number, size=MANY),), self._flag(
                (*key, "unreadable"), lambda: _yes_or_no(unreadable)
            )
        if not question.choices:
            # Free text never leaves the database.
            return (self._flag((*key, "given"), lambda: _given(cell)),), None
        return (self._cell(key, cell, len(question.choices) + 1),), None

    def _weight(self, query: MetricQuery) -> str | None:
        """Return the column of whether a response has a weight; ``None`` without weights."""
        wanted = query.definition.weight
        if wanted is None:
            return None
        key = (wanted.kind, wanted.of, "weight")
        if wanted.kind == "field":
            cell = self._relation.field(wanted.of)
        else:
            cell = self._relation.answer(wanted.of)
        choices = () if wanted.kind == "field" else self._questions[wanted.of].choices
        if key not in self._names:
            sign = self._name(key, _YES_OR_NO)
            number, given = column(f"{sign}n", Float), column(f"{sign}g", Boolean)
            self.inputs[number.name], self.inputs[given.name] = weight_of(
                self._relation, wanted.of, cell, choices
            )
            self.reads[sign] = (number.name, given.name)
            self.expressions[sign] = sign_of(number, given)
            self.flags[sign] = len(NO_WEIGHT)
            self.weights[sign] = case((usable(number), number))
        return self._names[key]

    def _filter(self, kind: str, of: str, values: tuple[str, ...]) -> str:
        """Return the column of whether a response has one of the values; excluding is for later."""
        key = ("filter", kind, of, values)
        if kind == "question" and self._questions[of].kind is QuestionKind.MULTIPLE_CHOICE:
            flags = self._relation.flags(of)
            chosen = [flags[value] for value in values if value in flags]
            return self._flag(key, lambda: _any(chosen))
        cell = self._relation.field(of) if kind == "field" else self._relation.answer(of)
        found = self._flag(key, lambda: _yes_or_no(cell.matches(values)))
        self._filtered[found] = (kind, of)
        return found

    def _window(self, windows: Sequence[Window]) -> tuple[str, ...]:
        """Return the column of the stretches between the limits of windows."""
        limits = {int(one.timestamp()) for each in windows for one in (each.start, each.end) if one}
        return self._time(sorted(limits))

    def _period(self, period: Period, query: MetricQuery) -> tuple[str, ...]:
        """Return the column of periods."""
        first, last = self._span.first, self._span.last
        limits = period_limits(period, query.zone, query.week_start, first, last)
        # Without a limit all are in one period, or without a date, and one limit tells these apart.
        return self._time(limits or (first,))


def utc_seconds(relation: Relation, span: TimeSpan, *, whole: bool = True) -> ColumnElement[Any]:
    """Return when responses were recorded; null if there is no time.

    Args:
        relation: The rows.
        span: The responses in time.
        whole: Whether the seconds have to be whole and finite.
    """
    epoch = relation.epoch if whole else relation.fractional_epoch
    if span.certain:
        epoch = relation.finite_epoch
    zone = offsets(relation.mapping.recorded_at.zone, span.first, span.last)
    seconds: ColumnElement[Any] = epoch.seconds
    if zone == (Offset(zone[0].begins, 0),) or epoch.is_local is False:
        return seconds
    converted = local_time.utc_seconds(seconds, zone)
    if epoch.is_local is True:
        return converted
    return case((epoch.is_local, converted), else_=seconds)


def _bits(flags: Sequence[ColumnElement[bool]]) -> ColumnElement[int]:
    """Return flags as the bits of a number."""
    total: ColumnElement[Any] = literal(0, BigInteger)
    for place, flag in enumerate(flags):
        total = total + case((flag, literal(1 << place, BigInteger)), else_=0)
    return total


def _any(flags: Sequence[ColumnElement[bool]]) -> ColumnElement[Any]:
    whens = [(flag, 1) for flag in flags]
    return case(*whens, else_=0) if whens else literal(0)


def _given(cell: ValueExpr) -> ColumnElement[Any]:
    return _yes_or_no(cell.filled().is_not(None))


def _yes_or_no(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, literal_column("1")), else_=literal_column("0"))
