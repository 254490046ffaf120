"""Results from tallies: every number that a metric shows is calculated here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import Literal

from smaply_metrics_core.calculations.catalog import (
    BOXES,
    CALCULATIONS,
    LOW_SAMPLE_BELOW,
    arithmetic_of,
)
from smaply_metrics_core.calculations.confidence import add_confidence
from smaply_metrics_core.calculations.decimal_keys import WHOLE_BELOW
from smaply_metrics_core.calculations.formula_text import formula_text
from smaply_metrics_core.calculations.formulas import REPORT_BUG, Formula, FormulaResult
from smaply_metrics_core.calculations.group_changes import (
    GROUPS_NOTE,
    nothing_counted,
    with_changes,
    with_same_groups,
)
from smaply_metrics_core.calculations.matrix_rows import NO_OVERALL, ROWS_NOTE
from smaply_metrics_core.calculations.rolling import rolling_note, with_rolling_windows
from smaply_metrics_core.calculations.scale_notes import scale_note
from smaply_metrics_core.calculations.value_changes import change_between
from smaply_metrics_core.date_ranges import (
    MOST_PERIODS,
    ends_now,
    midnight,
    next_period,
    period_key,
    period_label,
    period_of_key,
    period_start,
    previous_period,
    zone_info,
)
from smaply_metrics_core.errors import GroupingRefused, PluginError
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    GroupBy,
    MetricQuery,
    Period,
    Window,
    is_by_row,
)
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, WindowTally
from smaply_metrics_core.models.uncertainty import DEFAULT_CONFIDENCE

_OF_VALUES = frozenset(
    {
        Calculation.AVERAGE,
        Calculation.MEDIAN,
        Calculation.SUM,
        Calculation.MINIMUM,
        Calculation.MAXIMUM,
    }
)

MINUS = "\N{MINUS SIGN}"
"""The sign in front of negative numbers in texts for people."""


def calculate(
    query: MetricQuery,
    tally: Tally,
    now: datetime,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    question_changes: Sequence[QuestionChange] = (),
) -> Result:
    """Return the result of a query from its tally.

    Args:
        query: The query. ``check_definition`` accepts its definition.
        tally: The tally that the plugin returned.
        now: The current time (aware), which decides which period is still running.
        confidence: The level of confidence of intervals and verdicts, in percent.
        question_changes: The known changes of the question, oldest first.

    Raises:
        CalculationRefused: if an answer does not allow the calculation.
        GroupingRefused: if the range has more than 5,000 periods.
        PluginError: if the tally lacks a window of the query, or has an invalid period.
    """
    definition = query.definition
    whole, tally = tally, _pool_periods(query, tally, now)
    if definition.compare_groups:
        tally = with_same_groups(tally, definition)
    measure = Formula(definition, tally)
    windows = {window.name: _window(tally, window) for window in query.windows}
    by_row = is_by_row(definition.group_by)
    measured = {
        window.name: _measured(
            FormulaResult(None, NO_OVERALL) if by_row else measure.of(windows[window.name].total),
            window,
            windows[window.name],
        )
        for window in query.windows
    }
    current, previous = measured["current"], measured.get("previous")
    changes = _changes_within(query, question_changes)
    groups = {name: tuple(_groups(measure, query, tally, name, now, changes)) for name in windows}
    result = Result(
        type=definition.type,
        calculation=definition.calculation,
        unit=CALCULATIONS[definition.calculation].unit,
        current=current,
        previous=previous,
        change=None
        if previous is None or by_row
        else _change(definition.calculation, current, previous),
        group_by=_group_by(definition),
        groups=with_changes(groups["current"], groups["previous"], definition.calculation)
        if definition.compare_groups
        else groups["current"],
        ungrouped=windows["current"].ungrouped,
        previous_ungrouped=windows["previous"].ungrouped if definition.compare_groups else 0,
        counted=measure.counted,
        formula=formula_text(definition, tally, measure),
        scale=_scale(tally) if arithmetic_of(definition.calculation) in _OF_VALUES else "",
        rolling=definition.rolling,
        notes=(
            *tally.notes,
            *_notes(definition, tally),
            *((ROWS_NOTE,) if by_row else ()),
            *((GROUPS_NOTE,) if definition.compare_groups else ()),
        ),
        source_notes=tally.notes,
        question_changes=changes,
        as_of=tally.as_of,
    )
    return add_confidence(result, definition, whole, confidence)


def _changes_within(
    query: MetricQuery, changes: Sequence[QuestionChange]
) -> tuple[QuestionChange, ...]:
    """Return the changes between the start of the first window and the end of the last one."""
    first, last = query.windows[-1], query.windows[0]
    return tuple(
        change
        for change in changes
        if not change.recode and change.may_be_in(first.start, last.end)
    )


def _scale(tally: Tally) -> str:
    """Return the labels of the lowest and highest value: an average means nothing without them."""
    valued = [(one.value, one.label) for one in tally.choices if one.analyze]
    known = sorted((value, label) for value, label in valued if value is not None)
    ends = dict.fromkeys([*known[:1], *known[-1:]])
    return " … ".join(f"{value:g} = {label}" for value, label in ends)


def _notes(definition: Definition, tally: Tally) -> Iterator[str]:
    calculation, group_by = definition.calculation, definition.group_by
    uses_scale = arithmetic_of(calculation) in _OF_VALUES or calculation in BOXES
    if note := scale_note(tally.choices) if uses_scale else "":
        yield note
    if definition.rolling is not None and group_by is not None:
        yield rolling_note(Period(group_by.of), definition.rolling)


def format_value(unit: Unit, value: float | None) -> str:
    """Return a value for people: ``1,234``, ``3.5``, ``57%``; ``—`` for none.

    Scores have one decimal, other values none. Halves are rounded away from zero. Negative values
    have a minus sign instead of a hyphen. The result keeps the raw value.
    """
    if value is None:
        return "—"
    if abs(value) >= WHOLE_BELOW:
        return f"{value:.3g}".replace("-", MINUS)
    step = Decimal("0.1") if unit is Unit.SCORE else Decimal(1)
    # Adding zero turns a rounded -0 into 0.
    rounded = Decimal(repr(value)).quantize(step, ROUND_HALF_UP) + 0
    text = f"{rounded:,f}".replace("-", MINUS)
    return f"{text}%" if unit is Unit.PERCENT else text


def _window(tally: Tally, window: Window) -> WindowTally:
    try:
        return tally.window(window.name)
    except KeyError:
        raise PluginError(
            f"The plugin did not count the {window.name} window.", remedy=REPORT_BUG
        ) from None


def _measured(overall: FormulaResult, window: Window, counted: WindowTally) -> WindowResult:
    total = counted.total
    value, reason = overall
    return WindowResult(
        window=window,
        value=value,
        reason=reason,
        responses=total.responses,
        answered=total.answered,
        unanswered=total.unanswered,
        excluded=counted.excluded,
        recorded=counted.recorded,
        respondents=counted.respondents,
        low_sample=_is_low(total),
        effective_n=total.effective_n,
        entered=total.entered,
    )


def _is_low(counts: Counts) -> bool:
    """Whether few answers are behind a value; not if their number is unknown."""
    if counts.entered is not None and counts.entered.n is None:
        return False
    effective_n = counts.effective_n
    return (counts.answered if effective_n is None else effective_n) < LOW_SAMPLE_BELOW


def _change(calculation: Calculation, current: WindowResult, previous: WindowResult) -> Change:
    if current.value is None:
        return Change(difference=None, reason=f"No current value: {current.reason}")
    if previous.value is None:
        return Change(difference=None, reason=f"No previous value: {previous.reason}")
    return change_between(calculation, current.value, previous.value)


def _group_by(definition: Definition) -> GroupBy | None:
    """Return the group-by; a distribution without one is grouped by answer."""
    if definition.group_by is None and definition.calculation is Calculation.DISTRIBUTION:
        return GroupBy(kind="answer")
    return definition.group_by


def _groups(  # noqa: PLR0913, PLR0917  # Those of the result, and which window.
    measure: Formula,
    query: MetricQuery,
    tally: Tally,
    name: Literal["current", "previous"],
    now: datetime,
    changes: Sequence[QuestionChange],
) -> Iterable[GroupValue]:
    """Return the groups of a window; if they are the answers, those of any window."""
    group_by, counted = _group_by(query.definition), tally.window(name)
    if group_by is None:
        return ()
    if group_by.kind == "answer":
        given = (measure.answers(window.total) for window in tally.windows)
        return _answers(measure, counted.total, dict.fromkeys(chain.from_iterable(given)))
    if group_by.kind == "period":
        return _periods(measure, query, counted, now, changes)
    return (_group_value(measure, group) for group in counted.groups)


def _answers(measure: Formula, total: Counts, keys: Iterable[str]) -> Iterator[GroupValue]:
    for key in keys:
        given = total.answers.get(key, 0)
        yield GroupValue(
            key=key,
            label=measure.label(key),
            value=measure.of_answer(key, total),
            responses=given,
            answered=given,
            low_sample=_is_low(total),
            effective_n=total.effective_n,
        )


def _group_value(
    measure: Formula,
    group: GroupCounts,
    *,
    running: bool = False,
    edge: bool = False,
    question_changed: bool = False,
) -> GroupValue:
    return GroupValue(
        key=group.key,
        label=group.label,
        value=measure.of(group.counts).value,
        responses=group.counts.responses,
        answered=group.counts.answered,
        low_sample=_is_low(group.counts),
        running=running,
        edge=edge,
        effective_n=group.counts.effective_n,
        question_changed=question_changed,
        entered=group.counts.entered,
        parts=tuple(_answers(measure, group.counts, measure.answers(group.counts)))
        if measure.is_distribution
        else (),
    )


def _pool_periods(query: MetricQuery, tally: Tally, now: datetime) -> Tally:
    """Return the tally with the counts of rolling windows, if the definition has some."""
    group_by = query.definition.group_by
    if query.definition.rolling is None or group_by is None:
        return tally
    period = Period(group_by.of)
    present = (_start_of(period, group) for group in _window(tally, query.windows[0]).groups)
    return with_rolling_windows(
        tally, query.definition, list(_span(period, query, sorted(present), now))
    )


def _periods(
    measure: Formula,
    query: MetricQuery,
    counted: WindowTally,
    now: datetime,
    changes: Sequence[QuestionChange],
) -> Iterator[GroupValue]:
    """Yield every period from the first to the last, including those without responses."""
    group_by = query.definition.group_by
    period = Period(group_by.of if group_by else "")
    zone = zone_info(query.zone)
    window = query.windows[0]
    present = {_start_of(period, group): group for group in counted.groups}
    running = period_start(period, now.astimezone(zone).date(), query.week_start)
    cut = None if ends_now(query.definition.range) else window.end
    for start in _span(period, query, sorted(present), now):
        first = start
        for _ in range((query.definition.rolling or 1) - 1):
            first = previous_period(period, first, query.week_start)
        begin, end = midnight(first, zone), midnight(next_period(period, start), zone)
        nothing = GroupCounts(
            key=period_key(period, start),
            label=period_label(period, start),
            counts=nothing_counted(query.definition),
        )
        yield _group_value(
            measure,
            present.get(start, nothing),
            running=start == running,
            edge=(window.start is not None and window.start > begin)
            or (cut is not None and cut < min(end, now)),
            question_changed=any(change.may_be_in(begin, end) for change in changes),
        )


def _start_of(period: Period, group: GroupCounts) -> date:
    try:
        return period_of_key(period, group.key)
    except ValueError:
        raise PluginError(
            f"The plugin returned the group “{group.key}”, which is not a {period}.",
            remedy=REPORT_BUG,
        ) from None


def _span(
    period: Period, query: MetricQuery, present: Sequence[date], now: datetime
) -> Iterator[date]:
    """Yield the first day of each period: those of the window, or else those of the data."""
    zone = zone_info(query.zone)
    window = query.windows[0]
    firsts, lasts = [*present[:1]], [*present[-1:]]
    if window.start is not None:
        day = window.start.astimezone(zone).date()
        firsts.append(period_start(period, day, query.week_start))
    if window.end is not None:
        # The end is not part of the window, and the future has no responses.
        day = (min(window.end, now) - timedelta(microseconds=1)).astimezone(zone).date()
        lasts.append(period_start(period, day, query.week_start))
    if not (firsts and lasts):
        return
    start, last, passed = min(firsts), max(lasts), 0
    while start <= last:
        passed += 1
        if passed > MOST_PERIODS:
            raise GroupingRefused(
                f"The dates span more than {MOST_PERIODS:,} periods.",
                remedy="Group by a longer period, or choose a shorter date range.",
            )
        yield start
        start = next_period(period, start)
