"""Results: numbers made from a tally, each with what it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import Field

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import (
    Calculation,
    GroupBy,
    MetricType,
    Window,
)


class Unit(StrEnum):
    """What a value counts in."""

    COUNT = "count"
    """Responses or answers."""
    SCORE = "score"
    """The question's own scale."""
    PERCENT = "percent"
    """0 to 100."""
    POINTS = "points"
    """NPS, -100 to 100."""


class WindowResult(Frozen):
    """One window's number and the responses behind it.

    Attributes:
        value: The raw number in ``unit``; ``None`` when there is nothing to calculate from.
        reason: Why there is no value, for people; empty when there is one.
        responses: Responses that count.
        answered: Those whose answer entered the denominator.
        unanswered: The other responses that count, by reason.
        excluded: Responses recorded and left out, by reason.
        recorded: All of them: counted and left out.
        low_sample: Fewer than 30 answers stand behind the value.
    """

    window: Window
    value: float | None
    reason: str = ""
    responses: int
    answered: int
    unanswered: Mapping[str, int] = Field(default_factory=dict)
    excluded: Mapping[str, int] = Field(default_factory=dict)
    recorded: int
    low_sample: bool


class GroupValue(Frozen):
    """One group of a Series: ``answered`` stands behind ``value``.

    For groups that are answers themselves, ``answered`` is how many gave that answer.
    ``running`` marks the calendar period that is not over yet; ``edge`` one that the range cuts.
    """

    key: str
    label: str
    value: float | None
    responses: int
    answered: int
    low_sample: bool
    running: bool = False
    edge: bool = False


class Change(Frozen):
    """Current against previous: ``difference`` in the result's unit (points for percent).

    ``percent`` = difference / |previous| x 100, for counts, sums and averages; absent, with the
    ``reason``, where it would mean nothing.
    """

    difference: float | None
    percent: float | None = None
    reason: str = ""


class Result(Frozen):
    """What a metric shows.

    Attributes:
        group_by: What the groups are: the group-by of the metric, ``answer`` for a distribution
            without one. ``None`` without groups, and in results stored before this field existed.
        counted: Labels of the answers that a box or a share counted.
        scale: The lowest and highest value of the answers offered, with their labels, where the
            number is made of such values: ``1 = Very poor … 5 = Very good``.
        notes: Remarks for people about how the number came to be.
        as_of: When the data was read (aware).
    """

    type: MetricType
    calculation: Calculation
    unit: Unit
    current: WindowResult
    previous: WindowResult | None = None
    change: Change | None = None
    group_by: GroupBy | None = None
    groups: tuple[GroupValue, ...] = ()
    ungrouped: int = 0
    counted: tuple[str, ...] = ()
    scale: str = ""
    notes: tuple[str, ...] = ()
    as_of: datetime
