"""The arithmetic of each calculation: one number from the counts of one group."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Final, NamedTuple

from smaply_metrics_core.calculations.answer_labels import answer_label
from smaply_metrics_core.calculations.catalog import (
    BOXES,
    CALCULATIONS,
    DETRACTORS,
    NPS_SCALE,
    PROMOTERS,
    arithmetic_of,
)
from smaply_metrics_core.calculations.decimal_keys import (
    EXACT,
    exact_sum,
    key_number,
    key_order,
    number_key,
    to_float,
)
from smaply_metrics_core.calculations.rules import scale_values
from smaply_metrics_core.calculations.weighted_counts import Amount, AnswerAmounts, divide, is_equal
from smaply_metrics_core.errors import CalculationRefused
from smaply_metrics_core.models.query import ENTERED, Calculation, Definition, WeightReason
from smaply_metrics_core.models.tally import Counts, Tally, Totals

FOR_SEVERAL_ANSWERS: Final = frozenset(
    {Calculation.RESPONSES, Calculation.ANSWERED, Calculation.SHARE, Calculation.DISTRIBUTION}
)
REPORT_BUG: Final = "Report this to the author of the plugin."
NO_SINGLE: Final = "This calculation has one value per answer, and none overall."
NO_ANSWERS: Final = "There are no answers."
NOT_ENTERED: Final = "No value was entered for these dates."
NO_WEIGHTS: Final = "None of the answers has a weight above 0."


class FormulaResult(NamedTuple):
    """A value, or the reason why there is none."""

    value: float | None
    reason: str = ""


class Formula:
    """Calculates the numbers of a definition from the counts of a tally.

    Attributes:
        counted: The labels of the answers that a box, a share or a net score counts.
        subtracted: The labels of the answers that a net score subtracts.
        box_values: The values of the scale that a box counts, ascending.

    Raises:
        CalculationRefused: if the scale does not allow the calculation, or if the question takes
            several answers and the calculation needs one.
    """

    def __init__(self, definition: Definition, tally: Tally) -> None:
        self._calculation = arithmetic_of(definition.calculation)
        self._title = CALCULATIONS[definition.calculation].title
        self._multiple = tally.multiple
        self._choices = {choice.key: choice for choice in tally.choices}
        self._labels = {choice.key: choice.label for choice in tally.choices}
        self.box_values: tuple[float, ...] = ()
        self._share: tuple[str, ...] = ()
        self._bottom: tuple[str, ...] = ()
        self.counted: tuple[str, ...] = ()
        self.subtracted: tuple[str, ...] = ()
        self._known: tuple[Counts, AnswerAmounts] | None = None
        if tally.multiple and definition.calculation not in FOR_SEVERAL_ANSWERS:
            raise CalculationRefused(
                f"{self._title} needs one answer per respondent, but this question takes several.",
                remedy="Use share or distribution.",
            )
        if definition.calculation in BOXES:
            self.box_values = self._take_box(tally, reverse=definition.reverse_scale)
            self.counted = tuple(
                one.label for one in tally.choices if one.analyze and one.value in self.box_values
            )
        self._box = frozenset(map(_decimal, self.box_values))
        if definition.calculation is Calculation.SHARE:
            self._share = self._known_keys(definition.answers)
        if definition.calculation is Calculation.NET_SCORE:
            self._share = self._known_keys(definition.top_answers)
            self._bottom = self._known_keys(definition.bottom_answers)
            self.subtracted = tuple(self.label(key) for key in self._bottom)
        if self._share:
            self.counted = tuple(self.label(key) for key in self._share)

    @property
    def is_distribution(self) -> bool:
        """Whether there is one value for each answer, and none overall."""
        return self._calculation is Calculation.DISTRIBUTION

    def of(self, counts: Counts) -> FormulaResult:
        """Return the overall number of some responses.

        Raises:
            CalculationRefused: if the counts contradict the calculation.
        """
        if self._calculation is Calculation.RESPONSES:
            return FormulaResult(counts.responses)
        if self._calculation is Calculation.ANSWERED:
            return FormulaResult(counts.answered)
        if self._calculation is Calculation.DISTRIBUTION:
            return FormulaResult(None, NO_SINGLE)
        if self._calculation in ENTERED:
            entered = counts.entered
            return FormulaResult(entered.value) if entered else FormulaResult(None, NOT_ENTERED)
        if counts.answered:
            return self._of_answers(counts)
        unweighted = any(counts.unanswered.get(reason) for reason in WeightReason)
        return FormulaResult(None, NO_WEIGHTS if unweighted else NO_ANSWERS)

    def has_value(self, counts: Counts) -> bool:
        """Whether ``of`` returns a number of some answers, without calculating it."""
        selected = self._calculation is not Calculation.SHARE or bool(self._share)
        return bool(counts.answered) and selected and not self.is_distribution

    def answers(self, counts: Counts) -> dict[str, int]:
        """Return the count of each answer: first all choices, then other answers.

        For a share, only the selected answers.

        Raises:
            CalculationRefused: if the tally has totals instead of answers.
        """
        self._check(counts)
        offered = [key for key, choice in self._choices.items() if choice.analyze]
        others = sorted(counts.answers.keys() - self._choices.keys(), key=key_order)
        return {
            key: counts.answers.get(key, 0)
            for key in (*offered, *others)
            if not self._share or key in self._share
        }

    def label(self, key: str) -> str:
        """Return the label of an answer; its key if it is no longer a choice."""
        return answer_label(key, self._labels)

    def number_of(self, key: str) -> Decimal:
        """Return the number that an answer stands for.

        Raises:
            CalculationRefused: if it has none.
        """
        choice = self._choices.get(key)
        if choice is not None and choice.value is not None:
            return _decimal(choice.value)
        number = key_number(key)
        if choice is not None or number is None:
            raise CalculationRefused(
                f"{self._title} needs numbers, but the answer “{self.label(key)}” has none.",
                remedy="Use share or distribution.",
            )
        return number

    def counts_in(self, key: str) -> bool:
        """Whether a box or a share counts an answer, or a net score or an NPS adds it."""
        if self._calculation is Calculation.NPS:
            return self.number_of(key) in PROMOTERS
        return key in self._share if self._share else self.number_of(key) in self._box

    def subtracts(self, key: str) -> bool:
        """Whether a net score or an NPS subtracts an answer."""
        if self._calculation is Calculation.NPS:
            return self.number_of(key) in DETRACTORS
        return key in self._bottom

    def of_answer(self, key: str, counts: Counts) -> float | None:
        """Return the value of one answer."""
        if self._calculation not in {Calculation.SHARE, Calculation.DISTRIBUTION}:
            return counts.answers.get(key, 0)
        if not counts.answered:
            return None
        amounts = self._amounts(counts)
        return _percent(amounts.answers.get(key, 0), amounts.answered)

    def _of_answers(self, counts: Counts) -> FormulaResult:
        if self._calculation is Calculation.SHARE:
            if not self._share:
                return FormulaResult(None, NO_SINGLE)
            amounts = self._amounts(counts)
            return FormulaResult(_percent(self._sharers(counts, amounts), amounts.answered))
        if self._calculation is Calculation.NET_SCORE:
            self._check(counts)
            amounts = self._amounts(counts)
            top, bottom = (
                sum(amounts.answers.get(key, 0) for key in keys)
                for keys in (self._share, self._bottom)
            )
            return FormulaResult(_percent(top - bottom, amounts.answered))
        if counts.totals is not None:
            return self._from_totals(counts, counts.totals)
        return self._from_numbers(self._numbers(counts))

    def _amounts(self, counts: Counts) -> AnswerAmounts:
        """Return the amounts of some responses, computed once for all of their answers."""
        if self._known is None or self._known[0] is not counts:
            self._known = (counts, AnswerAmounts.of(counts))
        return self._known[1]

    def _take_box(self, tally: Tally, *, reverse: bool) -> tuple[float, ...]:
        box = BOXES[self._calculation]
        values = scale_values(tally.choices)
        size = box.size_on(len(values))
        if len(values) <= size:
            raise CalculationRefused(
                f"{self._title} needs a scale of at least {size + 1} different values, but this "
                f"question has {len(values)}.",
                remedy="Use share, and select the answers to count.",
            )
        return values[-size:] if box.highest != reverse else values[:size]

    def _known_keys(self, keys: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._known_key(key) for key in keys))

    def _known_key(self, key: str) -> str:
        """Return the key of an answer as the tally spells it: 3.0 is 3."""
        choice = self._choices.get(key)
        if choice is not None and not choice.analyze:
            raise CalculationRefused(
                f"“{choice.label}” does not count as an answer, so it has no share.",
                remedy="Choose other answers.",
            )
        number = None if self._choices else key_number(key)
        return key if number is None else number_key(float(number))

    def _sharers(self, counts: Counts, amounts: AnswerAmounts) -> Amount:
        self._check(counts)
        if not self._multiple or len(self._share) == 1:
            return sum(amounts.answers.get(key, 0) for key in self._share)
        if amounts.chosen is None:
            raise CalculationRefused(
                "The plugin did not count the responses with at least one of these answers.",
                remedy="Choose one answer, or use a distribution.",
            )
        return amounts.chosen

    def _check(self, counts: Counts) -> None:
        if counts.answered and not counts.answers:
            raise CalculationRefused(
                f"{self._title} needs the count of each answer, which is not available for this "
                "question.",
                remedy="Count the responses or the answers instead.",
            )
        for key in counts.answers:
            choice = self._choices.get(key)
            if choice is not None and not choice.analyze:
                raise CalculationRefused(
                    f"The plugin counted “{choice.label}” as an answer, but it is not one.",
                    remedy=REPORT_BUG,
                )

    def _numbers(self, counts: Counts) -> list[tuple[Decimal, Amount]]:
        """Return each value with its count or weight, ascending."""
        self._check(counts)
        answers = self._amounts(counts).answers
        return sorted((self.number_of(key), amount) for key, amount in answers.items() if amount)

    def _from_totals(self, counts: Counts, totals: Totals) -> FormulaResult:
        average = totals.sum / counts.answered
        if counts.weights is not None and totals.weighted is not None:
            average = totals.weighted.wx / counts.weights.answered.sum
        found = {
            Calculation.AVERAGE: average,
            Calculation.SUM: totals.sum,
            Calculation.MINIMUM: totals.minimum,
            Calculation.MAXIMUM: totals.maximum,
        }
        value = found.get(self._calculation)
        if value is None:
            raise CalculationRefused(
                f"{self._title} cannot be calculated from totals, and this question has nothing "
                "else.",
                remedy="Use the average or the sum.",
            )
        return FormulaResult(value)

    def _from_numbers(self, numbers: list[tuple[Decimal, Amount]]) -> FormulaResult:
        with localcontext(EXACT):
            answered = sum(n for _, n in numbers)
        match self._calculation:
            case Calculation.MINIMUM:
                value = numbers[0][0]
            case Calculation.MAXIMUM:
                value = numbers[-1][0]
            case Calculation.MEDIAN:
                value = _median(numbers, answered)
            case Calculation.SUM:
                value = exact_sum(numbers)
            case Calculation.AVERAGE:
                with localcontext(EXACT):
                    value = exact_sum(numbers) / answered
            case Calculation.NPS:
                return FormulaResult(_nps(numbers, answered))
            case _:
                boxed = sum(n for number, n in numbers if number in self._box)
                return FormulaResult(_percent(boxed, answered))
        return FormulaResult(to_float(value))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _shown(number: Decimal) -> str:
    """Return a number for people, with a real minus sign."""
    return str(number).replace("-", "\N{MINUS SIGN}")


def _percent(part: Amount, whole: Amount) -> float:
    return divide(100 * part, whole)


def _median(numbers: list[tuple[Decimal, Amount]], answered: Amount) -> Decimal:
    """Return the value in the middle, or the mean of the two values around it.

    That is the value up to which there is half of the answers, or of their weight.
    """
    with localcontext(EXACT):
        middle = Decimal(answered) / 2
        passed = Decimal(0)
        for place, (number, amount) in enumerate(numbers):
            passed += amount
            if is_equal(passed, middle):
                return (number + numbers[place + 1][0]) / 2
            if passed > middle:
                return number
    return numbers[-1][0]


def _nps(numbers: list[tuple[Decimal, Amount]], answered: Amount) -> float:
    for number, _ in numbers:
        if number not in NPS_SCALE:
            raise CalculationRefused(
                f"NPS needs answers from 0 to 10, but there is an answer {_shown(number)}.",
                remedy="Use the average, or a question with a scale from 0 to 10.",
            )
    promoters = sum(n for number, n in numbers if number in PROMOTERS)
    detractors = sum(n for number, n in numbers if number in DETRACTORS)
    return _percent(promoters - detractors, answered)
