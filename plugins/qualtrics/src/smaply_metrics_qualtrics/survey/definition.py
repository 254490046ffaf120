"""Parse a survey definition into a questionnaire and the export columns of each question.

The input is the result of ``GET /survey-definitions/{id}``. No value is assumed to have the
documented type, because old surveys deviate from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from smaply_metrics_core import (
    EmbeddedField,
    KnownQuestion,
    Question,
    QuestionKind,
    Questionnaire,
    QuestionUnavailable,
    RemoteError,
    SourceUnavailable,
    Survey,
)
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_list, as_text
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns, AnswerShape
from smaply_metrics_qualtrics.survey.choices import options
from smaply_metrics_qualtrics.survey.column_owners import ColumnOwners
from smaply_metrics_qualtrics.survey.flow import (
    Bodies,
    QuestionOrder,
    display_orders,
    flow_elements,
    question_order,
)
from smaply_metrics_qualtrics.survey.labels import Label, distinct_labels, with_distinct_texts
from smaply_metrics_qualtrics.survey.question_parser import (
    NOT_ANSWERED,
    NUMBER_NOTE,
    Named,
    answered,
    parse_question,
)
from smaply_metrics_qualtrics.survey.response_schema import (
    SchemaField,
    schema_fields,
    schema_loops,
)
from smaply_metrics_qualtrics.survey.routing import question_routings
from smaply_metrics_qualtrics.survey.side_by_side import side_by_side_columns
from smaply_metrics_qualtrics.survey.size_limit import check_size
from smaply_metrics_qualtrics.survey.text_iq import is_text_iq, text_iq_results

_NUMERIC_FIELDS: Final = frozenset({"Scale", "Number", "Numeric"})
_FIELD_PREFIX: Final = "field:"
_EDIT: Final = "Edit the metric and choose another question."


@dataclass(frozen=True)
class SurveyDefinition:
    """A survey: its questionnaire and the export columns of its questions.

    Attributes:
        questionnaire: The survey's questions and fields.
        answer_columns: The export columns of each question and sub-question, by id.
        trash: The names of deleted questions and sub-questions, by id.
        recodes: Every key that a cell of a question may contain.
        owners: The questions and fields that columns of an export belong to.
        open_loops: The questions whose loops only the response schema lists; empty if it was read.
        fields_unknown: The error because of which undeclared fields are missing, if any.
    """

    questionnaire: Questionnaire
    answer_columns: Mapping[str, AnswerColumns]
    trash: Mapping[str, KnownQuestion]
    recodes: frozenset[str]
    owners: ColumnOwners
    open_loops: frozenset[str] = frozenset()
    fields_unknown: RemoteError | None = None

    def question(self, question_id: str, part: str = "question_id") -> Question:
        """Return a question by its id.

        Args:
            question_id: The id of the question.
            part: The part of a metric definition that contains the id.

        Raises:
            QuestionUnavailable: if the question is deleted. The error suggests its likely
                successor.
        """
        try:
            return self.questionnaire.question(question_id)
        except QuestionUnavailable:
            raise self.gone(question_id, part) from None

    def may_be_in_schema(self, question_id: str) -> bool:
        """Whether the response schema may contain a question that is missing here.

        These are numeric embedded fields, results of Text iQ, and loops.
        """
        return (
            question_id.startswith(_FIELD_PREFIX)
            or is_text_iq(question_id, self.owners)
            or any(f"_{looped}" in question_id for looped in self.open_loops)
        )

    def gone(self, question_id: str, part: str = "question_id") -> QuestionUnavailable:
        """Return the error for a deleted question, with its likely successor if there is one."""
        known = self.trash.get(question_id)
        if known is not None:
            return self.questionnaire.deleted(question_id, known, part)
        return QuestionUnavailable(
            f"The survey “{self.questionnaire.survey.name}” does not contain the question "
            f"{question_id}.",
            remedy=_EDIT,
        )


def read_survey(element: object) -> Survey | None:
    """Return the survey for an element of ``GET /surveys``, or ``None`` if it has no id."""
    body = as_dict(element)
    if not isinstance(body.get("id"), str) or not body["id"]:
        return None
    active = body.get("isActive")
    return Survey(
        id=body["id"],
        name=html_to_text(body.get("name")) or body["id"],
        last_modified=moment(body.get("lastModified")),
        is_active=active if isinstance(active, bool) else None,
    )


def read_definition(result: object, survey_id: str, schema: object = None) -> SurveyDefinition:
    """Parse the result of ``GET /survey-definitions/{id}``.

    Args:
        result: The definition.
        survey_id: The id of the requested survey.
        schema: The response schema. Without it, only the fields that the flow declares are known.

    Raises:
        SourceUnavailable: if the result is not a survey definition, has too many choices, or two
            questions have the same ID.
    """
    body = as_dict(result)
    listed = body.get("Questions")
    if not isinstance(listed, dict) and listed != []:
        raise SourceUnavailable("Qualtrics returned something other than a survey definition.")
    status = body.get("SurveyStatus")
    survey = Survey(
        id=survey_id,
        name=html_to_text(body.get("SurveyName")) or survey_id,
        last_modified=moment(body.get("LastModified")),
        is_active=status == "Active" if isinstance(status, str) else None,
    )
    bodies = {
        question_id: as_dict(question)
        for question_id, question in as_dict(listed).items()
        if isinstance(question, dict) and question_id
    }
    declared = _declared_fields(body)
    order = question_order(body, bodies, schema_loops(schema, bodies.keys(), declared))
    check_size(bodies, order.loops)
    routings = question_routings(body, order.loops)
    questions: list[Question] = []
    answer_columns: dict[str, AnswerColumns] = {}
    for question_id, loops in order.loops.items():
        if as_text(bodies[question_id].get("QuestionType")) not in NOT_ANSWERED:
            parsed = parse_question(question_id, bodies[question_id], bodies, loops)
            routed = {"routing": routings[question_id]}
            questions.append(parsed.question.model_copy(update=routed))
            answer_columns |= parsed.answer_columns
    listed = ColumnOwners(order.loops, _loop_ids(order), declared, ())
    known = set(display_orders(body, tuple(bodies)))
    for question, answer in (*text_iq_results(schema, listed), *_scores(body)):
        questions.append(question)
        answer_columns[question.id] = answer
        known.add(answer.import_id)
    fields = _fields(declared, schema_fields(schema, known))
    for question, answer in _field_numbers(fields):
        questions.append(question)
        answer_columns[question.id] = answer
    questionnaire = Questionnaire(
        survey=survey,
        questions=with_distinct_texts(questions),
        fields=_labelled(fields),
        notes=_notes(order, bodies),
        can_weight=True,
    )
    _check_ids(questionnaire)
    return SurveyDefinition(
        questionnaire=questionnaire,
        answer_columns=answer_columns,
        trash={
            question.id: KnownQuestion(name=question.name, text=question.text)
            for qid in order.trashed
            for question in Questionnaire(
                survey=survey, questions=(parse_question(qid, bodies[qid], bodies, None).question,)
            ).walk()
        },
        recodes=frozenset(_recodes(bodies)),
        owners=ColumnOwners(bodies, _loop_ids(order), fields, _import_ids(answer_columns)),
        open_loops=order.open_loops if schema is None else frozenset(),
    )


def _check_ids(questionnaire: Questionnaire) -> None:
    ids = [question.id for question in questionnaire.walk()]
    if len(set(ids)) < len(ids):
        raise SourceUnavailable(
            "Qualtrics returned a survey definition in which two questions have the same ID."
        )


def moment(value: object) -> datetime | None:
    """Return a date of the API, or ``None`` if it is not valid or has no time zone."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
        return read.astimezone(UTC) if read.tzinfo else None
    except (ValueError, OverflowError):  # In UTC, the year may be 0 or 10000.
        return None


