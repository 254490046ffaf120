"""Finds the options of the metric form by probing definitions with the rules used for saving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final

from smaply_metrics_core.calculations.catalog import CALCULATIONS
from smaply_metrics_core.calculations.rules import can_weight, check_definition
from smaply_metrics_core.errors import MetricsError, QueryInvalid
from smaply_metrics_core.host.metrics.form_models import FormOption, MetricDraft, MetricOptions
from smaply_metrics_core.models.query import (
    ENTERED,
    PRESETS,
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    GroupBy,
    MetricType,
    Period,
    Weight,
)
from smaply_metrics_core.models.survey import Choice, Question, QuestionKind, Questionnaire

TYPES: Final = {
    MetricType.NUMBER: "One value.",
    MetricType.SERIES: "One value per group, such as per month.",
    MetricType.COMPARISON: "One value compared with an earlier period.",
}
NO_QUESTION: Final = "No question (count responses)"

BY_ANSWER: Final = GroupBy(kind="answer")
BY_ROW: Final = GroupBy(kind="row")
BY_PERIOD: Final = tuple(GroupBy(kind="period", of=period) for period in Period)

A_NUMBER: Final = "0"
"""An example answer to a question without choices."""

SOME_NUMBERS: Final = (A_NUMBER, "1")
NOT_ALLOWED: Final = (Calculation.ENTERED_POINTS,)
"""Probed for the reason why a question allows no calculation."""

NO_SIDES: Final[dict[str, tuple[str, ...]]] = {"top_answers": (), "bottom_answers": ()}

RANGES: Final = (
    *(DateRange(preset=preset) for preset in PRESETS),
    DateRange.model_validate({"preset": "custom", "start": "2026-01-01", "end": "2026-02-01"}),
)
CLOSED: Final = RANGES[-1]
"""A range that every type allows."""


def metric_options(questionnaire: Questionnaire, draft: MetricDraft) -> MetricOptions:
    """Return the options of each list of the metric form.

    Args:
        questionnaire: The survey.
        draft: The choices so far.
    """
    trial = DefinitionProbe(questionnaire)
    if draft.type is not None:
        trial.hold("type", draft.type)
    questions = tuple(trial.question(question) for question in questionnaire.questions)
    question_id = trial.hold("question_id", trial.fitting("question_id", draft.question_id))

    group_bys = trial.group_bys()
    group_by = draft.group_by if draft.group_by in group_bys else None
    # Without a choice, a calculation need only be compatible with one of the possible group-bys.
    trial.parts["group_by"] = (None, *group_bys[:2]) if group_by is None else (group_by,)

    calculations = trial.calculations()
    calculation = trial.fitting("calculation", draft.calculation)
    answers: tuple[FormOption, ...] = ()
    weights: tuple[Weight, ...] = ()
    typed = reversible = two_sides = comparable = False
    sides = NO_SIDES
    if calculation is not None:
        trial.hold("calculation", calculation)
        if group_by is None and BY_ROW in group_bys and trial.refusal(group_by=None):
            # A matrix has no distribution of its own, only one for each row.
            group_by = trial.hold("group_by", trial.fitting("group_by", BY_ROW))
        answers = trial.answers()
        two_sides = calculation is Calculation.NET_SCORE
        part = "top_answers" if two_sides else "answers"
        typed = not (answers or trial.refusal(**{part: (A_NUMBER,)}))
        sides = {
            side: tuple(key for key in keys if two_sides and not trial.refusal(**{side: (key,)}))
            for side, keys in (
                ("top_answers", draft.top_answers),
                ("bottom_answers", draft.bottom_answers),
            )
        }
        reversible = not trial.refusal(reverse_scale=True)
        weights = trial.weights()
        comparable = not trial.refusal(compare_groups=True)
        trial.hold("compare_groups", draft.compare_groups and comparable)
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
                "weight": draft.weight if draft.weight in weights else None,
                "compare_groups": draft.compare_groups and comparable,
                "compare_with": draft.compare_with
                if draft.type is MetricType.COMPARISON or (draft.compare_groups and comparable)
                else ComparedPeriod.PREVIOUS_PERIOD,
                "rolling": draft.rolling if group_by and group_by.kind == "period" else None,
                **sides,
            }
        ),
        types=tuple(
            FormOption(value=each, label=each.capitalize(), help=text)
            for each, text in TYPES.items()
        ),
        questions=(FormOption(value="", label=NO_QUESTION), *questions),
        group_bys=tuple(
            FormOption(value=str(each), label=trial.group_by_label(each)) for each in group_bys
        ),
        calculations=calculations,
        answers=answers,
        typed_answers=typed,
        two_sides=two_sides,
        comparable=comparable,
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
        weights=tuple(
            FormOption(value=str(each), label=trial.name(each.kind, each.of)) for each in weights
        ),
    )


def offered_group_bys(questionnaire: Questionnaire, question_id: str | None) -> tuple[GroupBy, ...]:
    """Return the valid group-bys of a question, or of the responses when there is no question."""
    trial = DefinitionProbe(questionnaire)
    trial.hold("type", MetricType.SERIES)
    trial.hold("question_id", question_id)
    return trial.group_bys()


class DefinitionProbe:
    """Probes definitions of one survey.

    Attributes:
        parts: The candidate values of each part of a definition; a single one once it is chosen.
    """

    def __init__(self, questionnaire: Questionnaire) -> None:
        self._questionnaire = questionnaire
        self._questions = {question.id: question for question in questionnaire.walk()}
        self.parts: dict[str, Sequence[Any]] = {
            "type": tuple(MetricType),
            "question_id": (None,),
            "group_by": (None, BY_ANSWER, BY_ROW, BY_PERIOD[0]),
            "calculation": tuple(Calculation),
            "range": (CLOSED,),
        }

    def hold(self, part: str, value: Any) -> Any:  # noqa: ANN401  # A part of a definition.
        """Set the only candidate value of a part, and return it."""
        self.parts[part] = (value,)
        return value

    def fitting(self, part: str, value: Any) -> Any:  # noqa: ANN401  # As ``hold``.
        """Return the value if it is valid, else ``None``."""
        return None if value is None or self.refusal(**{part: value}) else value

    def refusal(self, **given: Any) -> str:  # noqa: ANN401  # Parts of a definition.
        """Return why no definition with these parts is valid; empty when one is."""
        parts = {**self.parts, **{part: (value,) for part, value in given.items()}}
        # Most of all calculations are never valid, and each probe takes time.
        if len(parts["calculation"]) > 1:
            parts["calculation"] = self._allowed(*parts["question_id"])
        named = [*parts["group_by"], *parts.get("weight", ())]
        survey = self._naming(*parts["question_id"], *(one.of for one in named if one))
        why = ""
        for chosen in product(*parts.values()):
            values = dict(zip(parts, chosen, strict=True))
            if values["calculation"] is Calculation.SHARE:
                values.setdefault("answers", self._examples(values["question_id"])[:1])
            if values["calculation"] is Calculation.NET_SCORE:
                values = {**self._sides(values), **values}
            try:
                definition = Definition(survey_id=survey.survey.id, **values)
                check_definition(definition, survey)
            except MetricsError as error:
                # An error about this survey is more useful than one about parts in general.
                if not (why and isinstance(error, QueryInvalid)):
                    # The option itself says what is meant; its ID would not help people.
                    why = error.summary or error.message
            else:
                return ""
        return why

    def question(self, question: Question) -> FormOption:
        """Return the option of a question with its rows."""
        why = self.refusal(question_id=question.id)
        return FormOption(
            value=question.id,
            label=_label(question),
            help=question.note,
            refused=why and (question.note or why),
            rows=tuple(self.question(row) for row in question.sub_questions),
        )

    def group_bys(self) -> tuple[GroupBy, ...]:
        """Return the valid group-bys."""
        if self.refusal(question_id=None, group_by=BY_PERIOD[0]):
            return ()  # Every survey can be grouped by period, so the type allows no group-by.
        others = (
            BY_ANSWER,
            BY_ROW,
            *BY_PERIOD,
            *(GroupBy(kind="question", of=question_id) for question_id in self._questions),
            *(GroupBy(kind="field", of=field.name) for field in self._questionnaire.fields),
        )
        return tuple(each for each in others if not self.refusal(group_by=each))

    def group_by_label(self, group_by: GroupBy) -> str:
        """Return the label of a group-by."""
        match group_by.kind:
            case "answer":
                return "Answer"
            case "row":
                return "Row"
            case "period":
                return group_by.of.capitalize()
            case kind:
                return self.name(kind, group_by.of)

    def name(self, kind: str, of: str) -> str:
        """Return the text of a question, or the label of a field."""
        if kind == "question":
            return _label(self._questions[of])
        fields = {field.name: field.label for field in self._questionnaire.fields}
        return fields[of] or of

    def weights(self) -> tuple[Weight, ...]:
        """Return what the responses can be weighted by."""
        others = (
            *(Weight(kind="field", of=field.name) for field in self._questionnaire.fields),
            *(
                Weight(kind="question", of=question_id)
                for question_id, question in self._questions.items()
                if can_weight(question)
            ),
        )
        return others if others and not self.refusal(weight=others[0]) else ()

    def calculations(self) -> tuple[FormOption, ...]:
        """Return the options of all calculations: those of entered values, or all others."""
        (question_id,) = self.parts["question_id"]
        question = self._questions.get(question_id)
        entered = question is not None and question.kind is QuestionKind.ENTERED
        return tuple(
            FormOption(
                value=calculation,
                label=meaning.title,
                help=meaning.definition,
                refused=self.refusal(calculation=calculation),
            )
            for calculation, meaning in CALCULATIONS.items()
            if entered is (calculation in ENTERED)
        )

    def answers(self) -> tuple[FormOption, ...]:
        """Return the options of the question's answers; none if the calculation uses none."""
        (question_id,) = self.parts["question_id"]
        if question_id is None:
            return ()
        is_net = self.parts["calculation"] == (Calculation.NET_SCORE,)
        part = "top_answers" if is_net else "answers"
        offered = tuple(
            FormOption(value=one.key, label=one.label, refused=self.refusal(**{part: (one.key,)}))
            for one in self._choices(question_id)
        )
        return () if all(option.refused for option in offered) else offered

    def _naming(self, *ids: str | None) -> Questionnaire:
        """Return the survey with only these questions, because lookups in a large one are slow."""
        named = tuple(self._questions[one] for one in ids if one in self._questions)
        return self._questionnaire.model_copy(update={"questions": named})

    def _allowed(self, question_id: str | None) -> tuple[Calculation, ...]:
        """Return the calculations of a question and its rows; one that is refused if none are."""
        if question_id is None:
            return (Calculation.RESPONSES,)
        question = self._questions.get(question_id)
        measured = (question, *question.sub_questions) if question else ()
        allowed = {calculation for one in measured for calculation in one.calculations}
        return tuple(each for each in Calculation if each in allowed) or NOT_ALLOWED

    def _examples(self, question_id: str | None) -> tuple[str, ...]:
        """Return answers of the question, for probing a calculation that requires some."""
        choices = self._choices(question_id) if question_id in self._questions else ()
        return tuple(one.key for one in choices if one.analyze) or SOME_NUMBERS

    def _sides(self, values: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return an answer for each side of a net score, not one that is on the other side."""
        found: dict[str, tuple[str, ...]] = {}
        for side in NO_SIDES:
            taken = {key for other in NO_SIDES for key in values.get(other, found.get(other, ()))}
            free = [key for key in self._examples(values["question_id"]) if key not in taken]
            found[side] = tuple(free[:1])
        return found

    def _choices(self, question_id: str) -> tuple[Choice, ...]:
        """Return the choices of a question; those of the first row for a matrix."""
        question = self._questions[question_id]
        return next((one.choices for one in (question, *question.sub_questions) if one.choices), ())


def _label(question: Question) -> str:
    return question.text or question.name or question.id
