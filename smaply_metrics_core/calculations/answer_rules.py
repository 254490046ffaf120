"""The rules for the answers that a metric selects: those of a share and of a net score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from smaply_metrics_core.calculations.catalog import BOXES, CALCULATIONS
from smaply_metrics_core.calculations.decimal_keys import key_number
from smaply_metrics_core.errors import CalculationRefused, QueryInvalid, QuestionUnavailable
from smaply_metrics_core.models.query import Calculation, Definition
from smaply_metrics_core.models.survey import Choice, Question

MOST_NAMED: Final = 12


def check_answers(definition: Definition, question: Question | None) -> None:
    """Check the parts that only some calculations use.

    Raises:
        QueryInvalid: if the calculation does not use a part, or lacks answers to count.
        CalculationRefused: if an answer enters no denominator.
        QuestionUnavailable: if an answer is not one of the question.
    """
    calculation, group_by = definition.calculation, definition.group_by
    by_answer = group_by is not None and group_by.kind == "answer"
    if definition.answers and calculation is not Calculation.SHARE:
        raise QueryInvalid(
            f"{CALCULATIONS[calculation].title} does not use selected answers.",
            remedy="Remove the answers, or use share.",
        )
    if definition.reverse_scale and calculation not in BOXES:
        raise QueryInvalid(
            f"{CALCULATIONS[calculation].title} does not depend on the direction of the scale.",
            remedy="Do not reverse the scale, or use a top or bottom box.",
        )
    _check_net_score(definition, question)
    if calculation is not Calculation.SHARE or question is None:
        return
    known = offered(question.choices)
    if not definition.answers and not by_answer:
        raise QueryInvalid(
            "A share needs at least one answer to count.",
            remedy=f"Add answers: {known}." if known else "Add answers, as in 9,10.",
        )
    _check_keys(definition.answers, question)


def _check_net_score(definition: Definition, question: Question | None) -> None:
    """Check the two sets of answers of a net score."""
    top, bottom = definition.top_answers, definition.bottom_answers
    if definition.calculation is not Calculation.NET_SCORE:
        if top or bottom:
            raise QueryInvalid(
                f"{CALCULATIONS[definition.calculation].title} does not use top or bottom answers.",
                remedy="Remove the top and bottom answers, or use net_score.",
            )
        return
    if question is None:
        return
    known = offered(question.choices)
    for name, keys in (("top", top), ("bottom", bottom)):
        if not keys:
            raise QueryInvalid(
                f"A net score needs at least one {name} answer.",
                remedy=f"Add {name} answers: {known}."
                if known
                else f"Add {name} answers, as in 9,10.",
            )
        _check_keys(keys, question)
    numbers = {key: key_number(key) for key in (*top, *bottom) if not question.choices}
    shared = {numbers.get(key, key) for key in top} & {numbers.get(key, key) for key in bottom}
    if shared:
        both = [key for key in top if numbers.get(key, key) in shared]
        raise QueryInvalid(
            f"“{both[0]}” is a top and a bottom answer.",
            remedy="Count each answer on one side, or on neither.",
        )


def _check_keys(keys: Iterable[str], question: Question) -> None:
    for key in keys:
        if question.choices:
            _check_choice(key, question, question.choices)
        elif key_number(key) is None:
            raise QuestionUnavailable(
                f"The answers to {question.id} are numbers; “{key}” is not a number.",
                remedy="Enter the number with a decimal point, as in 3.5.",
            )


def _check_choice(key: str, question: Question, choices: Sequence[Choice]) -> None:
    choice = next((choice for choice in choices if choice.key == key), None)
    if choice is None:
        raise QuestionUnavailable(
            f"{question.id} has no answer “{key}”.",
            remedy=f"Use the key of one of its answers: {offered(choices)}.",
        )
    if not choice.analyze:
        raise CalculationRefused(
            f"“{choice.label}” does not count as an answer, so it has no share.",
            remedy=f"Use the key of one of these answers: {offered(choices)}.",
        )


def offered(choices: Sequence[Choice]) -> str:
    """Return the answers that enter a denominator, for a remedy."""
    return named([choice for choice in choices if choice.analyze])


def named(choices: Sequence[Choice]) -> str:
    """Return answers with their keys and labels, for a remedy."""
    return some(f"{choice.key} ({choice.label})" for choice in choices)


def some(items: Iterable[str]) -> str:
    """Return items for a remedy: at most the first dozen."""
    names = list(items)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