def _declared_fields(body: Mapping[str, Any]) -> dict[str, bool]:
    """Return the embedded fields that the survey flow declares, and whether each is numeric."""
    found: dict[str, bool] = {}
    for element in flow_elements(body.get("SurveyFlow")):
        for declared in as_list(element.get("EmbeddedData")):
            name = as_dict(declared).get("Field")
            if isinstance(name, str) and name:
                numeric = as_text(as_dict(declared).get("VariableType")) in _NUMERIC_FIELDS
                found[name] = found.get(name, False) or numeric
    return found


def _fields(declared: Mapping[str, bool], others: Sequence[SchemaField]) -> dict[str, bool]:
    """Return all embedded fields, and whether each is numeric."""
    found = dict(declared)
    for other in others:
        found[other.name] = found.get(other.name, False) or other.numeric
    return found


def _labelled(names: Mapping[str, bool]) -> tuple[EmbeddedField, ...]:
    labels = distinct_labels([Label(html_to_text(name), "", "", name) for name in names])
    return tuple(
        EmbeddedField(name=name, label=label) for name, label in zip(names, labels, strict=True)
    )


def _field_numbers(names: Mapping[str, bool]) -> Iterator[tuple[Question, AnswerColumns]]:
    """Yield the numeric embedded fields as questions."""
    for name, numeric in names.items():
        if numeric:
            answer = AnswerColumns("", AnswerShape.NUMBER, field=name)
            yield _number(f"{_FIELD_PREFIX}{name}", name, name), answer


