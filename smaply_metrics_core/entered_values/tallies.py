"""Answers queries from a table of entered values: the newest value of each window and group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from smaply_metrics_core.date_ranges import (
    midnight,
    period_key,
    period_label,
    period_start,
    zone_info,
)
from smaply_metrics_core.entered_values.tables import EnteredRow, EnteredTable
from smaply_metrics_core.errors import CalculationRefused, MetricsError, QuestionUnavailable
from smaply_metrics_core.models.query import MetricQuery, Period, Window
from smaply_metrics_core.models.survey import (
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.tally import Counts, EnteredValue, GroupCounts, Tally, WindowTally

QUESTION: Final = "value"
"""The id of the only question of a table."""
LABEL: Final = "label"
"""The name of the embedded field with the labels of the values."""


def questionnaire_of(table: EnteredTable) -> Questionnaire:
    """Return a table as a survey: one question, and a field if values have labels."""
    question = Question(
        id=QUESTION,
        text=table.name,
        kind=QuestionKind.ENTERED,
        calculations=(table.unit.calculation,),
        note="Its values were entered.",
    )
    return Questionnaire(
        survey=Survey(id=table.id, name=table.name),
        questions=(question,),
        fields=(EmbeddedField(name=LABEL, label="Label"),) if table.labels else (),
    )


def answer(table: EnteredTable, query: MetricQuery, as_of: datetime) -> Tally | MetricsError:
    """Return the tally of a query, or why there is none.

    The value of a window is the newest one without a label or, if there are none in the table, the
    newest one of the only label that the filters leave.
    """
    definition, zone = query.definition, zone_info(query.zone)
    if definition.question_id != QUESTION or definition.calculation is not table.unit.calculation:
        return QuestionUnavailable(
            f"“{table.name}” has only the question {QUESTION}, with {table.unit.calculation}.",
            remedy="Edit the metric and choose this question and calculation.",
        )
    rows = [
        row
        for row in table.rows
        if midnight(row.day, zone) <= as_of
        and all((row.label in one.values) != one.exclude for one in definition.filters)
    ]
    group_by = definition.group_by
    by_label = group_by is not None and group_by.kind == "field"
    labels = {row.label for row in rows}
    whole = "" if "" in labels or len(labels) > 1 else next(iter(labels), "")
    if "" not in labels and len(labels) > 1 and not by_label:
        return CalculationRefused(
            f"The values of “{table.name}” have {len(labels):,} labels, and none is for the whole.",
            remedy="Add a filter for one label, use a Series grouped by label, or enter values "
            "without a label.",
        )

    def tally(window: Window) -> WindowTally:
        within = [row for row in rows if window.includes(midnight(row.day, zone))]
        total = [row for row in within if row.label == whole]
        groups: tuple[GroupCounts, ...] = ()
        if by_label:
            found = _groups(within, lambda row: (row.label, row.label))
            groups = tuple(found[label] for label in table.labels if label in found)
        elif group_by is not None:
            period = Period(group_by.of)

            def start(row: EnteredRow) -> tuple[str, str]:
                first = period_start(period, row.day, query.week_start)
                return period_key(period, first), period_label(period, first)

            groups = tuple(_groups(total, start).values())
        return WindowTally(window=window.name, total=_newest(total), groups=groups)

    return Tally(windows=tuple(map(tally, query.windows)), as_of=as_of)


def _groups(
    rows: Sequence[EnteredRow], key_and_label: Callable[[EnteredRow], tuple[str, str]]
) -> dict[str, GroupCounts]:
    """Return the newest value of each group by its key, in the order of their oldest values."""
    found = {}
    for row in rows:
        key, label = key_and_label(row)
        found[key] = GroupCounts(key=key, label=label, counts=_newest([row]))
    return found


def _newest(rows: Sequence[EnteredRow]) -> Counts:
    """Return the counts of the last of some values, which are in the order of their days."""
    if not rows:
        return Counts.of_entered(None)
    return Counts.of_entered(EnteredValue.model_validate(rows[-1].model_dump(exclude={"label"})))
