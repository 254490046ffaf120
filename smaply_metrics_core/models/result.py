"""Results: the values calculated from a tally, with the counts behind them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from smaply_metrics_core.models.base import Frozen, FrozenDict
from smaply_metrics_core.models.query import (
    Calculation,
    GroupBy,
    MetricType,
    Window,
)
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.tally import EnteredValue, fewest_respondents
from smaply_metrics_core.models.uncertainty import Interval, UncertaintyReason, Verdict

Reasons = Annotated[Mapping[str, int], AfterValidator(FrozenDict)]
"""Numbers of responses by reason. Results are cached, so the mapping cannot be changed either."""


class Unit(StrEnum):
    """The unit of a value."""

    COUNT = "count"
    """Responses or answers."""
    SCORE = "score"
    """The question's own scale."""
    PERCENT = "percent"
    """0 to 100."""
    POINTS = "points"
    """NPS, -100 to 100."""


class WindowResult(Frozen):
    """The value of one window and the responses behind it.

    Attributes:
        value: The unrounded value in ``unit``; ``None`` if there is no data to calculate from.
        reason: Why there is no value, for people; empty if there is one.
        responses: The number of counted responses.
        answered: The counted responses whose answer is in the denominator.
        unanswered: The other counted responses, by reason.
        excluded: The excluded responses, by reason.
        recorded: All responses, counted and excluded.
        respondents: The respondents who saw the question, if one may have given several answers, as
            over the loops of a question; else ``None``.
        low_sample: Whether the value is based on fewer than 30 answers, has an effective number of
            answers below 30, or is an average of which fewer than 10 answers differ from the most
            frequent one.
        effective_n: Kish's effective number of answers of a weighted value, (Σw)² / Σw²: as many
            answers of equal weight would be as precise. ``None`` for values without weights.
        interval: The values that are compatible with the answers.
        interval_reason: Why there is no interval, as a code; ``None`` if there is one.
        interval_reason_text: The same for people.
        hidden: Whether the value and all counts are removed, because they describe fewer
            respondents than the account allows to be shown. The counts are then 0.
        filtered_out: The smallest number of answers that the filters removed, each alone or all
            of them; ``None`` without filters, and if it was not counted.
        entered: The entered value that ``value`` is, if a person entered it. If its ``n`` is
            unknown, the counts are 0.
    """

    window: Window
    value: float | None
    reason: str = ""
    responses: int
    answered: int
    unanswered: Reasons = Field(default_factory=FrozenDict)
    excluded: Reasons = Field(default_factory=FrozenDict)
    recorded: int
    low_sample: bool
    respondents: int | None = None
    effective_n: float | None = None
    interval: Interval | None = None
    interval_reason: UncertaintyReason | None = None
    interval_reason_text: str = ""
    hidden: bool = False
    filtered_out: int | None = None
    entered: EnteredValue | None = None

    @property
    def has_counts(self) -> bool:
        """Whether the counts are known and shown."""
        return _has_counts(self)

    @property
    def fewest_respondents(self) -> int | None:
        """The fewest respondents who can have given the answers; ``None`` if each gave one."""
        return fewest_respondents(self.respondents, self)

    @property
    def design_effect(self) -> float | None:
        """How many times as many answers the weights require, n / effective n; ``None`` for none.

        ``None`` for values without weights or answers.
        """
        return self.answered / self.effective_n if self.effective_n else None


class Change(Frozen):
    """The change from the previous value: ``difference`` in the unit (points for percent).

    Attributes:
        difference: The current minus the previous value.
        percent: difference / |previous| x 100, for counts, sums and averages. It is ``None``, with
            a ``reason``, if it would have no meaning.
        reason: Why there is no difference or percent, for people.
        interval: The differences that are compatible with the answers, in the same unit.
        p_value: The probability of a difference at least as large if nothing had changed.
        adjusted_p_value: The p-value adjusted for the groups that are judged together (Holm);
            ``None`` for a change that is judged alone. The interval is not adjusted.
        verdict: Whether the value has changed; ``None`` in results from before verdicts.
        verdict_reason: Why it is not judged, as a code; ``None`` if it is.
        verdict_reason_text: The same for people.
        detectable: The smallest difference that is likely to be seen (80 % power) with these
            numbers of answers.
    """

    difference: float | None
    percent: float | None = None
    reason: str = ""
    interval: Interval | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    verdict: Verdict | None = None
    verdict_reason: UncertaintyReason | None = None
    verdict_reason_text: str = ""
    detectable: float | None = None


