"""What each query is counted by: the columns whose combinations the database counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Float,
    and_,
    case,
    column,
    literal,
    null,
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
from smaply_metrics_sql.counting.time_span import EARLIEST, LATEST, TimeSpan
from smaply_metrics_sql.counting.weights import sign_of, usable, weight_of

REASONS: Final = (*ExclusionReason,)
"""Why a response is excluded, by the number that a statement groups by."""
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
_FEW: Final = 2
_UTC: Final = column(SECONDS, BigInteger)

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
        others: Columns that only tell rows apart: the window and the period.
        left_out: Why a response is excluded.
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
    others: tuple[str, ...]
    left_out: str
    weight: str | None = None
    number: str | None = None

    def columns(self) -> tuple[str, ...]:
        """Return the names of all columns, each once."""
        optional = [one for one in (self.unreadable, self.group, self.weight) if one is not None]
        every = (self.left_out, *self.others, *self.filters, *optional, *self.answer)
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
        times: The columns that divide time.
    """

    def __init__(self, relation: Relation, questionnaire: Questionnaire, span: TimeSpan) -> None:
        self._relation = relation
        self._questions = {one.id: one for one in questionnaire.walk()}
        self._span = span
        self._names: dict[object, str] = {}
        self.inputs: dict[str, ColumnElement[Any]] = {SECONDS: utc_seconds(relation, span)}
        self.expressions: dict[str, ColumnElement[Any]] = {}
        self.reads: dict[str, tuple[str, ...]] = {}
        self.weights: dict[str, ColumnElement[Any]] = {}
        self.sizes: dict[str, int] = {}
        self.times: set[str] = set()
        self._filtered: dict[str, tuple[str, str]] = {}

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
        others = [self._window(query.windows)]
        if definition.question_id is not None:
            question = self._questions[definition.question_id]
            answer, unreadable = self._answer(question)
        if group_by is not None and group_by.kind == "period":
            others.append(self._period(Period(group_by.of), query))
        elif group_by is not None and group_by.kind == "field":
            group = self._cell(("field", group_by.of), self._relation.field(group_by.of))
        elif group_by is not None and group_by.kind == "question":
            group = self._cell(("question", group_by.of), self._relation.answer(group_by.of))
        filters = tuple(self._filter(one.kind, one.of, one.values) for one in definition.filters)
        left_out = self._add(
            ("left_out",), lambda: self._relation.left_out(REASONS.index), size=_FEW
        )
        return Grouping(
            query,
            question,
            answer,
            unreadable,
            group,
            filters,
            tuple(others),
            left_out,
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
            given = self._name(key, _FEW)
            self.expressions[given] = case((column(number).is_not(None), 1))
            self.reads[given] = (number,)
        return replace(grouping, answer=(self._names[key],), number=number)

    def _add(self, key: object, make: MakeExpr, *, size: int) -> str:
        """Return the name of a column that is computed from the rows."""
        if key not in self._names:
            found = self._name(key, size)
            self.inputs[found] = make()
            self.expressions[found] = column(found)
            self.reads[found] = (found,)
        return self._names[key]

    def _add_time(self, key: object, make: MakeExpr, *, size: int) -> str:
        """Return the name of a column that is computed from the time in UTC."""
        if key not in self._names:
            found = self._name(key, size)
            self.expressions[found] = make()
            self.reads[found] = (SECONDS,)
            self.times.add(found)
        return self._names[key]

    def _name(self, key: object, size: int) -> str:
        self._names[key] = found = f"k{len(self._names)}"
        self.sizes[found] = size
        return found

    def _cell(self, key: object, cell: ValueExpr, size: int = MOST_GROUPS) -> str:
        return self._add(key, cell.filled, size=size)

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
            return (self._add((*key, "number"), lambda: number, size=MANY),), self._add(
                (*key, "unreadable"), lambda: unreadable, size=_FEW
            )
        if not question.choices:
            # Free text never leaves the database.
            return (self._add((*key, "given"), lambda: _given(cell), size=_FEW),), None
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
            sign = self._name(key, _FEW)
            number, other = column(f"{sign}n", Float), column(f"{sign}u", Boolean)
            self.inputs[number.name], self.inputs[other.name] = weight_of(
                self._relation, wanted.of, cell, choices
            )
            self.reads[sign] = (number.name, other.name)
            self.expressions[sign] = sign_of(number, other)
            self.weights[sign] = case((usable(number), number))
        return self._names[key]

    def _filter(self, kind: str, of: str, values: tuple[str, ...]) -> str:
        """Return the column of whether a response has one of the values; excluding is for later."""
        key = ("filter", kind, of, values)
        if kind == "question" and self._questions[of].kind is QuestionKind.MULTIPLE_CHOICE:
            flags = self._relation.flags(of)
            chosen = [flags[value] for value in values if value in flags]
            return self._add(key, lambda: _any(chosen), size=_FEW)
        cell = self._relation.field(of) if kind == "field" else self._relation.answer(of)
        found = self._add(key, lambda: cell.is_one_of(values), size=_FEW)
        self._filtered[found] = (kind, of)
        return found

    def _window(self, windows: Sequence[Window]) -> str:
        """Return the number of a stretch between the limits of windows; null without a date."""
        limits = sorted(
            {_second(one) for each in windows for one in (each.start, each.end) if one is not None}
        )
        return self._add_time(
            ("window", *limits), lambda: _stretch(_UTC, limits), size=len(limits) + 1
        )

    def _period(self, period: Period, query: MetricQuery) -> str:
        """Return a column that is equal for responses in one period, and for no others."""
        local = local_time.local_seconds(
            _UTC, offsets(query.zone, self._span.first, self._span.last)
        )
        days = (self._span.last - self._span.first) // local_time.DAY + 1
        match period:
            case Period.DAY:
                return self._add_time(
                    ("day", query.zone), lambda: local_time.day_start(local), size=days
                )
            case Period.WEEK:
                return self._add_time(
                    ("week", query.zone, query.week_start),
                    lambda: local_time.week_start_second(local, query.week_start),
                    size=days // 7 + 1,
                )
            case _:  # Months are parts of quarters and years.
                return self._add_time(
                    ("month", query.zone),
                    lambda: self._relation.database.month(local),
                    size=days // 30 + 1,
                )


def utc_seconds(relation: Relation, span: TimeSpan) -> ColumnElement[Any]:
    """Return when responses were recorded; null where it is not known."""
    epoch = relation.finite_epoch if span.certain else relation.epoch
    zone = offsets(relation.mapping.recorded_at.zone, span.first, span.last)
    seconds: ColumnElement[Any] = epoch.seconds
    if zone != (Offset(zone[0].begins, 0),) and epoch.is_local is not False:
        converted = local_time.utc_seconds(seconds, zone)
        seconds = (
            converted
            if epoch.is_local is True
            else case((epoch.is_local, converted), else_=seconds)
        )
    if span.certain:
        return seconds
    return case((and_(seconds >= EARLIEST, seconds < LATEST), seconds), else_=null())


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
    return case((cell.filled().is_not(None), 1), else_=null())


def _stretch(seconds: ColumnElement[Any], limits: Sequence[int]) -> ColumnElement[Any]:
    whens = [
        (seconds < literal(limit, BigInteger), literal(place)) for place, limit in enumerate(limits)
    ]
    return case((seconds.is_(None), null()), *whens, else_=literal(len(limits)))


def _second(instant: datetime) -> int:
    return int(instant.timestamp())
