"""Tables of groups that are compared with an earlier period, or with the share of each answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.response_text import count_text
from smaply_metrics_core.charts.change_text import change_text
from smaply_metrics_core.charts.headlines import value_text
from smaply_metrics_core.charts.remarks import few_text, remarks
from smaply_metrics_core.charts.uncertainty_text import (
    VERDICTS,
    interval_heading,
    interval_text,
    value_with_interval,
    verdict_text,
)
from smaply_metrics_core.models.metric import Display
from smaply_metrics_core.models.result import Change, GroupValue, Result
from smaply_metrics_core.models.uncertainty import UncertaintyReason, Verdict

ANSWERS: Final = "Answers"
REMARKS: Final = "Remarks"
VERDICT: Final = "Verdict"

_Cells: TypeAlias = tuple[str, ...]


class GroupTable(NamedTuple):
    """The columns after the first, and the cells of each group."""

    columns: _Cells
    rows: tuple[_Cells, ...]


def compared_groups(result: Result, display: Display) -> GroupTable:
    """Return the groups with both values, the change, its interval and its verdict."""
    columns = (
        CALCULATIONS[result.calculation].title,
        "Previous",
        "Change",
        VERDICT,
        # The change may be in percent of the previous value; its interval never is.
        f"{interval_heading(result)} of the difference",
        f"{ANSWERS} (before)",
        REMARKS,
    )
    return GroupTable(columns, tuple(_compared(group, result, display) for group in result.groups))


def _compared(group: GroupValue, result: Result, display: Display) -> _Cells:
    unit, previous = result.unit, group.previous
    change = group.change or Change(difference=None)
    notes = remarks(group)
    if previous is not None and previous.low_sample:
        notes.append(f"{few_text(previous)} before")
    if previous is not None and previous.hidden:
        notes.append(f"previous value: {previous.reason}")
    before = "" if previous is None else f" ({count_text(previous)})"
    return (
        group.label,
        value_text(unit, group.value, display),
        value_text(unit, None if previous is None else previous.value, display),
        change_text(change, unit) or "—",
        group_verdict(change),
        interval_text(unit, change.interval).removesuffix("%"),
        f"{count_text(group)}{before}",
        ", ".join(notes),
    )


def group_verdict(change: Change) -> str:
    """Return the verdict on the change of a group: ``clearly up (adjusted p = 0.012)``, or why not.

    Empty for counts and sums: their changes are facts.
    """
    missing = change.verdict_reason is UncertaintyReason.NO_VALUE
    text = VERDICTS[Verdict.NOT_JUDGED] if missing else verdict_text(change)
    if not text or change.verdict_reason is None:
        return text
    why = change.verdict_reason_text.rstrip(".")
    return f"{text}: {why[:1].lower()}{why[1:]}"


def distributions(result: Result) -> GroupTable:
    """Return the rows of a matrix with the share of each answer, its interval and n."""
    labels = dict(_labels(result))
    rows = []
    for group in result.groups:
        shares = {part.key: value_with_interval(result.unit, part) for part in group.parts}
        cells = (shares.get(key, "—") for key in labels)
        rows.append((group.label, *cells, count_text(group), ", ".join(remarks(group))))
    return GroupTable((*labels.values(), ANSWERS, REMARKS), tuple(rows))


def _labels(result: Result) -> Iterator[tuple[str, str]]:
    """Yield the keys and labels of the answers of all rows, in the order of the scale."""
    for group in result.groups:
        for part in group.parts:
            yield part.key, part.label
