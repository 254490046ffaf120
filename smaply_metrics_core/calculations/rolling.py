"""Rolling windows: the counts of each period pooled with those of the periods before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import fsum

from smaply_metrics_core.calculations.number_totals import answer_totals
from smaply_metrics_core.date_ranges import period_key, period_label, period_of_key
from smaply_metrics_core.models.query import Definition, Period
from smaply_metrics_core.models.tally import (
    Counts,
    GroupCounts,
    Tally,
    Totals,
    WeightedTotals,
    Weights,
    WeightSum,
)


def rolling_groups(
    period: Period, starts: Sequence[date], groups: Mapping[date, GroupCounts], length: int
) -> tuple[GroupCounts, ...]:
    """Return the pooled counts of each period.

    Scores are never averaged: a period with many answers has more influence than one with few.

    Args:
        period: The kind of period.
        starts: The first day of every period, ascending and without gaps.
        groups: The counts of periods by first day; periods without responses may be missing.
        length: The number of periods in a window: the period itself and those before it.
    """
    found = []
    for place, start in enumerate(starts):
        window = starts[max(0, place + 1 - length) : place + 1]
        parts = [groups[day].counts for day in window if day in groups]
        if parts:
            found.append(
                GroupCounts(
                    key=period_key(period, start),
                    label=period_label(period, start),
                    counts=pooled(parts),
                )
            )
    return tuple(found)


def with_rolling_windows(tally: Tally, definition: Definition, starts: Sequence[date]) -> Tally:
    """Return the tally of a Series by period with the counts of its rolling windows.

    Args:
        tally: The tally of the source, with the counts of each period by itself.
        definition: The definition; without rolling windows, the tally is returned as it is.
        starts: The first day of every period, ascending and without gaps.
    """
    length, group_by = definition.rolling, definition.group_by
    if length is None or group_by is None:
        return tally
    period = Period(group_by.of)
    windows = (
        each.model_copy(
            update={
                "groups": rolling_groups(
                    period,
                    starts,
                    {period_of_key(period, group.key): group for group in each.groups},
                    length,
                )
            }
        )
        for each in tally.windows
    )
    return tally.model_copy(update={"windows": tuple(windows)})


def pooled(parts: Sequence[Counts]) -> Counts:
    """Return the counts of several groups without common responses together."""
    answered = [part for part in parts if part.answered]
    totals = _totals(answered) if any(part.totals for part in answered) else None
    # Where one part only has the number of its answers, the counts of others are incomplete.
    each = totals is None and all(part.answers for part in answered)
    chosen = [part.chosen for part in parts if part.chosen is not None]
    weights = [part.weights for part in parts if part.weights is not None]
    return Counts(
        responses=sum(part.responses for part in parts),
        answered=sum(part.answered for part in parts),
        unanswered=_added(part.unanswered for part in parts),
        answers=_added(part.answers for part in parts) if each else {},
        chosen=sum(chosen) if chosen else None,
        totals=totals,
        weights=_weights(weights, each=each) if weights else None,
    )


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for key, n in part.items():
            found[key] = found.get(key, 0) + n
    return found


def _weights(parts: Sequence[Weights], *, each: bool) -> Weights:
    keys = dict.fromkeys(key for part in parts for key in part.answers) if each else {}
    responses = [part.responses for part in parts if part.responses is not None]
    chosen = [part.chosen for part in parts if part.chosen is not None]
    return Weights(
        responses=WeightSum.total(responses) if len(responses) == len(parts) else None,
        answered=WeightSum.total(part.answered for part in parts),
        answers={
            key: WeightSum.total(part.answers[key] for part in parts if key in part.answers)
            for key in keys
        },
        chosen=WeightSum.total(chosen) if chosen else None,
    )


def _totals(parts: Sequence[Counts]) -> Totals | None:
    """Return the totals of parts of which some have totals and others single numbers."""
    found = [
        part.totals
        or answer_totals(part.answers, None if part.weights is None else part.weights.answers)
        for part in parts
        if part.totals or part.answers
    ]
    if len(found) < len(parts):
        return None
    lowest = [one.minimum for one in found if one.minimum is not None]
    highest = [one.maximum for one in found if one.maximum is not None]
    squares = [one.squares for one in found if one.squares is not None]
    weighted = [one.weighted for one in found if one.weighted is not None]
    return Totals(
        sum=fsum(one.sum for one in found),
        minimum=min(lowest) if len(lowest) == len(found) else None,
        maximum=max(highest) if len(highest) == len(found) else None,
        squares=fsum(squares) if len(squares) == len(found) else None,
        weighted=WeightedTotals(
            wx=fsum(one.wx for one in weighted),
            w2x=fsum(one.w2x for one in weighted),
            w2x2=fsum(one.w2x2 for one in weighted),
        )
        if len(weighted) == len(found)
        else None,
    )


def rolling_note(period: Period, length: int) -> str:
    """Return what the values of a Series with rolling windows are, for people."""
    before = f"the {length - 1} before it" if length - 1 > 1 else "the one before it"
    return f"Each value pools the answers of {length} {period}s: its own and {before}."
