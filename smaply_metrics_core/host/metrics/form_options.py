"""Finding what the lists of a metric's form may offer, by trying: the rules are those of saving."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.errors import MetricsError, QueryInvalid
from smaply_metrics_core.host.metrics.form_models import FormOption, MetricDraft, MetricOptions
from smaply_metrics_core.models.query import (
    PRESETS,
    Calculation,
    DateRange,
    Definition,
    GroupBy,
    MetricType,
    Period,
)
from smaply_metrics_core.models.survey import Question, Questionnaire

TYPES: Final = {
    MetricType.NUMBER: "One value.",
    MetricType.SERIES: "A value for each group, such as each month.",
    MetricType.COMPARISON: "One value, beside that of the time before.",
}
NO_QUESTION: Final = "No question: count the responses"

BY_ANSWER: Final = GroupBy(kind="answer")
BY_PERIOD: Final = tuple(GroupBy(kind="period", of=period) for period in Period)

A_NUMBER: Final = "0"
"""An answer to a question that offers none."""

RANGES: Final = (
    *(DateRange(preset=preset) for preset in PRESETS),
    DateRange.model_validate({"preset": "custom", "start": "2026-01-01", "end": "2026-02-01"}),
)
CLOSED: Final = RANGES[-1]
"""A range that goes with every type."""


def metric_options(questionnaire: Questionnaire, draft: MetricDraft) -> MetricOptions:
    """Say what each list of a metric's form may offer.

    Args:
        questionnaire: The survey.
        draft: What is chosen so far.
    """
    trial = DefinitionProbe(questionnaire)
    if draft.type is not None:
        trial.hold("type", draft.type)
    questions = tuple(trial.question(question) for question in questionnaire.questions)
    question_id = trial.hold("question_id", trial.fitting("question_id", draft.question_id))

    group_bys = trial.group_bys()
    group_by = draft.group_by if draft.group_by in group_bys else None
    # Where none is chosen yet, a calculation may go with one that could be.
    trial.parts["group_by"] = (None, *group_bys[:2]) if group_by is None else (group_by,)

    calculations = trial.calculations()
    calculation = trial.fitting("calculation", draft.calculation)
    answers: tuple[FormOption, ...] = ()
    typed = reversible = False
    if calculation is not None:
        trial.hold("calculation", calculation)
        answers = trial.answers()
        typed = not (answers or trial.refusal(answers=(A_NUMBER,)))
        reversible = not trial.refusal(reverse_scale=True)
    return MetricOptions(
        draft=draft.model_copy(
            update={
                "question_id": question_id,
                "group_by": group_by,
                "calculation": calculation,
                "answers": tuple(
                    key
                    for key in draft.answers
                    if calculation and not trial.refusal(answers=(key,))
                ),
                "range": trial.fitting("range", draft.range),
                "reverse_scale": draft.reverse_scale and reversible,
            }
        ),
        types=tuple(
            FormOption(value=each, label=each.capitalize(), help=said)
            for each, said in TYPES.items()
        ),
        questions=(FormOption(value="", label=NO_QUESTION), *questions),
        group_bys=tuple(
            FormOption(value=str(each), label=trial.group_by_label(each)) for each in group_bys
        ),
        calculations=calculations,
        answers=answers,
        typed_answers=typed,
        ranges=tuple(
            FormOption(
                value=each.preset,
                label="Custom dates"
                if each is CLOSED
                else each.preset.replace("_", " ").capitalize(),
                refused=trial.refusal(range=each),
            )
            for each in RANGES
        ),
        reversible=reversible,
    )


def offered_group_bys(questionnaire: Questionnaire, question_id: str | None) -> tuple[GroupBy, ...]:
    """Give everything that a question, or without one the responses, may be grouped by."""
    trial = DefinitionProbe(questionnaire)
    trial.hold("type", MetricType.SERIES)
    trial.hold("question_id", question_id)
    return trial.group_bys()


class DefinitionProbe:
    """Tries definitions of one survey.

    Attributes:
        parts: By part of a definition, what it may be: one thing once it is chosen.
    """

    def __init__(self, questionnaire: Questionnaire) -> None:
        self._questionnaire = questionnaire
        self._questions = {question.id: question for question in questionnaire.walk()}
        self.parts: dict[str, Sequence[Any]] = {
            "type": tuple(MetricType),
            "question_id": (None,),
            "group_by": (None, BY_ANSWER, BY_PERIOD[0]),
            "calculation": tuple(Calculation),
            "range": (CLOSED,),
        }

    def hold(self, part: str, value: Any) -> Any:  # noqa: ANN401  # A part of a definition.
        """From now on, try this value of a part alone."""
        self.parts[part] = (value,)
        return value

    def fitting(self, part: str, value: Any) -> Any:  # noqa: ANN401  # As ``hold``.
        """Give a value that fits; ``None`` in place of one that does not."""
        return None if value is None or self.refusal(**{part: value}) else value

    def refusal(self, **given: Any) -> str:  # noqa: ANN401  # Parts of a definition.
        """Say why no definition with these parts fits; empty when one does."""
        parts = {**self.parts, **{part: (value,) for part, value in given.items()}}
        survey = self._naming(*parts["question_id"], *(by.of for by in parts["group_by"] if by))
        why = ""
        for chosen in product(*parts.values()):
            values = dict(zip(parts, chosen, strict=True))
            if values["calculation"] is Calculation.SHARE:
                values.setdefault("answers", self._example(values["question_id"]))
            try:
                definition = Definition(survey_id=survey.survey.id, **values)
                check_definition(definition, survey)
            except MetricsError as error:
                # What the survey does not allow says more than what never goes together.
                if not (why and isinstance(error, QueryInvalid)):
                    why = error.message
            else:
                return ""
        return why

    def question(self, question: Question) -> FormOption:
        """Offer a question and its rows, or say why it cannot be chosen."""
        why = self.refusal(question_id=question.id)
        return FormOption(
            value=question.id,
            label=_label(question),
            help=question.note,
            refused=why and (question.note or why),
            rows=tuple(self.question(row) for row in question.sub_questions),
        )

    def group_bys(self) -> tuple[GroupBy, ...]:
        """Give everything that it may be grouped by."""
        if self.refusal(question_id=None, group_by=BY_PERIOD[0]):
            return ()  # What any survey can be grouped by does not go with the type.
        others = (
            BY_ANSWER,
            *BY_PERIOD,
            *(GroupBy(kind="question", of=question_id) for question_id in self._questions),
            *(GroupBy(kind="field", of=field.name) for field in self._questionnaire.fields),
        )
        return tuple(each for each in others if not self.refusal(group_by=each))

    def group_by_label(self, group_by: GroupBy) -> str:
        """Give what people call a group by."""
        match group_by.kind:
            case "answer":
                return "Answer"
            case "question":
                return _label(self._questions[group_by.of])
            case "field":
                fields = {field.name: field.label for field in self._questionnaire.fields}
                return fields[group_by.of] or group_by.of
            case _:
                return group_by.of.capitalize()

    def calculations(self) -> tuple[FormOption, ...]:
        """Offer the calculations, or say why one cannot be chosen."""
        return tuple(
            FormOption(
                value=calculation,
                label=meaning.title,
                help=meaning.definition,
                refused=self.refusal(calculation=calculation),
            )
            for calculation, meaning in CALCULATIONS.items()
        )

    def answers(self) -> tuple[FormOption, ...]:
        """Offer the question's answers, if the calculation asks for any."""
        (question_id,) = self.parts["question_id"]
        if question_id is None:
            return ()
        offered = tuple(
            FormOption(value=one.key, label=one.label, refused=self.refusal(answers=(one.key,)))
            for one in self._questions[question_id].choices
        )
        return () if all(option.refused for option in offered) else offered

    def _naming(self, *ids: str | None) -> Questionnaire:
        """Give the survey with no more than these questions: finding one among many takes long."""
        named = tuple(self._questions[one] for one in ids if one in self._questions)
        return self._questionnaire.model_copy(update={"questions": named})

    def _example(self, question_id: str | None) -> tuple[str, ...]:
        """Give an answer that could be chosen, to try a calculation that needs one."""
        choices = self._questions[question_id].choices if question_id in self._questions else ()
        return next(((one.key,) for one in choices if one.analyze), (A_NUMBER,))


def _label(question: Question) -> str:
    return question.text or question.name or question.id