def _loop_ids(order: QuestionOrder) -> dict[str, tuple[str, ...]]:
    return {question: tuple(loops) for question, loops in order.loops.items() if loops}


def _import_ids(answer_columns: Mapping[str, AnswerColumns]) -> set[str]:
    """Return the ImportIds of all answers whose columns are known one by one.

    An alternative is excluded: a column with that name is the field's if there is such a field.
    """
    exact = [
        answer
        for answer in answer_columns.values()
        if answer.shape is not AnswerShape.ANY and not answer.every_loop
    ]
    ids = {answer.import_id for answer in exact if answer.import_id}
    return ids | {f"{one.import_id}_{option}" for one in exact for option in one.ticks}


def _recodes(bodies: Bodies) -> Iterator[str]:
    """Yield every key that a cell of a question may contain."""
    for question in bodies.values():
        for body in (question, *side_by_side_columns(question).values()):
            yield from (option.key for option in (*options(body), *options(body, "Answer")))


def _scores(body: Mapping[str, Any]) -> Iterator[tuple[Question, AnswerColumns]]:
    for category in as_list(as_dict(body.get("Scoring")).get("ScoringCategories")):
        score_id = as_dict(category).get("ID")
        if isinstance(score_id, str) and score_id:
            name = html_to_text(as_dict(category).get("Name")) or score_id
            answer = AnswerColumns("", AnswerShape.NUMBER, import_id=score_id)
            yield _number(score_id, name, f"Score: {name}"), answer


def _number(question_id: str, name: str, text: str) -> Question:
    return answered(Named(question_id, name, text), QuestionKind.NUMBER, NUMBER_NOTE)


def _notes(order: QuestionOrder, bodies: Bodies) -> tuple[str, ...]:
    notes = []
    if count := len(order.trashed):
        notes.append(f"{count} deleted question{' is' if count == 1 else 's are'} hidden.")
    unreached = [
        one
        for one in order.unreached
        if as_text(bodies[one].get("QuestionType")) not in NOT_ANSWERED
    ]
    if count := len(unreached):
        end = "question at the end of the list is" if count == 1 else "questions at the end are"
        notes.append(f"{count} {end} not part of the survey flow.")
    return tuple(notes)
