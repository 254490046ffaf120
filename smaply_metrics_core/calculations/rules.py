"""The rules for metrics: which calculations, groups and filters a question allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS, NPS_SCALE, AnswerRequirement
from smaply_metrics_core.calculations.decimal_keys import key_number
from smaply_metrics_core.calculations.matrix_rows import row_questions
from smaply_metrics_core.date_ranges import refuse_without_previous
from smaply_metrics_core.errors import (
    CalculationRefused,
    GroupingRefused,
    QueryInvalid,
    QuestionUnavailable,
)
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    Filter,
    GroupBy,
    MetricType,
    Weight,
    is_by_row,
)
from smaply_metrics_core.models.survey import Choice, Question, QuestionKind, Questionnaire

__all__ = ["CALCULATIONS", "allowed_calculations", "check_definition", "scale_values"]

BY_ANSWER: Final = (
    Calculation.RESPONSES,
    Calculation.ANSWERED,
    Calculation.SHARE,
    Calculation.DISTRIBUTION,
)
"""Calculations that can be grouped by answer: the average of all answers “3” is always 3."""

BOXES: Final = (Calculation.TOP_BOX, Calculation.TOP_2_BOX, Calculation.BOTTOM_2_BOX)
MOST_NAMED: Final = 12


def allowed_calculations(
    kind: QuestionKind, choices: Sequence[Choice] = ()
) -> tuple[Calculation, ...]:
    """Return the calculations that a question of this kind with these choices allows."""
    values = frozenset(scale_values(choices))
    counted = kind is QuestionKind.NUMBER or any(choice.analyze for choice in choices)
    return tuple(
        calculation
        for calculation, definition in CALCULATIONS.items()
        if kind in definition.kinds and _meets(definition.needs, kind, values, counted=counted)
    )


def scale_values(choices: Sequence[Choice]) -> tuple[float, ...]:
    """Return the distinct values of a question's scale, ascending.

    Empty unless every choice that enters a denominator has a value.
    """
    values = [choice.value for choice in choices if choice.analyze]
    known = {value for value in values if value is not None}
    return () if None in values else tuple(sorted(known))


def _meets(
    needs: AnswerRequirement, kind: QuestionKind, values: AbstractSet[float], *, counted: bool
) -> bool:
    """Whether answers meet a requirement.

    Args:
        needs: The requirement.
        kind: The kind of the question.
        values: The values of its scale.
        counted: Whether there are answers that enter a denominator.
    """
    number = kind is QuestionKind.NUMBER
    match needs:
        case AnswerRequirement.NOTHING:
            return True
        case AnswerRequirement.ANSWERS:
            return counted
        case AnswerRequirement.VALUES:
            return number or bool(values)
        case AnswerRequirement.TWO_VALUES:
            return len(values) >= 2  # noqa: PLR2004  # As its name says.
        case AnswerRequirement.THREE_VALUES:
            return len(values) >= 3  # noqa: PLR2004  # As its name says.
        case AnswerRequirement.ZERO_TO_TEN:
            full = values == NPS_SCALE
            return full or (kind is QuestionKind.NPS and bool(values) and values <= NPS_SCALE)


def check_definition(definition: Definition, questionnaire: Questionnaire) -> None:
    """Refuse a metric that cannot be calculated, before anything is fetched.

    Args:
        definition: The metric.
        questionnaire: The current survey.

    Raises:
        QueryInvalid: if its parts contradict each other, whatever the survey.
        CalculationRefused: if the question does not allow the calculation.
        GroupingRefused: if it cannot be grouped like this.
        QuestionUnavailable: if a question, field or answer is not in the survey.
    """
    _check_type(definition)
    question = (
        questionnaire.question(definition.question_id)
        if definition.question_id is not None
        else None
    )
    by_row = is_by_row(definition.group_by)
    measured = row_questions(definition, question) if by_row else (question,)
    for one in measured:
        _check_calculation(definition, one)
    _check_answers(definition, measured[0])
    if definition.group_by is not None:
        _check_group_by(definition, definition.group_by, question, questionnaire)
    for wanted in definition.filters:
        _check_filter(wanted, questionnaire)
    if definition.weight is not None:
        _check_weight(definition.calculation, definition.weight, questionnaire)


def can_weight(question: Question) -> bool:
    """Whether the answers to a question can be weights: one number per response."""
    if question.kind is QuestionKind.NUMBER:
        return True
    return question.kind in {QuestionKind.SINGLE_CHOICE, QuestionKind.NPS} and bool(
        scale_values(question.choices)
    )


def _check_type(definition: Definition) -> None:
    """Check the rules of Number, Series and Comparison."""
    several = CALCULATIONS[definition.calculation].several
    title = CALCULATIONS[definition.calculation].title
    if definition.type is MetricType.SERIES:
        if definition.group_by is None and not several:
            raise QueryInvalid(
                "A Series needs a group-by.",
                remedy="Add a group-by: answer, row, question:ID, field:NAME or period:month.",
            )
        if several and definition.group_by is not None and definition.group_by.kind != "answer":
            raise QueryInvalid(
                f"{title} is already grouped by answer.",
                remedy="Group by answer, or use the share of one answer with this group-by.",
            )
        return
    kind = definition.type.value.capitalize()
    if definition.group_by is not None:
        raise QueryInvalid(
            f"A {kind} cannot have a group-by.", remedy="Remove the group-by, or use a Series."
        )
    if several:
        raise QueryInvalid(
            f"{title} has one value per answer, but a {kind} shows one value.",
            remedy="Use a Series, or the share of one answer.",
        )
    if definition.type is MetricType.COMPARISON:
        refuse_without_previous(definition.range)


def _check_answers(definition: Definition, question: Question | None) -> None:
    """Check the parts that only some calculations use."""
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
    if calculation is not Calculation.SHARE or question is None:
        return
    known = _offered(question.choices)
    if not definition.answers and not by_answer:
        raise QueryInvalid(
            "A share needs at least one answer to count.",
            remedy=f"Add answers: {known}." if known else "Add answers, as in 9,10.",
        )
    for key in definition.answers:
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
            remedy=f"Use the key of one of its answers: {_offered(choices)}.",
        )
    if not choice.analyze:
        raise CalculationRefused(
            f"“{choice.label}” does not count as an answer, so it has no share.",
            remedy=f"Use the key of one of these answers: {_offered(choices)}.",
        )


def _check_calculation(definition: Definition, question: Question | None) -> None:
    calculation = definition.calculation
    if question is None:
        if calculation is not Calculation.RESPONSES:
            raise QueryInvalid(
                f"{CALCULATIONS[calculation].title} needs a question.",
                remedy="Choose a question, or use responses.",
            )
        return
    if calculation in question.calculations:
        return
    if question.kind is QuestionKind.GROUP and question.sub_questions:
        rows = _some(row.id for row in question.sub_questions)
        remedy = f"Choose one of its rows: {rows}; or use a Series grouped by row."
    elif question.calculations:
        remedy = f"{question.id} allows: {', '.join(question.calculations)}."
    else:
        remedy = "Choose another question: this one does not allow any calculation."
    raise CalculationRefused(
        f"{question.id} does not allow {calculation}, which needs "
        f"{CALCULATIONS[calculation].needs}." + _note(question),
        remedy=remedy,
    )


def _check_group_by(
    definition: Definition,
    group_by: GroupBy,
    question: Question | None,
    questionnaire: Questionnaire,
) -> None:
    if group_by.kind == "field":
        _check_field(group_by.of, questionnaire)
    elif group_by.kind == "question":
        other = questionnaire.question(group_by.of)
        if not other.can_group_by:
            reason = other.note or "Only questions with choices can be used as a group-by."
            raise GroupingRefused(
                f"{other.id} cannot be used as a group-by. {reason}",
                remedy=_group_by_remedy(questionnaire),
            )
    elif group_by.kind == "answer":
        if question is None:
            raise QueryInvalid(
                "A metric without a question cannot be grouped by answer.",
                remedy="Choose a question, or group by field:NAME or period:month.",
            )
        if Calculation.DISTRIBUTION not in question.calculations:
            raise GroupingRefused(
                f"{question.id} cannot be grouped by answer, because its answers are not counted "
                "individually." + _note(question),
                remedy=_group_by_remedy(questionnaire),
            )
        if definition.calculation not in BY_ANSWER:
            raise GroupingRefused(
                f"{CALCULATIONS[definition.calculation].title} cannot be grouped by answer.",
                remedy=f"Use one of {', '.join(BY_ANSWER)} with this group-by.",
            )


def _group_by_remedy(questionnaire: Questionnaire) -> str:
    good = [question.id for question in questionnaire.walk() if question.can_group_by]
    return f"Group by one of {_some(good)}, or by a period." if good else "Group by a period."


def _check_filter(wanted: Filter, questionnaire: Questionnaire) -> None:
    if not wanted.values:
        raise QueryInvalid(
            f"The filter on {wanted.kind}:{wanted.of} has no values.",
            remedy="Add values to the filter, or remove it.",
        )
    if wanted.kind == "field":
        _check_field(wanted.of, questionnaire)
        return
    question = questionnaire.question(wanted.of)
    known = {choice.key for choice in question.choices}
    for key in wanted.values:
        if known and key not in known:
            raise QuestionUnavailable(
                f"{question.id} has no answer “{key}” to filter by.",
                remedy=f"Use the key of one of its answers: {_named(question.choices)}.",
            )


def _check_weight(calculation: Calculation, weight: Weight, questionnaire: Questionnaire) -> None:
    if not CALCULATIONS[calculation].weighted:
        takes = ", ".join(one for one, meaning in CALCULATIONS.items() if meaning.weighted)
        raise QueryInvalid(
            f"{CALCULATIONS[calculation].title} cannot be weighted.",
            remedy=f"Remove the weight, or use one of {takes}.",
        )
    if not questionnaire.can_weight:
        raise CalculationRefused(
            f"Responses to “{questionnaire.survey.name}” cannot be weighted: their source does not "
            "support weights.",
            remedy="Remove the weight.",
        )
    if weight.kind == "field":
        _check_field(weight.of, questionnaire)
        return
    question = questionnaire.question(weight.of)
    if not can_weight(question):
        good = [one.id for one in questionnaire.walk() if can_weight(one)]
        raise CalculationRefused(
            f"{question.id} cannot be a weight, because it does not have one number per response.",
            remedy=f"Use one of {_some(good)}." if good else "Use an embedded field, or no weight.",
        )


def _check_field(name: str, questionnaire: Questionnaire) -> None:
    names = [field.name for field in questionnaire.fields]
    if name in names:
        return
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    if any(question.id == name for question in questionnaire.walk()):
        remedy = f"{name} is a question: use question:{name}."
    elif near:
        remedy = f"Did you mean {near[0]}?"
    else:
        remedy = f"It has: {_some(names)}." if names else "It has no embedded fields."
    raise QuestionUnavailable(
        f"The survey “{questionnaire.survey.name}” has no embedded field “{name}”.", remedy=remedy
    )


def _offered(choices: Sequence[Choice]) -> str:
    return _named([choice for choice in choices if choice.analyze])


def _named(choices: Sequence[Choice]) -> str:
    return _some(f"{choice.key} ({choice.label})" for choice in choices)


def _some(items: Iterable[str]) -> str:
    """Join items for a remedy: at most the first dozen."""
    names = list(items)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _note(question: Question) -> str:
    return f" {question.note}" if question.note else ""
