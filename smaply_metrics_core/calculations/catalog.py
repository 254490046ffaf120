"""What each calculation means: its definition, its denominator and an example worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Unit
from smaply_metrics_core.models.survey import QuestionKind

LOW_SAMPLE_BELOW: Final = 30
"""With fewer answers than this a value is marked as a low sample."""

NPS_SCALE: Final = frozenset(range(11))
PROMOTERS: Final = frozenset({9, 10})
DETRACTORS: Final = frozenset(range(7))


class AnswerRequirement(StrEnum):
    """What a calculation needs of a question's answers, in words for people."""

    NOTHING = "no particular kind of answers"
    ANSWERS = "answers to choose from, or numbers"
    VALUES = "answers with values, or numbers"
    TWO_VALUES = "a scale of at least two values"
    THREE_VALUES = "a scale of at least three values"
    ZERO_TO_TEN = "a scale from 0 to 10"


@dataclass(frozen=True)
class WorkedExample:
    """An example worked by hand, run by a test.

    Attributes:
        scale: The lowest and the highest answer of the question, which offers each in between.
        answers: The answers given, one for each response that has one.
        not_applicable: Responses that chose “Not applicable”.
        blank: Responses without an answer.
        share_of: The answers that a share counts.
        working: How the value comes about.
        value: The value, or, where there are several, the value of each answer.
    """

    scale: tuple[int, int]
    answers: tuple[int, ...]
    not_applicable: int
    blank: int
    working: str
    value: float | Mapping[str, float]
    share_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class CalculationDefinition:
    """One calculation.

    Attributes:
        title: What people call it.
        unit: What its values count in.
        definition: What it is, with its denominator.
        kinds: The kinds of question that can allow it.
        needs: What their answers must be like.
        several: It makes a value for each answer, so it is never a Number or a Comparison.
        example: Worked by hand.
    """

    title: str
    unit: Unit
    definition: str
    kinds: frozenset[QuestionKind]
    needs: AnswerRequirement
    example: WorkedExample
    several: bool = field(default=False, kw_only=True)

    @property
    def compares_in_points(self) -> bool:
        """Whether a Comparison gives its change in points: a percent of a percent misleads."""
        return self.unit in {Unit.PERCENT, Unit.POINTS}


_SCALED = frozenset({QuestionKind.SINGLE_CHOICE, QuestionKind.NPS})
_NUMERIC = _SCALED | {QuestionKind.NUMBER}
_CHOSEN = _NUMERIC | {QuestionKind.MULTIPLE_CHOICE}
_ASKED = frozenset(QuestionKind) - {QuestionKind.GROUP}

_SATISFACTION = (5, 5, 5, 5, 4, 4, 3, 2, 1, 1)


def _satisfaction(
    working: str, value: float | Mapping[str, float], *, share_of: tuple[str, ...] = ()
) -> WorkedExample:
    """Twelve responses to a question from 1 to 5: ten answers, one not applicable, one blank."""
    return WorkedExample((1, 5), _SATISFACTION, 1, 1, working, value, share_of)


CALCULATIONS: Final[Mapping[Calculation, CalculationDefinition]] = {
    Calculation.RESPONSES: CalculationDefinition(
        "Responses",
        Unit.COUNT,
        "How many responses count: recorded in the date range, passed by the filters, and not "
        "left out as unfinished, preview, test or spam.",
        frozenset(QuestionKind),
        AnswerRequirement.NOTHING,
        _satisfaction("10 answers + 1 not applicable + 1 blank = 12", 12),
    ),
    Calculation.ANSWERED: CalculationDefinition(
        "Answered",
        Unit.COUNT,
        "How many of the responses answered the question. Blank, not applicable, and seen but "
        "not answered are no answers.",
        _ASKED,
        AnswerRequirement.NOTHING,
        _satisfaction("12 responses - 1 not applicable - 1 blank = 10", 10),
    ),
    Calculation.AVERAGE: CalculationDefinition(
        "Average",
        Unit.SCORE,
        "The sum of the answers' values divided by how many answered.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("(5 + 5 + 5 + 5 + 4 + 4 + 3 + 2 + 1 + 1) / 10 = 35 / 10 = 3.5", 3.5),
    ),
    Calculation.MEDIAN: CalculationDefinition(
        "Median",
        Unit.SCORE,
        "The middle value when all who answered are put in order; with an even number of answers "
        "the mean of the two in the middle.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("1 1 2 3 4 | 4 5 5 5 5: (4 + 4) / 2 = 4", 4),
    ),
    Calculation.SUM: CalculationDefinition(
        "Sum",
        Unit.SCORE,
        "The values of all answers added up.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("4 x 5 + 2 x 4 + 1 x 3 + 1 x 2 + 2 x 1 = 35", 35),
    ),
    Calculation.MINIMUM: CalculationDefinition(
        "Minimum",
        Unit.SCORE,
        "The lowest value that anybody answered.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("the lowest of 5 4 3 2 1 is 1", 1),
    ),
    Calculation.MAXIMUM: CalculationDefinition(
        "Maximum",
        Unit.SCORE,
        "The highest value that anybody answered.",
        _NUMERIC,
        AnswerRequirement.VALUES,
        _satisfaction("the highest of 5 4 3 2 1 is 5", 5),
    ),
    Calculation.NPS: CalculationDefinition(
        "NPS",
        Unit.POINTS,
        "Net Promoter Score: the percent of those who answered that gave 9 or 10 (promoters) minus "
        "the percent that gave 0 to 6 (detractors), from -100 to 100.",
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
    Calculation.TOP_BOX: CalculationDefinition(
        "Top box",
        Unit.PERCENT,
        "The percent of those who answered that chose the highest value of the question's scale; "
        "the lowest when the scale is reversed.",
        _SCALED,
        AnswerRequirement.TWO_VALUES,
        _satisfaction("5 was chosen by 4 of 10 = 40 %", 40),
    ),
    Calculation.TOP_2_BOX: CalculationDefinition(
        "Top 2 box",
        Unit.PERCENT,
        "The percent of those who answered that chose one of the two highest values of the "
        "question's scale; the two lowest when the scale is reversed.",
        _SCALED,
        AnswerRequirement.THREE_VALUES,
        _satisfaction("5 or 4 was chosen by 6 of 10 = 60 %", 60),
    ),
    Calculation.BOTTOM_2_BOX: CalculationDefinition(
        "Bottom 2 box",
        Unit.PERCENT,
        "The percent of those who answered that chose one of the two lowest values of the "
        "question's scale; the two highest when the scale is reversed.",
        _SCALED,
        AnswerRequirement.THREE_VALUES,
        _satisfaction("1 or 2 was chosen by 3 of 10 = 30 %", 30),
    ),
    Calculation.SHARE: CalculationDefinition(
        "Share",
        Unit.PERCENT,
        "The percent of those who answered that chose at least one of the given answers.",
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
        "For each answer, how many chose it and the percent of those who answered. Where several "
        "answers may be chosen, the percents may add up to more than 100.",
        _CHOSEN,
        AnswerRequirement.ANSWERS,
        _satisfaction(
            "1: 2 of 10, 2: 1 of 10, 3: 1 of 10, 4: 2 of 10, 5: 4 of 10",
            {"1": 20, "2": 10, "3": 10, "4": 20, "5": 40},
        ),
        several=True,
    ),
}
"""Every calculation, in the order in which people are offered them."""
