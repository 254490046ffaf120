"""Adds intervals and verdicts to results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias, TypedDict

from smaply_metrics_core.calculations.answer_samples import AnswerSamples
from smaply_metrics_core.calculations.catalog import FEWEST_DIFFERENT
from smaply_metrics_core.calculations.group_changes import adjust_together
from smaply_metrics_core.calculations.rolling import with_rolling_windows
from smaply_metrics_core.calculations.value_changes import change_between
from smaply_metrics_core.date_ranges import period_of_key
from smaply_metrics_core.models.query import Definition, Period, is_by_row
from smaply_metrics_core.models.result import (
    Change,
    GroupValue,
    PeriodChange,
    Result,
    WindowResult,
)
from smaply_metrics_core.models.tally import Counts, Tally, WindowTally
from smaply_metrics_core.models.uncertainty import (
    FEWEST_JUDGED,
    Interval,
    IntervalMethod,
    UncertaintyReason,
    Verdict,
)
from smaply_metrics_core.uncertainty import changes, intervals
from smaply_metrics_core.uncertainty.changes import ChangeEstimate
from smaply_metrics_core.uncertainty.intervals import Bounds
from smaply_metrics_core.uncertainty.samples import (
    MINIMUM_COUNT,
    MeanSample,
    NpsSample,
    OrderedSample,
    Sample,
    ShareSample,
)
from smaply_metrics_core.uncertainty.verdicts import judge

Summary: TypeAlias = Sample | UncertaintyReason
"""The sample of a value, or why the value is not one of a sample."""


class _IntervalFields(TypedDict):
    interval: Interval | None
    interval_reason: UncertaintyReason | None
    interval_reason_text: str


def add_confidence(
    result: Result, definition: Definition, tally: Tally, confidence: float
) -> Result:
    """Return a result with intervals and verdicts at a level of confidence.

    Args:
        result: The result of the tally; its intervals and verdicts are replaced.
        definition: The definition that the result was calculated for.
        tally: The tally that it was calculated from, as the source returned it.
        confidence: The level in percent.

    Raises:
        CalculationRefused: if the tally does not allow the calculation.
    """
    if definition.rolling is not None and definition.group_by is not None:
        period = Period(definition.group_by.of)
        starts = [period_of_key(period, group.key) for group in result.groups]
        tally = with_rolling_windows(tally, definition, starts)
    samples = AnswerSamples(definition, tally)
    counted = tally.window("current")
    by_row = is_by_row(definition.group_by)
    current = UncertaintyReason.NO_VALUE if by_row else samples.of(counted.total)
    found = {"confidence": confidence, "current": _measured(result.current, current, confidence)}
    of_groups = _of_groups(samples, result, counted)
    groups = tuple(_with_intervals(result.groups, of_groups, confidence))
    if any(group.parts for group in groups):
        groups = tuple(_with_parts(groups, samples, counted, confidence))
    if result.previous is not None:
        before = tally.window("previous")
        obstacle = _obstacle(definition, result, result.previous)
        previous = UncertaintyReason.NO_VALUE if by_row else samples.of(before.total)
        found["previous"] = _measured(result.previous, previous, confidence)
        if result.change is not None:
            found["change"] = judge_change(result.change, current, previous, confidence, obstacle)
        groups = _with_group_changes(
            groups, of_groups, _of_groups(samples, result, before), confidence, obstacle
        )
    found["groups"] = groups
    if result.group_by is not None and result.group_by.kind == "period":
        overlap = None if definition.rolling is None else UncertaintyReason.OVERLAPPING_PERIODS
        found["period_change"] = _period_change(result, of_groups, confidence, overlap)
    return _with_sentences(result.model_copy(update=found))


def _of_groups(samples: AnswerSamples, result: Result, counted: WindowTally) -> dict[str, Summary]:
    """Return the samples of the groups of a result in one window, by key."""
    if result.group_by is not None and result.group_by.kind == "answer":
        return {group.key: samples.of_answer(group.key, counted.total) for group in result.groups}
    counts: Mapping[str, Counts] = {group.key: group.counts for group in counted.groups}
    return {group.key: samples.of(counts.get(group.key)) for group in result.groups}


def interval_of(
    summary: Summary, confidence: float
) -> tuple[Interval | None, UncertaintyReason | None]:
    """Return the interval of a value, or the reason why there is none."""
    if isinstance(summary, UncertaintyReason):
        return None, summary
    if isinstance(summary, MeanSample) and summary.count >= MINIMUM_COUNT and not summary.error:
        return None, UncertaintyReason.ALL_ANSWERS_EQUAL
    bounds, method = _bounds(summary, confidence)
    if bounds is None:
        return None, UncertaintyReason.FEW_ANSWERS
    return Interval(low=bounds.low, high=bounds.high, level=confidence, method=method), None


def _bounds(sample: Sample, confidence: float) -> tuple[Bounds | None, IntervalMethod]:
    match sample:
        case ShareSample():
            return intervals.share_interval(sample, confidence), IntervalMethod.WILSON
        case NpsSample():
            return intervals.nps_interval(sample, confidence), IntervalMethod.ADJUSTED_WALD
        case MeanSample():
            return intervals.mean_interval(sample, confidence), IntervalMethod.STUDENT_T
        case OrderedSample():
            return intervals.median_interval(sample, confidence), IntervalMethod.ORDER_STATISTICS


def judge_change(
    change: Change,
    current: Summary,
    previous: Summary,
    confidence: float,
    obstacle: UncertaintyReason | None = None,
) -> Change:
    """Return a change with its interval, p-value and verdict.

    Args:
        change: The change from the previous to the current value.
        current: The sample of the current value.
        previous: The sample of the previous value.
        confidence: The level in percent.
        obstacle: Why the periods cannot be compared; ``None`` if they can.
    """
    reason = _reason_not_judged(change, current, previous) or obstacle
    if obstacle is UncertaintyReason.QUESTION_CHANGED and change.difference is not None:
        reason = obstacle  # The most important one: not even the values are comparable.
    if reason is None:
        found = _compare(current, previous, confidence)
        if isinstance(found, UncertaintyReason):
            reason = found
        else:
            return _judged(change, *found, confidence)
    return change.model_copy(
        update={
            "interval": None,
            "p_value": None,
            "adjusted_p_value": None,
            "verdict": Verdict.NOT_JUDGED,
            "verdict_reason": reason,
            "verdict_reason_text": reason.change_sentence,
            "detectable": None,
        }
    )


def _judged(
    change: Change, estimate: ChangeEstimate, method: IntervalMethod, confidence: float
) -> Change:
    low, high = estimate.bounds
    difference = change.difference or 0.0
    return change.model_copy(
        update={
            "interval": Interval(low=low, high=high, level=confidence, method=method),
            "p_value": estimate.p_value,
            "adjusted_p_value": None,
            "verdict": judge(estimate.bounds, estimate.p_value, confidence, difference),
            "verdict_reason": None,
            "verdict_reason_text": "",
            "detectable": estimate.detectable,
        }
    )


def _reason_not_judged(
    change: Change, current: Summary, previous: Summary
) -> UncertaintyReason | None:
    for summary in (current, previous):
        if isinstance(summary, UncertaintyReason):
            return summary
    return UncertaintyReason.NO_VALUE if change.difference is None else None


def _compare(
    current: Summary, previous: Summary, confidence: float
) -> tuple[ChangeEstimate, IntervalMethod] | UncertaintyReason:
    match current, previous:
        case OrderedSample(), _:
            return UncertaintyReason.MEDIAN
        case _ if not _enough(current, previous):
            return UncertaintyReason.FEW_ANSWERS
        case NpsSample(), NpsSample():
            return changes.nps_change(current, previous, confidence), IntervalMethod.ADJUSTED_WALD
        case ShareSample(), ShareSample():
            return changes.share_change(current, previous, confidence), IntervalMethod.NEWCOMBE
        case MeanSample(), MeanSample():
            estimate = changes.mean_change(current, previous, confidence)
            if estimate is not None:
                return estimate, IntervalMethod.WELCH
    return UncertaintyReason.ALL_ANSWERS_EQUAL


def _enough(*summaries: Summary) -> bool:
    return all(
        not isinstance(summary, UncertaintyReason) and summary.n >= FEWEST_JUDGED
        for summary in summaries
    )


def _obstacle(
    definition: Definition, result: Result, previous: WindowResult
) -> UncertaintyReason | None:
    """Return why two windows cannot be compared."""
    if result.question_changes:
        return UncertaintyReason.QUESTION_CHANGED
    start, end = result.current.window.start, result.current.window.end
    if start is None or previous.window.end is None or previous.window.end > start:
        return UncertaintyReason.OVERLAPPING_PERIODS
    if definition.range.preset.startswith("this_") or end is None or end > result.as_of:
        return UncertaintyReason.RUNNING_PERIOD
    return None


def _measured(result: WindowResult, summary: Summary, confidence: float) -> WindowResult:
    low = result.low_sample or _is_lopsided(summary)
    return result.model_copy(update=dict(_fields(summary, confidence)) | {"low_sample": low})


def _with_intervals(
    groups: Sequence[GroupValue], summaries: Mapping[str, Summary], confidence: float
) -> Iterator[GroupValue]:
    for group in groups:
        summary = summaries[group.key]
        low = group.low_sample or _is_lopsided(summary)
        yield group.model_copy(update=dict(_fields(summary, confidence)) | {"low_sample": low})


def _with_parts(
    groups: Sequence[GroupValue],
    samples: AnswerSamples,
    counted: WindowTally,
    confidence: float,
) -> Iterator[GroupValue]:
    """Yield the rows of a distribution with the intervals of their parts."""
    counts = {group.key: group.counts for group in counted.groups}
    for group in groups:
        of_parts = {
            part.key: samples.of_answer(part.key, counts[group.key]) for part in group.parts
        }
        parts = tuple(_with_intervals(group.parts, of_parts, confidence))
        yield group.model_copy(update={"parts": parts})


def _with_group_changes(
    groups: Sequence[GroupValue],
    current: Mapping[str, Summary],
    previous: Mapping[str, Summary],
    confidence: float,
    obstacle: UncertaintyReason | None,
) -> tuple[GroupValue, ...]:
    """Return groups with the intervals of their previous values and verdicts on their changes."""
    found = []
    for group in groups:
        if group.previous is not None and group.change is not None:
            (before,) = _with_intervals((group.previous,), previous, confidence)
            change = judge_change(
                group.change, current[group.key], previous[group.key], confidence, obstacle
            )
            found.append(group.model_copy(update={"previous": before, "change": change}))
        else:
            found.append(group)
    return adjust_together(found, confidence)


def _is_lopsided(summary: Summary) -> bool:
    """Whether so many answers of an average are equal that its interval is too narrow."""
    if not isinstance(summary, MeanSample) or summary.different is None or not summary.error:
        return False
    return summary.different < FEWEST_DIFFERENT


def _fields(summary: Summary, confidence: float) -> _IntervalFields:
    interval, reason = interval_of(summary, confidence)
    return {
        "interval": interval,
        "interval_reason": reason,
        "interval_reason_text": reason.sentence if reason else "",
    }


def _period_change(
    result: Result,
    summaries: Mapping[str, Summary],
    confidence: float,
    obstacle: UncertaintyReason | None,
) -> PeriodChange | None:
    """Return the change from the last full period but one to the last full period.

    Without a verdict if there is an obstacle.
    """
    full = [
        (before, after)
        for before, after in pairwise(result.groups)
        if not (before.running or before.edge or after.running or after.edge)
    ]
    if not full:
        return None
    previous, current = full[-1]
    return PeriodChange(
        current=current.key,
        previous=previous.key,
        change=judge_change(
            change_between(result.calculation, current.value, previous.value),
            summaries[current.key],
            summaries[previous.key],
            confidence,
            UncertaintyReason.QUESTION_CHANGED
            if previous.question_changed or current.question_changed
            else obstacle,
        ),
    )


def _with_sentences(result: Result) -> Result:
    """Return a result whose changes are not judged because of the question, with its changes."""
    if not result.question_changes:
        return result
    text = " ".join(one.sentence for one in result.question_changes)
    return result.model_copy(
        update={
            "change": _with_sentence(result.change, text),
            "groups": tuple(
                group
                if group.change is None
                else group.model_copy(update={"change": _with_sentence(group.change, text)})
                for group in result.groups
            ),
        }
    )


def _with_sentence(change: Change | None, text: str) -> Change | None:
    if change is None or change.verdict_reason is not UncertaintyReason.QUESTION_CHANGED:
        return change
    return change.model_copy(update={"verdict_reason_text": text})
