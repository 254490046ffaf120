"""The calculations: the definition, denominator and worked example of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Unit
from smaply_metrics_core.models.survey import QuestionKind

LOW_SAMPLE_BELOW: Final = 30

FEWEST_DIFFERENT: Final = 10
"""The interval of an average is too narrow if fewer answers differ from the most frequent one."""
"""A value of fewer answers is marked as a low sample."""

UNREADABLE: Final = "unreadable"
"""The reason for an answer that should be a number and is not."""

UNREADABLE_FROM: Final = 0.05
"""The share of unreadable answers from which on a value is marked."""

NPS_SCALE: Final = frozenset(range(11))
PROMOTERS: Final = frozenset({9, 10})
DETRACTORS: Final = frozenset(range(7))


SCALE_OF_FIVE: Final = 5
SCALE_OF_SEVEN: Final = 7


class Box(NamedTuple):
    """The values at one end of a scale that a calculation counts.

    Attributes:
        size: Their number.
        highest: Whether they are the highest, unless the scale is reversed.
        of_seven: Their number on a scale of seven values; 0 for the same number.
    """

    size: int
    highest: bool = True
    of_seven: int = 0

    def size_on(self, points: int) -> int:
        """Return the number of values on a scale with a number of values."""
        return self.of_seven if self.of_seven and points == SCALE_OF_SEVEN else self.size


BOXES: Final[Mapping[Calculation, Box]] = {
    Calculation.TOP_BOX: Box(1),
    Calculation.TOP_2_BOX: Box(2),
    Calculation.BOTTOM_2_BOX: Box(2, highest=False),
    Calculation.CSAT: Box(2),
    Calculation.CES_PERCENT: Box(2, of_seven=3),
}
"""The calculations that are the percentage of a box."""


class AnswerRequirement(StrEnum):
    """What a calculation requires of the answers, as text for people."""

    NOTHING = "no particular kind of answers"
    ANSWERS = "answers to choose from, or numbers"
    TWO_ANSWERS = "at least two answers to choose from, or numbers"
    VALUES = "answers with values, or numbers"
    TWO_VALUES = "a scale of at least two values"
    THREE_VALUES = "a scale of at least three values"
    FIVE_VALUES = "a scale of five values"
    FIVE_OR_SEVEN_VALUES = "a scale of five or seven values"
    ZERO_TO_TEN = "a scale from 0 to 10"
    ENTERED = "values that people enter, in this unit"


@dataclass(frozen=True)
class WorkedExample:
    """A worked example, which a test runs.

    Attributes:
        scale: The lowest and the highest choice; the question has each number in between.
        answers: The answers, one per response that has one.
        not_applicable: Responses that chose “Not applicable”.
        blank: Responses without an answer.
        share_of: The answers that a share counts.
        top_answers: The answers that a net score begins with.
        bottom_answers: The answers that a net score subtracts.
        working: The arithmetic.
        value: The value or, if there are several, the value of each answer.
    """

    scale: tuple[int, int]
    answers: tuple[int, ...]
    not_applicable: int
    blank: int
    working: str
    value: float | Mapping[str, float]
    share_of: tuple[str, ...] = ()
    top_answers: tuple[str, ...] = ()
    bottom_answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class CalculationDefinition:
    """One calculation.

    Attributes:
        title: The name that people see.
        unit: The unit of its values.
        definition: The definition, with the denominator.
        kinds: The kinds of questions that can allow it.
        needs: What it requires of their answers.
        several: Whether it has one value per answer, so that it needs a Series.
        weighted: Whether responses can be weighted. Counts and sums cannot, since they would
            depend on the scale of the weights, and extremes do not depend on weights.
        ambiguous: Whether its name has other formulas elsewhere, or none by itself, so that cards
            print the formula next to the value.
        same_as: The calculation whose arithmetic it has, under another name.
        example: The worked example; ``None`` for entered values, which are not calculated.
    """

    title: str
    unit: Unit
    definition: str
    kinds: frozenset[QuestionKind]
    needs: AnswerRequirement
    example: WorkedExample | None
    several: bool = field(default=False, kw_only=True)
    weighted: bool = field(default=True, kw_only=True)
    ambiguous: bool = field(default=False, kw_only=True)
    same_as: Calculation | None = field(default=None, kw_only=True)

    @property
    def compares_in_points(self) -> bool:
        """Whether a change is shown in points: a percentage of a percentage misleads."""
        return self.unit in {Unit.PERCENT, Unit.POINTS}


_SCALED = frozenset({QuestionKind.SINGLE_CHOICE, QuestionKind.NPS})
_NUMERIC = _SCALED | {QuestionKind.NUMBER}
_CHOSEN = _NUMERIC | {QuestionKind.MULTIPLE_CHOICE}
_ASKED = frozenset(QuestionKind) - {QuestionKind.GROUP, QuestionKind.ENTERED}

_SATISFACTION = (5, 5, 5, 5, 4, 4, 3, 2, 1, 1)


def _satisfaction(
    working: str, value: float | Mapping[str, float], *, share_of: tuple[str, ...] = ()
) -> WorkedExample:
    """Return an example with twelve responses: ten answers, one not applicable, one blank."""
    return WorkedExample((1, 5), _SATISFACTION, 1, 1, working, value, share_of)


def _entered(title: str, unit: Unit, what: str) -> CalculationDefinition:
    """Return the definition of values that a person entered, in a unit."""
    return CalculationDefinition(
        title,
        unit,
        f"The newest entered value in the date range, {what}. Nothing is calculated, and there is "
        "no interval.",
        frozenset({QuestionKind.ENTERED}),
        AnswerRequirement.ENTERED,
        None,
        weighted=False,
    )


CALCULATIONS: Final[Mapping[Calculation, CalculationDefinition]] = {
    Calculation.RESPONSES: CalculationDefinition(
        "Responses",
        Unit.COUNT,
        "The number of counted responses: recorded in the date range, matching the filters, and "
        "not excluded as unfinished, preview, test or spam.",
        _ASKED | {QuestionKind.GROUP},
        AnswerRequirement.NOTHING,
        _satisfaction("10 answers + 1 not applicable + 1 blank = 12", 12),
        weighted=False,
    ),
    Calculation.ANSWERED: CalculationDefinition(
        "Answered",
        Unit.COUNT,
        "The number of counted responses with an answer to the question. Blank, not applicable, "
        "and seen but not answered do not count as answers.",
        _ASKED,
        AnswerRequirement.NOTHING,
        _satisfaction("12 responses - 1 not applicable - 1 blank = 10", 10),
        weighted=False,
    ),
    Calculation.AVERAGE: CalculationDefinition(
        "Average",
        Unit.SCORE,
        "The sum of the values of all answers, divided by the number of answers.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("(5 + 5 + 5 + 5 + 4 + 4 + 3 + 2 + 1 + 1) / 10 = 35 / 10 = 3.5", 3.5),
    ),
    Calculation.MEDIAN: CalculationDefinition(
        "Median",
        Unit.SCORE,
        "The middle value when all answers are sorted; with an even number of answers, the mean "
        "of the two middle values.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("1 1 2 3 4 | 4 5 5 5 5: (4 + 4) / 2 = 4", 4),
    ),
    Calculation.SUM: CalculationDefinition(
        "Sum",
        Unit.SCORE,
        "The sum of the values of all answers.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("4 x 5 + 2 x 4 + 1 x 3 + 1 x 2 + 2 x 1 = 35", 35),
        weighted=False,
    ),
    Calculation.MINIMUM: CalculationDefinition(
        "Minimum",
        Unit.SCORE,
        "The lowest value of all answers.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("the lowest of 5 4 3 2 1 is 1", 1),
        weighted=False,
    ),
    Calculation.MAXIMUM: CalculationDefinition(
        "Maximum",
        Unit.SCORE,
        "The highest value of all answers.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("the highest of 5 4 3 2 1 is 5", 5),
        weighted=False,
    ),
    Calculation.NPS: CalculationDefinition(
        "NPS",
        Unit.POINTS,
        "Net Promoter Score: the percentage of answers that are 9 or 10 (promoters) minus the "
        "percentage that are 0 to 6 (detractors), from \N{MINUS SIGN}100 to 100.",
        _SCALED,
        AnswerRequirement.ZERO_TO_TEN,
        WorkedExample(
            (0, 10),
            (10, 10, 9, 9, 8, 7, 6, 3),
            0,
            2,
            "4 promoters of 8 = 50 %, 2 detractors of 8 = 25 %, 50 - 25 = 25",
            25,
        ),
    ),
    Calculation.NET_SCORE: CalculationDefinition(
        "Net score",
        Unit.POINTS,
        "The percentage of answers that are one of the top answers minus the percentage that are "
        "one of the bottom answers, from \N{MINUS SIGN}100 to 100. Which answers are top and "
        "bottom is part of the metric.",
        _NUMERIC,
        AnswerRequirement.TWO_ANSWERS,
        WorkedExample(
            (1, 5),
            _SATISFACTION,
            1,
            1,
            "5 or 4 was chosen by 6 of 10 = 60 %, 1 or 2 by 3 of 10 = 30 %, 60 - 30 = 30",
            30,
            top_answers=("4", "5"),
            bottom_answers=("1", "2"),
        ),
        ambiguous=True,
    ),
    Calculation.TOP_BOX: CalculationDefinition(
        "Top box",
        Unit.PERCENT,
        "The percentage of answers with the highest value of the question's scale; with the lowest "
        "if the scale is reversed.",
        _SCALED,
        AnswerRequirement.TWO_VALUES,
        _satisfaction("5 was chosen by 4 of 10 = 40 %", 40),
    ),
    Calculation.TOP_2_BOX: CalculationDefinition(
        "Top 2 box",
        Unit.PERCENT,
        "The percentage of answers with one of the two highest values of the question's scale; "
        "with one of the two lowest if the scale is reversed.",
        _SCALED,
        AnswerRequirement.THREE_VALUES,
        _satisfaction("5 or 4 was chosen by 6 of 10 = 60 %", 60),
    ),
    Calculation.BOTTOM_2_BOX: CalculationDefinition(
        "Bottom 2 box",
        Unit.PERCENT,
        "The percentage of answers with one of the two lowest values of the question's scale; "
        "with one of the two highest if the scale is reversed.",
        _SCALED,
        AnswerRequirement.THREE_VALUES,
        _satisfaction("1 or 2 was chosen by 3 of 10 = 30 %", 30),
    ),
    Calculation.CSAT: CalculationDefinition(
        "CSAT",
        Unit.PERCENT,
        "Customer Satisfaction Score: the percentage of answers with one of the two highest values "
        "of a scale of five; with one of the two lowest if the scale is reversed. This is the top "
        "2 box. Some tools call the average CSAT.",
        _SCALED,
        AnswerRequirement.FIVE_VALUES,
        _satisfaction("5 or 4 was chosen by 6 of 10 = 60 %", 60),
        ambiguous=True,
    ),
    Calculation.CES_PERCENT: CalculationDefinition(
        "CES (percent)",
        Unit.PERCENT,
        "Customer Effort Score: the percentage of answers with one of the two highest values of a "
        "scale of five, or one of the three highest of a scale of seven; with the lowest if the "
        "scale is reversed.",
        _SCALED,
        AnswerRequirement.FIVE_OR_SEVEN_VALUES,
        WorkedExample(
            (1, 7), (7, 7, 6, 5, 5, 4, 3, 1), 0, 2, "7, 6 or 5 was chosen by 5 of 8 = 62.5 %", 62.5
        ),
        ambiguous=True,
    ),
    Calculation.CES_AVERAGE: CalculationDefinition(
        "CES (average)",
        Unit.SCORE,
        "Customer Effort Score: the average of the answers on a scale of five or seven. Other "
        "tools report a percentage, or a net score, under the same name.",
        _SCALED,
        AnswerRequirement.FIVE_OR_SEVEN_VALUES,
        WorkedExample(
            (1, 7),
            (7, 7, 6, 5, 5, 4, 3, 1),
            0,
            2,
            "(7 + 7 + 6 + 5 + 5 + 4 + 3 + 1) / 8 = 38 / 8 = 4.75",
            4.75,
        ),
        ambiguous=True,
        same_as=Calculation.AVERAGE,
    ),
    Calculation.SHARE: CalculationDefinition(
        "Share",
        Unit.PERCENT,
        "The percentage of respondents with an answer who chose at least one of the selected "
        "answers.",
        _CHOSEN,
        AnswerRequirement.ANSWERS,
        _satisfaction(
            "3 or 4 was chosen by 3 of 10 = 30 %",
            30,
            share_of=("3", "4"),
        ),
    ),
    Calculation.DISTRIBUTION: CalculationDefinition(
        "Distribution",
        Unit.PERCENT,
        "For each answer, its count and its percentage of the respondents with an answer. If the "
        "question takes several answers, the percentages may add up to more than 100.",
        _CHOSEN,
        AnswerRequirement.ANSWERS,
        _satisfaction(
            "1: 2 of 10, 2: 1 of 10, 3: 1 of 10, 4: 2 of 10, 5: 4 of 10",
            {"1": 20, "2": 10, "3": 10, "4": 20, "5": 40},
        ),
        several=True,
    ),
    Calculation.ENTERED_NUMBER: _entered("Entered number", Unit.SCORE, "with one decimal"),
    Calculation.ENTERED_COUNT: _entered("Entered count", Unit.COUNT, "a whole number"),
    Calculation.ENTERED_PERCENT: _entered("Entered percentage", Unit.PERCENT, "in percent"),
    Calculation.ENTERED_POINTS: _entered(
        "Entered points", Unit.POINTS, "in points, such as an NPS"
    ),
}
"""Every calculation, in the order in which lists show them."""


def arithmetic_of(calculation: Calculation) -> Calculation:
    """Return the calculation whose arithmetic a calculation has."""
    return CALCULATIONS[calculation].same_as or calculation
