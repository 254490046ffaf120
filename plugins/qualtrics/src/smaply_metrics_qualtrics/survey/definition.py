"""Parse a survey definition into a questionnaire and the export columns of each question.

The input is the result of ``GET /survey-definitions/{id}``. No value is assumed to have the
documented type, because old surveys deviate from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
from smaply_metrics_core.calculations import allowed_calculations
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_list
from smaply_metrics_qualtrics.survey.choices import options
from smaply_metrics_qualtrics.survey.question_parser import (
    NOT_ANSWERED,
    NUMBER_NOTE,
    AnswerColumns,
    AnswerShape,
    parse_question,
)
from smaply_metrics_qualtrics.survey.response_schema import (
    SchemaField,
    schema_fields,
    schema_loops,
    schema_topics,
)
from smaply_metrics_qualtrics.survey.size_limit import check_size

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
        fields_unknown: The error because of which undeclared fields are missing, if any.
    """

    questionnaire: Questionnaire
    answer_columns: Mapping[str, AnswerColumns]
    trash: Mapping[str, KnownQuestion]
    recodes: frozenset[str]
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
        SourceUnavailable: if the result is not a survey definition, or has too many choices.
    """
    body = as_dict(result)
    if "Questions" not in body:
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
        for question_id, question in as_dict(body["Questions"]).items()
        if isinstance(question, dict)
    }
    order, trashed = _order(body, bodies, schema_loops(schema))
    check_size(bodies, order)
    questions: list[Question] = []
    answer_columns: dict[str, AnswerColumns] = {}
    for question_id, loops in order.items():
        if bodies[question_id].get("QuestionType") not in NOT_ANSWERED:
            parsed = parse_question(question_id, bodies[question_id], bodies, loops)
            questions.append(parsed.question)
            answer_columns |= parsed.answer_columns
    fields, numbers = _fields(body, schema_fields(schema))
    topics = _topics(schema, order)
    for question, answer in (*topics, *_scores(body), *numbers):
        questions.append(question)
        answer_columns[question.id] = answer
    return SurveyDefinition(
        questionnaire=Questionnaire(
            survey=survey, questions=tuple(questions), fields=fields, notes=_notes(len(trashed))
        ),
        answer_columns=answer_columns,
        trash={
            question.id: KnownQuestion(name=question.name, text=question.text)
            for qid in trashed
            for question in Questionnaire(
                survey=survey, questions=(parse_question(qid, bodies[qid], bodies, None).question,)
            ).walk()
        },
        recodes=frozenset(
            option.key
            for question in bodies.values()
            for option in (*options(question), *options(question, "Answer"))
        ),
    )


def is_field_number(question_id: str) -> bool:
    """Whether a question id refers to a numeric embedded field."""
    return question_id.startswith(_FIELD_PREFIX)


def moment(value: object) -> datetime | None:
    """Return a date of the API, or ``None`` if it is not valid or has no time zone."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else None


def _order(
    body: Mapping[str, Any],
    bodies: Mapping[str, Mapping[str, Any]],
    more_loops: Mapping[str, Sequence[str]],
) -> tuple[dict[str, Mapping[str, str] | None], list[str]]:
    """Return the questions in block order, each with its loops, and the deleted questions.

    Questions outside of all blocks are included, because their answers are exported.
    """
    blocks = body.get("Blocks")
    order: dict[str, Mapping[str, str] | None] = {}
    trashed: dict[str, None] = {}
    for block in as_dict(blocks).values() if isinstance(blocks, dict) else as_list(blocks):
        elements = (as_dict(item) for item in as_list(as_dict(block).get("BlockElements")))
        inside = [str(item.get("QuestionID")) for item in elements]
        known = [question_id for question_id in inside if question_id in bodies]
        if as_dict(block).get("Type") == "Trash":
            trashed |= dict.fromkeys(known)
        else:
            order |= {qid: _loops(as_dict(block), bodies, more_loops.get(qid, ())) for qid in known}
    order |= {qid: None for qid in bodies if qid not in order and qid not in trashed}
    return order, [question_id for question_id in trashed if question_id not in order]


