"""Notes on scales with values that may be codes, such as -1 or 99 for “Don't know”.

Survey tools can exclude such answers from analyses, and sources then mark them. If an author has
not, the answers count with their values: the number stays as the survey tool calculates it, and a
note names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from smaply_metrics_core.calculations.rules import scale_values
from smaply_metrics_core.models.survey import Choice

_MOST_NAMED: Final = 3
_MINUS: Final = "\N{MINUS SIGN}"


def scale_note(choices: Sequence[Choice]) -> str:
    """Return a note on a scale with a gap or a negative end; empty for other scales.

    The scale proper is the longest run of values at equal steps, of the smaller steps if two runs
    are equally long. A value beyond a step that is larger is behind a gap. Negative values of a run
    are named unless it is symmetric, such as -2 to 2.
    """
    values = [Decimal(repr(value)) for value in scale_values(choices)]
    if len(values) < 2 or _is_symmetric(values):  # noqa: PLR2004  # One value has no step.
        return ""
    low, high = _longest_run(values)
    step = values[low + 1] - values[low]
    start, end = low, high
    while start > 0 and values[start] - values[start - 1] <= step:
        start -= 1
    while end < len(values) - 1 and values[end + 1] - values[end] <= step:
        end += 1
    apart = [*values[:start], *values[end + 1 :]]
    if apart:
        reach = f"{_shown(values[start])} to {_shown(values[end])}"
        verbs = ("is", "counts") if len(apart) == 1 else ("are", "count")
        return (
            f"The scale has a gap: {_named(apart, choices)} {verbs[0]} apart from {reach} and "
            f"{verbs[1]} with {'this value' if len(apart) == 1 else 'these values'}."
        )
    negative = [value for value in values if value < 0]
    if not negative:
        return ""
    one = len(negative) == 1
    return (
        f"The scale has a negative end: {_named(negative, choices)} "
        f"{'counts with this value' if one else 'count with these values'}."
    )


def _is_symmetric(values: Sequence[Decimal]) -> bool:
    return all(low == -high for low, high in zip(values, reversed(values), strict=True))


def _longest_run(values: Sequence[Decimal]) -> tuple[int, int]:
    """Return the first and last index of the longest run of values at equal steps."""
    steps = [high - low for low, high in pairwise(values)]
    runs, begun = [], 0
    for place in range(1, len(steps) + 1):
        if place == len(steps) or steps[place] != steps[begun]:
            runs.append((begun, place))
            begun = place
    return max(runs, key=lambda run: (run[1] - run[0], -steps[run[0]]))


def _named(values: Sequence[Decimal], choices: Sequence[Choice]) -> str:
    """Return values with the labels of their answers: ``“Don't know” (99)``."""
    named = [
        f"“{choice.label}” ({_shown(value)})"
        for value in values
        for choice in choices
        if choice.analyze and choice.value is not None and Decimal(repr(choice.value)) == value
    ]
    if len(named) > _MOST_NAMED:
        named = [*named[:_MOST_NAMED], f"{len(named) - _MOST_NAMED} more"]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _shown(value: Decimal) -> str:
    return f"{float(value):.15g}".replace("-", _MINUS)
