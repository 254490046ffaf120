"""How certain values and changes are: intervals, verdicts, and why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from smaply_metrics_core.models.base import Finite, Frozen

CONFIDENCE_LEVELS: Final = (80.0, 99.9)
"""The lowest and the highest level of confidence, in percent."""

DEFAULT_CONFIDENCE: Final = 95.0


class IntervalMethod(StrEnum):
    """How an interval is calculated."""

    ADJUSTED_WALD = "adjusted_wald"
    """NPS, and its changes."""
    WILSON = "wilson"
    """Shares."""
    STUDENT_T = "student_t"
    """Averages."""
    ORDER_STATISTICS = "order_statistics"
    """Medians."""
    NEWCOMBE = "newcombe"
    """Changes of shares."""
    WELCH = "welch"
    """Changes of averages."""


class Interval(Frozen):
    """The values that are compatible with the answers.

    Attributes:
        low: The lower end, in the unit of the value.
        high: The upper end.
        level: The level of confidence in percent, such as 95.
        method: How it is calculated.
    """

    low: Finite
    high: Finite
    level: Finite
    method: IntervalMethod


class UncertaintyReason(StrEnum):
    """Why a value has no interval, or why a change is not judged."""

    NO_VALUE = "no_value"
    CENSUS = "census"
    ENTERED = "entered"
    FEW_ANSWERS = "few_answers"
    ALL_ANSWERS_EQUAL = "all_answers_equal"
    MEDIAN = "median"
    WEIGHTED_MEDIAN = "weighted_median"
    SEVERAL_ANSWERS_PER_RESPONDENT = "several_answers_per_respondent"
    TOTALS_WITHOUT_SQUARES = "totals_without_squares"
    RUNNING_PERIOD = "running_period"
    OVERLAPPING_PERIODS = "overlapping_periods"
    QUESTION_CHANGED = "question_changed"

    @property
    def sentence(self) -> str:
        """The reason why a value has no interval, for people."""
        return _SENTENCES[self]

    @property
    def change_sentence(self) -> str:
        """The reason why a change is not judged, for people."""
        return _CHANGE_SENTENCES.get(self, self.sentence)


FEWEST_JUDGED: Final = 10
"""A change is judged from this effective number of answers in each of the two periods."""


_SENTENCES: Final[Mapping[UncertaintyReason, str]] = {
    UncertaintyReason.NO_VALUE: "There is no value.",
    UncertaintyReason.CENSUS: "This number describes the recorded answers and estimates nothing.",
    UncertaintyReason.ENTERED: "The value was entered, so the answers behind it are not known.",
    UncertaintyReason.FEW_ANSWERS: "There are too few answers.",
    UncertaintyReason.ALL_ANSWERS_EQUAL: "All answers are equal, so nothing is known about how "
    "much they vary.",
    UncertaintyReason.MEDIAN: "There is no method for changes of medians.",
    UncertaintyReason.WEIGHTED_MEDIAN: "There is no method for weighted medians.",
    UncertaintyReason.SEVERAL_ANSWERS_PER_RESPONDENT: "One respondent may have given several of "
    "the answers, which are then not independent.",
    UncertaintyReason.TOTALS_WITHOUT_SQUARES: "The survey tool reports only totals, which do not "
    "show how much the answers vary.",
    UncertaintyReason.RUNNING_PERIOD: "The period is still running.",
    UncertaintyReason.OVERLAPPING_PERIODS: "The two periods overlap.",
    UncertaintyReason.QUESTION_CHANGED: "The question was changed in one of the periods.",
}

_CHANGE_SENTENCES: Final[Mapping[UncertaintyReason, str]] = {
    UncertaintyReason.NO_VALUE: "One of the two values is missing.",
    UncertaintyReason.ENTERED: "The values were entered, so the answers behind them are not known.",
    UncertaintyReason.FEW_ANSWERS: f"One of the periods has fewer than {FEWEST_JUDGED} answers.",
    UncertaintyReason.ALL_ANSWERS_EQUAL: "All answers of a period are equal, so nothing is known "
    "about how much they vary.",
}


class Verdict(StrEnum):
    """Whether a value has changed."""

    UP = "up"
    DOWN = "down"
    NO_CLEAR_CHANGE = "no_clear_change"
    """The interval of the change includes 0: the value may be up, down or neither."""
    NOT_JUDGED = "not_judged"
    """It cannot be decided, for a reason."""


class TargetVerdict(StrEnum):
    """Where a value is, compared with its target."""

    ABOVE = "above"
    ABOUT = "about"
    """The interval of the value includes the target."""
    BELOW = "below"