class GroupValue(Frozen):
    """One group of a Series; ``value`` is based on ``answered`` answers.

    If the groups are the answers, ``answered`` is the number of responses with that answer.
    ``running`` marks a calendar period that is not over, ``edge`` one that the range cuts off.
    ``effective_n`` is that of the answers behind ``value``, as in ``WindowResult``: if the groups
    are the answers, of all of them. ``interval`` and the reason for having none are those of a
    ``WindowResult``, as is ``hidden``. ``reason`` is why it is hidden, for people.
    ``question_changed`` marks a calendar period in which the question was changed or may have been:
    the values before it are not comparable with those after it. ``previous`` is the group in the
    previous window and ``change`` the change from it, if the Series compares its groups. ``parts``
    are the shares of the answers in a row of a matrix, for a distribution by row. ``entered`` is
    that of a ``WindowResult``.
    """

    key: str
    label: str
    value: float | None
    responses: int
    answered: int
    low_sample: bool
    running: bool = False
    edge: bool = False
    effective_n: float | None = None
    interval: Interval | None = None
    interval_reason: UncertaintyReason | None = None
    interval_reason_text: str = ""
    question_changed: bool = False
    hidden: bool = False
    reason: str = ""
    previous: GroupValue | None = None
    change: Change | None = None
    parts: tuple[GroupValue, ...] = ()
    entered: EnteredValue | None = None

    @property
    def has_counts(self) -> bool:
        """Whether the counts are known and shown."""
        return _has_counts(self)


def _has_counts(measured: WindowResult | GroupValue) -> bool:
    entered = measured.entered
    return not measured.hidden and (entered is None or entered.n is not None)


class PeriodChange(Frozen):
    """The change of a Series from one full calendar period to the next.

    Attributes:
        current: The key of the last full period.
        previous: The key of the period before it.
        change: The change between them.
    """

    current: str
    previous: str
    change: Change


class Result(Frozen):
    """The result of a metric.

    Attributes:
        group_by: The group-by of ``groups``: that of the metric, or ``answer`` for a distribution
            without one. ``None`` without groups and in results from before this field existed.
        ungrouped: The counted responses in no group.
        previous_ungrouped: The same in the previous window, if the groups are compared.
        ungrouped_hidden: Whether these numbers are removed, as the counts of hidden groups are.
        counted: The labels of the answers that a box or a share counts.
        formula: What the value is and what it is a share of, in words, such as ``CSAT: share of
            4-5 on a scale of 1-5, of 263 answers``; empty for counts, and in results from before
            this field existed.
        scale: The lowest and highest value of the choices with their labels, if the calculation
            uses them, such as ``1 = Very poor … 5 = Very good``.
        rolling: The number of periods in the rolling window of each group; ``None`` without them.
        notes: Remarks for people about the calculation.
        source_notes: Those of the source, which may name what is in the survey tool; the others are
            written by the core. ``None`` if it is not known which, in results from before this
            field existed.
        period_change: The last full calendar period of a Series, compared with the one before it;
            ``None`` without two such periods.
        question_changes: The changes of the question within the dates of the windows, from the
            start of the previous one. Recodes are not included: one refresh counts all responses
            with the same codes.
        confidence: The level of the intervals and verdicts in percent; ``None`` in results from
            before intervals.
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
    previous_ungrouped: int = 0
    ungrouped_hidden: bool = False
    counted: tuple[str, ...] = ()
    formula: str = ""
    scale: str = ""
    rolling: int | None = None
    notes: tuple[str, ...] = ()
    source_notes: tuple[str, ...] | None = None
    period_change: PeriodChange | None = None
    question_changes: tuple[QuestionChange, ...] = ()
    confidence: float | None = None
    as_of: datetime
