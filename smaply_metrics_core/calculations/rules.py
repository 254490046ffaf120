"""The rules for metrics: which calculations, groups and filters a question allows."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Final

from smaply_metrics_core.calculations.answer_rules import check_answers, named, some
from smaply_metrics_core.calculations.catalog import (
    CALCULATIONS,
    NPS_SCALE,
    SCALE_OF_FIVE,
    SCALE_OF_SEVEN,
    AnswerRequirement,
)
from smaply_metrics_core.calculations.matrix_rows import row_questions
from smaply_metrics_core.date_ranges import refuse_without_previous
from smaply_metrics_core.errors import (
    CalculationRefused,
    GroupingRefused,
    QueryInvalid,
    QuestionUnavailable,
)
from smaply_metrics_core.models.query import (
    ENTERED,
    Calculation,
    ComparedPeriod,
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


def allowed_calculations(
    kind: QuestionKind, choices: Sequence[Choice] = ()
) -> tuple[Calculation, ...]:
    """Return the calculations that a question of this kind with these choices allows."""
    values = frozenset(scale_values(choices))
    offered = sum(choice.analyze for choice in choices)
    return tuple(
        calculation
        for calculation, definition in CALCULATIONS.items()
        if kind in definition.kinds and _meets(definition.needs, kind, values, offered)
    )


def scale_values(choices: Sequence[Choice]) -> tuple[float, ...]:
    """Return the distinct values of a question's scale, ascending.

    Empty unless every choice that enters a denominator has a value.
    """
    values = [choice.value for choice in choices if choice.analyze]
    known = {value for value in values if value is not None}
    return () if None in values else tuple(sorted(known))


def _meets(
    needs: AnswerRequirement, kind: QuestionKind, values: AbstractSet[float], offered: int
) -> bool:
    """Whether answers meet a requirement.

    Args:
        needs: The requirement.
        kind: The kind of the question.
        values: The values of its scale.
        offered: The number of its choices that enter a denominator.
    """
    number = kind is QuestionKind.NUMBER
    nps = kind is QuestionKind.NPS and bool(values) and values <= NPS_SCALE
    return {
        AnswerRequirement.NOTHING: True,
        AnswerRequirement.ENTERED: True,
        AnswerRequirement.ANSWERS: number or bool(offered),
        AnswerRequirement.TWO_ANSWERS: number or offered >= 2,  # noqa: PLR2004  # Its name says so.
        AnswerRequirement.VALUES: number or bool(values),
        AnswerRequirement.TWO_VALUES: len(values) >= 2,  # noqa: PLR2004  # Its name says so.
        AnswerRequirement.THREE_VALUES: len(values) >= 3,  # noqa: PLR2004  # Its name says so.
        AnswerRequirement.FIVE_VALUES: len(values) == SCALE_OF_FIVE,
        AnswerRequirement.FIVE_OR_SEVEN_VALUES: len(values) in {SCALE_OF_FIVE, SCALE_OF_SEVEN},
        AnswerRequirement.ZERO_TO_TEN: values == NPS_SCALE or nps,
    }[needs]


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
    if question is None and not questionnaire.has_responses:
        raise CalculationRefused(
            f"“{questionnaire.survey.name}” has entered values, and no responses to count.",
            remedy="Choose its question.",
        )
    for one in measured:
        _check_calculation(definition, one)
    check_answers(definition, measured[0])
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
    meaning, group_by = CALCULATIONS[definition.calculation], definition.group_by
    several, title = meaning.several, meaning.title
    kind = definition.type.value.capitalize()
    if definition.compare_with is not ComparedPeriod.PREVIOUS_PERIOD and not definition.compares:
        raise QueryInvalid(
            f"A {kind} is not compared with another period.",
            remedy="Use a Comparison, or remove what it is compared with.",
        )
    if definition.compare_groups:
        _check_compared_groups(definition)
    if definition.rolling is not None:
        _check_rolling(definition)
    if definition.type is MetricType.SERIES:
        if group_by is None and not several:
            raise QueryInvalid(
                "A Series needs a group-by.",
                remedy="Add a group-by: answer, row, question:ID, field:NAME or period:month.",
            )
        if several and group_by is not None and group_by.kind not in {"answer", "row"}:
            raise QueryInvalid(
                f"{title} is already grouped by answer.",
                remedy="Group by answer or row, or use the share of one answer with this group-by.",
            )
        return
    if group_by is not None:
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


def _check_rolling(definition: Definition) -> None:
    """Check that a metric has periods whose answers can be pooled."""
    group_by = definition.group_by
    if definition.calculation in ENTERED:
        raise QueryInvalid(
            "Entered values have no rolling windows: the answers behind them are not known.",
            remedy="Remove the rolling window.",
        )
    if group_by is None or group_by.kind != "period":
        raise QueryInvalid(
            "Rolling windows need calendar periods.",
            remedy="Group by a period, such as period:month, or remove the rolling window.",
        )


def _check_compared_groups(definition: Definition) -> None:
    """Check that a metric has groups that can be compared with an earlier period."""
    group_by = definition.group_by
    several = CALCULATIONS[definition.calculation].several
    if definition.type is not MetricType.SERIES:
        raise QueryInvalid(
            "Only a Series has groups to compare with an earlier period.",
            remedy="Use a Series, or a Comparison for the overall value.",
        )
    if group_by is not None and group_by.kind == "period":
        raise QueryInvalid(
            "A Series by period is already compared over time.",
            remedy="Group by answer, row, question:ID or field:NAME, or do not compare the groups.",
        )
    if several and is_by_row(group_by):
        raise QueryInvalid(
            "The distributions of the rows of a matrix cannot be compared with an earlier period.",
            remedy="Compare an average, a box or the share of some answers of each row.",
        )
    refuse_without_previous(definition.range)


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
        rows = some(row.id for row in question.sub_questions)
        remedy = f"Choose one of its rows: {rows}; or use a Series grouped by row."
    elif question.calculations:
        remedy = f"{question.id} allows: {', '.join(question.calculations)}."
    else:
        remedy = "Choose another question: this one does not allow any calculation."
    raise CalculationRefused(
        f"{question.id} does not allow {calculation}, which needs "
        f"{CALCULATIONS[calculation].needs}." + _note(question),
        remedy=remedy,
        summary=f"Needs {CALCULATIONS[calculation].needs}." + _note(question),
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
                summary=reason,
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
                summary="Its answers are not counted individually." + _note(question),
            )
        if definition.calculation not in BY_ANSWER:
            raise GroupingRefused(
                f"{CALCULATIONS[definition.calculation].title} cannot be grouped by answer.",
                remedy=f"Use one of {', '.join(BY_ANSWER)} with this group-by.",
            )


def _group_by_remedy(questionnaire: Questionnaire) -> str:
    good = [question.id for question in questionnaire.walk() if question.can_group_by]
    return f"Group by one of {some(good)}, or by a period." if good else "Group by a period."


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
                remedy=f"Use the key of one of its answers: {named(question.choices)}.",
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
            remedy=f"Use one of {some(good)}." if good else "Use an embedded field, or no weight.",
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
        remedy = f"It has: {some(names)}." if names else "It has no embedded fields."
    raise QuestionUnavailable(
        f"The survey “{questionnaire.survey.name}” has no embedded field “{name}”.", remedy=remedy
    )


def _note(question: Question) -> str:
    return f" {question.note}" if question.note else ""
