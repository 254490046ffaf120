"""Metrics of all rows of a matrix: one query per row, and their tallies as groups of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.errors import GroupingRefused, QueryInvalid
from smaply_metrics_core.models.query import Calculation, Definition, MetricQuery, MetricType
from smaply_metrics_core.models.survey import Question, QuestionKind
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, Weights, WindowTally

ROWS_NOTE: Final = (
    "Each row has its own value, and there is none for all rows together. The same people answered "
    "the rows, so their intervals do not show whether two rows differ. The number of answers is "
    "that of the row with the most."
)
"""The note on a result that is grouped by row."""

NO_OVERALL: Final = "Each row has its own value."


_KINDS: Final = frozenset(
    {
        QuestionKind.SINGLE_CHOICE,
        QuestionKind.MULTIPLE_CHOICE,
        QuestionKind.NPS,
        QuestionKind.NUMBER,
    }
)
"""The kinds of sub-questions that are rows: not the free text of a row, or further headings."""


def rows_of(question: Question) -> tuple[Question, ...]:
    """Return the rows of a question, in their order; none if it is not a matrix.

    The free text of a row, and headings of further rows, are no rows.
    """
    if question.kind is not QuestionKind.GROUP:
        return ()
    return tuple(one for one in question.sub_questions if one.kind in _KINDS)


def row_questions(definition: Definition, question: Question | None) -> tuple[Question, ...]:
    """Return the rows of a metric that is grouped by row.

    Args:
        definition: The metric.
        question: Its question.

    Raises:
        QueryInvalid: without a question.
        GroupingRefused: if the question has no rows, the rows have different answers, or the
            calculation does not depend on the row.
    """
    if question is None:
        raise QueryInvalid(
            "A metric without a question cannot be grouped by row.",
            remedy="Choose a matrix, or group by field:NAME or period:month.",
        )
    rows = rows_of(question)
    if not rows:
        raise GroupingRefused(
            f"{question.id} has no rows to group by.",
            remedy="Choose a matrix, or another group-by.",
        )
    if definition.calculation is Calculation.RESPONSES:
        raise GroupingRefused(
            "The number of responses is the same for every row.",
            remedy="Use answered with this group-by.",
        )
    first, *others = rows
    for row in others:
        if (row.kind, row.choices) != (first.kind, first.choices):
            raise GroupingRefused(
                f"The rows of {question.id} have different answers: {row.id} does not have those "
                f"of {first.id}.",
                remedy="Make one metric for each row.",
            )
    return rows


def row_queries(query: MetricQuery, rows: Iterable[str]) -> tuple[MetricQuery, ...]:
    """Return one query for each row, which is the id of a question."""
    definition = query.definition
    type_ = MetricType.COMPARISON if definition.compares else MetricType.NUMBER
    if CALCULATIONS[definition.calculation].several:
        type_ = MetricType.SERIES
    shape = {"type": type_, "group_by": None, "compare_groups": False}
    return tuple(
        query.model_copy(
            update={
                "id": f"{query.id} row {place}",
                "definition": definition.model_copy(update={**shape, "question_id": row}),
            }
        )
        for place, row in enumerate(rows)
    )


def combine_rows(rows: Mapping[str, str], tallies: Sequence[Tally]) -> Tally:
    """Return the tally of a query that is grouped by row.

    Its total is that of the row with the most answers, without the single answers: nothing is
    added up over rows.

    Args:
        rows: The text of each row by the id of its question; at least one.
        tallies: The tallies of ``row_queries``.

    Raises:
        GroupingRefused: if the rows have different answers, as when the survey has just changed.
    """
    first = tallies[0]
    if any((one.choices, one.multiple) != (first.choices, first.multiple) for one in tallies):
        raise GroupingRefused(
            "The rows of the matrix have different answers.", remedy="Make one metric for each row."
        )
    return first.model_copy(
        update={
            "windows": tuple(
                _window(rows, [tally.window(window.window) for tally in tallies])
                for window in first.windows
            ),
            "pooled": any(tally.pooled for tally in tallies),
            "notes": tuple(dict.fromkeys(chain.from_iterable(one.notes for one in tallies))),
        }
    )


def _window(rows: Mapping[str, str], windows: Sequence[WindowTally]) -> WindowTally:
    fullest = max(windows, key=lambda window: window.total.answered)
    most = fullest.total
    return WindowTally(
        window=windows[0].window,
        excluded=fullest.excluded,
        respondents=fullest.respondents,
        total=Counts(
            responses=most.responses,
            answered=most.answered,
            unanswered=most.unanswered,
            weights=most.weights
            and Weights(responses=most.weights.responses, answered=most.weights.answered),
        ),
        groups=tuple(
            GroupCounts(key=row, label=text, counts=window.total)
            for (row, text), window in zip(rows.items(), windows, strict=True)
        ),
    )
