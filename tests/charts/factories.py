"""Factories of results for the tests of charts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from smaply_metrics_core.date_ranges import next_period, period_key, period_label, period_of_key
from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.query import Calculation, GroupBy, MetricType, Period, Window
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult
from smaply_metrics_core.models.uncertainty import Interval, IntervalMethod
from smaply_metrics_core.uncertainty.intervals import share_interval
from smaply_metrics_core.uncertainty.samples import ShareSample

AS_OF = datetime(2026, 11, 25, 12, tzinfo=UTC)
UNITS = {
    Calculation.RESPONSES: Unit.COUNT,
    Calculation.ANSWERED: Unit.COUNT,
    Calculation.NPS: Unit.POINTS,
    Calculation.AVERAGE: Unit.SCORE,
    Calculation.MEDIAN: Unit.SCORE,
    Calculation.SUM: Unit.SCORE,
    Calculation.MINIMUM: Unit.SCORE,
    Calculation.MAXIMUM: Unit.SCORE,
}
"""Units of calculations; all other calculations are in percent."""

AUTUMN = Window(start=datetime(2026, 9, 1, tzinfo=UTC), end=datetime(2026, 11, 25, 12, tzinfo=UTC))
SUMMER = Window(
    name="previous",
    start=datetime(2026, 6, 1, tzinfo=UTC),
    end=datetime(2026, 8, 25, 12, tzinfo=UTC),
)
PLAIN = Display()


def measured(value: float | None, answered: int = 128, **other: Any) -> WindowResult:  # noqa: ANN401
    """Return the result of one window in which every counted response has an answer."""
    given: dict[str, Any] = {
        "window": AUTUMN,
        "value": value,
        "reason": "" if value is not None else "There are no answers.",
        "responses": answered,
        "answered": answered,
        "recorded": answered,
        "low_sample": answered < 30,
    }
    return WindowResult.model_validate(given | other)


def number(
    value: float | None,
    calculation: Calculation = Calculation.SHARE,
    **other: Any,  # noqa: ANN401
) -> Result:
    """Return a Number."""
    answered = other.pop("answered", 128)
    return _result(MetricType.NUMBER, calculation, measured(value, answered), other)


def comparison(
    now: float | None,
    before: float | None,
    calculation: Calculation = Calculation.SHARE,
    **other: Any,  # noqa: ANN401
) -> Result:
    """Return a Comparison of autumn with summer."""
    change = other.pop("change", None)
    if change is None and now is not None and before is not None:
        in_points = UNITS.get(calculation, Unit.PERCENT) in {Unit.PERCENT, Unit.POINTS}
        percent = None if in_points or not before else 100 * (now - before) / abs(before)
        change = Change(difference=now - before, percent=percent)
    parts = {
        "previous": measured(before, window=SUMMER),
        "change": change or Change(difference=None, reason="There is no previous value."),
    }
    return _result(MetricType.COMPARISON, calculation, measured(now), parts | other)


def group(label: str, value: float | None, answered: int = 100, **other: Any) -> GroupValue:  # noqa: ANN401
    """Return a group whose key is its label."""
    given: dict[str, Any] = {
        "key": label,
        "label": label,
        "value": value,
        "responses": answered,
        "answered": answered,
        "low_sample": answered < 30,
    }
    return GroupValue.model_validate(given | other)


def periods(
    period: Period,
    first: str,
    values: Sequence[float | None],
    **of_last: Any,  # noqa: ANN401
) -> list[GroupValue]:
    """Return one group per calendar period, beginning with the first."""
    start = period_of_key(period, first)
    made = []
    for place, value in enumerate(values):
        other = of_last if place == len(values) - 1 else {}
        key, label = period_key(period, start), period_label(period, start)
        answered = 0 if value is None else 100
        parts: dict[str, Any] = {"key": key, "answered": answered} | other
        made.append(group(label, value, **parts))
        start = next_period(period, start)
    return made


def series(
    groups: Sequence[GroupValue],
    calculation: Calculation = Calculation.SHARE,
    **other: Any,  # noqa: ANN401
) -> Result:
    """Return a Series; a distribution has no overall value."""
    whole = None if calculation is Calculation.DISTRIBUTION else 42.0
    total = sum(one.answered for one in groups)
    return _result(
        MetricType.SERIES,
        calculation,
        measured(other.pop("value", whole), total),
        {"groups": tuple(groups), "group_by": _group_by(groups, calculation)} | other,
    )


def _group_by(groups: Sequence[GroupValue], calculation: Calculation) -> GroupBy | None:
    """Return the group-by of groups; those from ``periods`` have keys of a period."""
    if calculation is Calculation.DISTRIBUTION:
        return GroupBy(kind="answer")
    for period in Period:
        with contextlib.suppress(ValueError):
            for one in groups:
                period_of_key(period, one.key)
            return GroupBy(kind="period", of=period) if groups else None
    return GroupBy(kind="field", of="channel")


def around(low: float, high: float, level: float = 95) -> Interval:
    """Return an interval."""
    return Interval(low=low, high=high, level=level, method=IntervalMethod.WILSON)


def shares(answers: Mapping[str, tuple[int, int]], **other: Any) -> list[GroupValue]:  # noqa: ANN401
    """Return groups with shares of their answers and Wilson's intervals; ``None`` without any."""
    made = []
    for label, (part, whole) in answers.items():
        value = 100 * part / whole if whole else None
        bounds = share_interval(ShareSample(whole, part), 95) if whole else None
        interval = around(*bounds) if bounds else None
        made.append(group(label, value, whole, interval=interval, **other))
    return made


def distribution(shares: dict[str, int], **other: Any) -> Result:  # noqa: ANN401
    """Return a distribution of answers by their counts."""
    total = sum(shares.values()) or 1
    groups = [
        group(label, 100 * n / total, n, low_sample=total < 30) for label, n in shares.items()
    ]
    return series(groups, Calculation.DISTRIBUTION, **other)


def matrix(rows: Mapping[str, Mapping[str, int]], **other: Any) -> Result:  # noqa: ANN401
    """Return the distribution of each row of a matrix, by the counts of its answers."""
    groups = []
    for row, answers in rows.items():
        total = sum(answers.values())
        parts = shares({label: (n, total) for label, n in answers.items()})
        given = zip(parts, answers.values(), strict=True)
        counted = tuple(part.model_copy(update={"answered": n}) for part, n in given)
        groups.append(group(row, None, total, parts=counted))
    whole = {"group_by": GroupBy(kind="row"), **other}
    return series(groups, Calculation.DISTRIBUTION, **whole)


def display(chart: ChartType | None = None, **other: Any) -> Display:  # noqa: ANN401
    """Return a display."""
    return Display.model_validate({"chart": chart} | other)


def _result(
    kind: MetricType, calculation: Calculation, current: WindowResult, other: dict[str, Any]
) -> Result:
    given: dict[str, Any] = {
        "type": kind,
        "calculation": calculation,
        "unit": UNITS.get(calculation, Unit.PERCENT),
        "current": current,
        "as_of": AS_OF,
    }
    return Result.model_validate(given | other)