def _loops(
    block: Mapping[str, Any], bodies: Mapping[str, Mapping[str, Any]], more: Sequence[str]
) -> Mapping[str, str] | None:
    """Return the labels of the loops of a loop & merge block by id; ``None`` for other blocks.

    ``more`` are the loops of a question in the schema, which the block need not list.
    """
    settings = as_dict(block.get("Options"))
    if settings.get("Looping") in {None, "", "None", False}:
        return None
    looping = as_dict(settings.get("LoopingOptions"))
    source = bodies.get(str(looping.get("QID")), {})
    labels = {option.id: option.label for option in options(source)}
    loops = {}
    for loop, merged in as_dict(looping.get("Static")).items():
        texts = (html_to_text(text) for text in as_dict(merged).values())
        loops[loop] = labels.get(loop) or next(filter(None, texts), "") or f"Loop {loop}"
    return loops | {loop: labels.get(loop) or f"Loop {loop}" for loop in more if loop not in loops}


def _fields(
    body: Mapping[str, Any], others: Sequence[SchemaField]
) -> tuple[tuple[EmbeddedField, ...], list[tuple[Question, AnswerColumns]]]:
    """Return the declared and other embedded fields, and the numeric ones also as questions."""
    found: dict[str, bool] = {}
    for element in _walk(body.get("SurveyFlow")):
        for declared in as_list(element.get("EmbeddedData")):
            name = as_dict(declared).get("Field")
            if isinstance(name, str) and name:
                numeric = as_dict(declared).get("VariableType") in _NUMERIC_FIELDS
                found[name] = found.get(name, False) or numeric
    for other in others:
        found[other.name] = found.get(other.name, False) or other.numeric
    fields = tuple(EmbeddedField(name=name, label=html_to_text(name)) for name in found)
    numbers = [
        (
            _number(f"{_FIELD_PREFIX}{name}", name, name),
            AnswerColumns("", AnswerShape.NUMBER, field=name),
        )
        for name, numeric in found.items()
        if numeric
    ]
    return fields, numbers


def _topics(schema: object, order: Iterable[str]) -> list[tuple[Question, AnswerColumns]]:
    """Return the Text iQ topics. An answer can have several, so they can only be counted."""
    known = set(order)
    return [
        (
            Question(
                id=topics.id,
                name=topics.id,
                text=topics.text,
                kind=QuestionKind.OTHER,
                calculations=allowed_calculations(QuestionKind.OTHER),
                note="Topics can only be counted.",
            ),
            AnswerColumns("", AnswerShape.TEXT, import_id=topics.id),
        )
        for topics in schema_topics(schema)
        if topics.question in known
    ]


def _walk(flow: object) -> Iterator[Mapping[str, Any]]:
    """Yield every element of a survey flow, including nested ones."""
    pending = [flow]
    while pending:
        element = as_dict(pending.pop())
        yield element
        pending.extend(reversed(as_list(element.get("Flow"))))


def _scores(body: Mapping[str, Any]) -> Iterator[tuple[Question, AnswerColumns]]:
    for category in as_list(as_dict(body.get("Scoring")).get("ScoringCategories")):
        score_id = as_dict(category).get("ID")
        if isinstance(score_id, str) and score_id:
            name = html_to_text(as_dict(category).get("Name")) or score_id
            answer = AnswerColumns("", AnswerShape.NUMBER, import_id=score_id)
            yield _number(score_id, name, f"Score: {name}"), answer


def _number(question_id: str, name: str, text: str) -> Question:
    return Question(
        id=question_id,
        name=name,
        text=text,
        kind=QuestionKind.NUMBER,
        calculations=allowed_calculations(QuestionKind.NUMBER),
        note=NUMBER_NOTE,
    )


def _notes(trashed: int) -> tuple[str, ...]:
    if not trashed:
        return ()
    hidden = "question is" if trashed == 1 else "questions are"
    return (f"{trashed} deleted {hidden} hidden.",)
