"""Tallies from the counts of a database, by the same rules as from rows.

The core reads each combination as it reads a row. So what is an answer, an exclusion or a group is
decided where it is for every source.
"""

from __future__ import annotations

from datetime import UTC, datetime

from smaply_metrics_core import Choice, QuestionKind, Questionnaire, Tally
from smaply_metrics_core.calculations import (
    UNREADABLE,
    Combination,
    CombinationRequest,
    tally_combinations,
)
from smaply_metrics_sql.counting.answers import key_text
from smaply_metrics_sql.counting.counts import CombinationCounts, CountedCombination
from smaply_metrics_sql.counting.grouping import WORD, Grouping
from smaply_metrics_sql.counting.number_sums import NumberSums, with_totals
from smaply_metrics_sql.counting.weights import NO_WEIGHT


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
    choices = question.choices if question is not None else ()
    numbers: list[NumberSums] = []
    if grouping.number is not None:  # The numbers of a combination are one answer: its place.
        numbers = [one.numbers for one in counted if one.numbers is not None]
        places = map(str, range(len(numbers)))
        choices = tuple(Choice(key=place, label=place) for place in places)
    request = CombinationRequest(
        query,
        number=question is not None
        and question.kind is QuestionKind.NUMBER
        and grouping.number is None,
        several=question is not None and question.kind is QuestionKind.MULTIPLE_CHOICE,
        choices=choices,
        group_labels=labels,
        notes=questionnaire.notes,
        question_text=questionnaire.wording(query.definition.question_id),
    )
    read = (_combination(grouping, one, place) for place, one in enumerate(counted))
    found = tally_combinations(read, request, as_of=as_of)
    return found if grouping.number is None else with_totals(found, numbers)


def _combination(grouping: Grouping, one: CountedCombination, place: int) -> Combination:
    """Return a combination as the core reads it."""
    values = one.values
    left_out = grouping.reasons[values[grouping.left_out]]
    unreadable = grouping.unreadable is not None and values[grouping.unreadable]
    return Combination(
        responses=one.responses,
        recorded=None if one.second is None else datetime.fromtimestamp(one.second, UTC),
        left_out=None if left_out is None else str(left_out),
        answers=_answers(grouping, one, place),
        unanswered=UNREADABLE if unreadable else None,
        group=None if grouping.group is None else key_text(values[grouping.group]),
        passes=tuple(bool(values[name]) for name in grouping.filters),
        no_weight=None if grouping.weight is None else NO_WEIGHT[values[grouping.weight]],
        weights=one.weights,
        squares=one.squares,
    )


def _answers(grouping: Grouping, one: CountedCombination, place: int) -> tuple[str, ...]:
    """Return the keys of answers; a number as text."""
    question = grouping.question
    if question is None:
        return ()
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        words = [int(one.values[name] or 0) for name in grouping.answer]
        return tuple(
            choice.key
            for bit, choice in enumerate(question.choices)
            if words[bit // WORD] >> bit % WORD & 1
        )
    (name,) = grouping.answer
    if grouping.number is not None:
        return (str(place),) if one.values[name] else ()
    text = key_text(one.values[name])
    if not question.choices and question.kind is not QuestionKind.NUMBER:
        return ("given",) if one.values[name] else ()  # Free text never leaves the database.
    return () if text is None else (text,)
