"""The numbers of answers that filters remove, so that filters cannot describe few respondents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from smaply_metrics_core.calculations.small_groups import answers_of
from smaply_metrics_core.models.query import (
    ENTERED,
    Calculation,
    Definition,
    MetricType,
    is_by_row,
)
from smaply_metrics_core.models.result import Result, WindowResult
from smaply_metrics_core.models.tally import Tally, WindowTally, fewest_respondents

_COUNT: Final = {
    "calculation": Calculation.ANSWERED,
    "answers": (),
    "top_answers": (),
    "bottom_answers": (),
    "reverse_scale": False,
}
"""The number of answers is the same for every calculation."""


def relaxed_definitions(definition: Definition) -> Iterator[Definition]:
    """Yield the definitions that count what the filters remove: without all, and without each."""
    filters = definition.filters
    if not filters or definition.calculation in ENTERED:
        return
    type_, group_by = MetricType.NUMBER, None
    if is_by_row(definition.group_by):
        type_, group_by = MetricType.SERIES, definition.group_by
    elif definition.compares:
        type_ = MetricType.COMPARISON
    plain = definition.model_copy(
        update={
            "type": type_,
            "group_by": group_by,
            "compare_groups": definition.compare_groups and group_by is not None,
            "rolling": None,
            **({} if definition.weight is not None else _COUNT),
        }
    )
    if definition.question_id is None:
        plain = plain.model_copy(update={"calculation": Calculation.RESPONSES})
    if plain.calculation is Calculation.DISTRIBUTION:
        plain = plain.model_copy(update={"type": MetricType.SERIES})
    yield plain.model_copy(update={"filters": ()})
    if len(filters) > 1:
        for place in range(len(filters)):
            rest = (*filters[:place], *filters[place + 1 :])
            yield plain.model_copy(update={"filters": rest})


def add_filtered_out(result: Result, definition: Definition, relaxed: Sequence[Tally]) -> Result:
    """Return a result with the smallest number of answers that its filters removed.

    Where a respondent may have given several answers, it is that of the respondents, if smaller. In
    a matrix it is the smallest of all rows.

    Args:
        result: The result.
        definition: Its definition.
        relaxed: The tallies of its ``relaxed_definitions``.

    Raises:
        KeyError: if a tally lacks a window.
    """

    def counted(window: WindowResult) -> WindowResult:
        tallies = [tally.window(window.window.name) for tally in relaxed]
        if is_by_row(definition.group_by):
            removed = _removed_from_rows(result, tallies)
        else:
            removed = [_removed(window, tally, definition) for tally in tallies]
        return window.model_copy(update={"filtered_out": min(filter(None, removed), default=0)})

    if not relaxed:
        return result
    previous = None if result.previous is None else counted(result.previous)
    return result.model_copy(update={"current": counted(result.current), "previous": previous})


def _removed(window: WindowResult, relaxed: WindowTally, definition: Definition) -> int:
    answers = abs(answers_of(relaxed.total, definition) - answers_of(window, definition))
    kept, every = (
        window.fewest_respondents,
        fewest_respondents(relaxed.respondents, relaxed.total),
    )
    if not answers or kept is None or every is None:
        return answers
    return max(1, min(answers, every - kept))


def _removed_from_rows(result: Result, relaxed: Sequence[WindowTally]) -> list[int]:
    kept = {group.key: group.answered for group in result.groups}
    return [
        abs(group.counts.answered - kept.get(group.key, 0))
        for window in relaxed
        for group in window.groups
    ]
