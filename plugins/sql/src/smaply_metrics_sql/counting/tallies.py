"""Tallies from the counts of a database, by the same rules as from rows.

Each combination becomes one row that stands for several responses, and the core counts these rows.
So what is an answer, an exclusion or a group is decided where it is for every source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from smaply_metrics_core import (
    Choice,
    MetricsError,
    QuestionKind,
    Questionnaire,
    Tally,
)
from smaply_metrics_core.calculations import UNREADABLE as UNREADABLE_ANSWER
from smaply_metrics_core.calculations import CombinedRows, TallyColumns, TallyRequest, tally_all
from smaply_metrics_sql.counting.answers import key_text
from smaply_metrics_sql.counting.grouping import REASONS, WORD, Grouping
from smaply_metrics_sql.counting.number_sums import with_totals
from smaply_metrics_sql.counting.statement import CombinationCounts
from smaply_metrics_sql.counting.weights import UNREADABLE, WEIGHTS


def tally_of(
    grouping: Grouping,
    counted: CombinationCounts,
    questionnaire: Questionnaire,
    as_of: datetime,
) -> Tally:
    """Return the tally of a query.

    Raises:
        MetricsError: when the counts do not allow it, such as too many groups.
    """
    query, question = grouping.query, grouping.question
    group_by = query.definition.group_by
    labels = {}
    if group_by is not None and group_by.kind == "question":
        labels = {one.key: one.label for one in questionnaire.question(group_by.of).choices}
    several = question is not None and question.kind is QuestionKind.MULTIPLE_CHOICE
    keys = tuple(choice.key for choice in question.choices) if several and question else ()
    is_number = question is not None and question.kind is QuestionKind.NUMBER
    choices = question.choices if question is not None else ()
    if counted.numbers is not None:  # The numbers of a combination are one answer: its place.
        places = map(str, range(len(counted.numbers)))
        choices = tuple(Choice(key=place, label=place) for place in places)
    weight = weights = squares = None
    if grouping.weight is not None:
        weight, weights, squares = (pl.col(name) for name in ("weight", "weights", "squares"))
    columns = TallyColumns(
        recorded=pl.col("recorded"),
        left_out=pl.col("left_out"),
        answer=None if several or question is None else pl.col("answer"),
        answers={key: pl.col(f"a{place}") for place, key in enumerate(keys)},
        number=is_number and counted.numbers is None,
        unanswered=None if counted.numbers is None else pl.col("unanswered"),
        group=None if grouping.group is None else pl.col("group"),
        filters={
            (wanted.kind, wanted.of): pl.col(f"f{place}")
            for place, wanted in enumerate(query.definition.filters)
        },
        weight=weight,
        combined=CombinedRows(pl.col("responses"), weights, squares),
    )
    request = TallyRequest(
        query,
        columns,
        choices=choices,
        group_labels=labels,
        notes=questionnaire.notes,
        question_text=questionnaire.wording(query.definition.question_id),
    )
    found = tally_all(_frame(grouping, counted, keys), [request], as_of=as_of)[query.id]
    if isinstance(found, MetricsError):
        raise found
    return found if counted.numbers is None else with_totals(found, counted.numbers)


def _frame(grouping: Grouping, counted: CombinationCounts, keys: Sequence[str]) -> pl.DataFrame:
    """Return the combinations as rows."""
    filters = grouping.query.definition.filters
    given = counted.keys
    recorded = [
        None if first is None else datetime.fromtimestamp(first, UTC) for first in counted.firsts
    ]
    data: dict[str, pl.Series] = {
        "recorded": pl.Series(recorded, dtype=pl.Datetime("us", "UTC")),
        "left_out": _named(REASONS, given[grouping.left_out]),
        "responses": pl.Series(counted.responses, dtype=pl.Int64),
    }
    if grouping.weight is not None:
        weights, squares = counted.weights[grouping.weight]
        data["weight"] = _named(WEIGHTS, given[grouping.weight])
        data["weights"] = pl.Series(weights, dtype=pl.Float64)
        data["squares"] = pl.Series(squares, dtype=pl.Float64)
    if grouping.group is not None:
        data["group"] = _texts(given[grouping.group])
    for place, (column, wanted) in enumerate(zip(grouping.filters, filters, strict=True)):
        # The core looks for the values again: one of them stands for all.
        data[f"f{place}"] = _texts(wanted.values[0] if one else None for one in given[column])
    if keys:
        for place in range(len(keys)):
            bits = given[grouping.answer[place // WORD]]
            data[f"a{place}"] = pl.Series(
                [bool(int(one or 0) >> place % WORD & 1) for one in bits], dtype=pl.Boolean
            )
    elif counted.numbers is not None:
        has_number, unreadable = given[grouping.answer[0]], given[str(grouping.unreadable)]
        data["answer"] = _texts(place if one else None for place, one in enumerate(has_number))
        data["unanswered"] = _texts(UNREADABLE_ANSWER if one else None for one in unreadable)
    elif grouping.answer:
        data["answer"] = _texts(_answers(grouping, counted))
    return pl.DataFrame(data)


def _named(names: Sequence[str], places: Iterable[Any]) -> pl.Series:
    texts = [None if place is None else str(names[int(place)]) for place in places]
    return pl.Series(texts, dtype=pl.String)


def _answers(grouping: Grouping, counted: CombinationCounts) -> Sequence[object]:
    answers = counted.keys[grouping.answer[0]]
    if grouping.unreadable is None:
        return answers
    unreadable = counted.keys[grouping.unreadable]
    return [UNREADABLE if bad else one for bad, one in zip(unreadable, answers, strict=True)]


def _texts(values: Iterable[Any]) -> pl.Series:
    return pl.Series([key_text(value) for value in values], dtype=pl.String)
