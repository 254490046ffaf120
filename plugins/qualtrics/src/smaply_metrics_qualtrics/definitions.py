"""A survey's definition as the questionnaire that people see, and how to read each answer of it.

The source is ``GET /survey-definitions/{id}``. Nothing in it is trusted to have the right type:
surveys are years old and made by many hands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from smaply_metrics_core.calculations.definitions import allowed_calculations
from smaply_metrics_core.errors import QuestionUnavailable, SourceUnavailable
from smaply_metrics_core.models.survey import (
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_qualtrics.choices import listing, mapping, options
from smaply_metrics_qualtrics.plain import plain
from smaply_metrics_qualtrics.questions import NOT_ANSWERED, Reading, Shape, ask

_NUMERIC_FIELDS: Final = frozenset({"Scale", "Number", "Numeric"})
_FIELD_PREFIX: Final = "field:"
_EDIT: Final = "Edit the metric and choose a question from the survey as it is now."


@dataclass(frozen=True)
class SurveyMap:
    """One survey: its questionnaire, and the way from each question to columns of an export.

    Attributes:
        readings: How each question or sub-question is read, by id.
        trash: Name and text of the questions in the trash, by id.
        recodes: Every key that a cell of a question may hold.
    """

    questionnaire: Questionnaire
    readings: Mapping[str, Reading]
    trash: Mapping[str, tuple[str, str]]
    recodes: frozenset[str]

    def question(self, question_id: str) -> Question:
        """Find a question.

        Raises:
            QuestionUnavailable: when it is gone; names its likely successor where there is one.
        """
        try:
            return self.questionnaire.question(question_id)
        except QuestionUnavailable:
            raise self.gone(question_id) from None

    def gone(self, question_id: str) -> QuestionUnavailable:
        """Say that a question is no longer there, and which one may have taken its place."""
        title = self.questionnaire.survey.name
        name, text = self.trash.get(question_id, ("", ""))
        for question in self.questionnaire.questions if name else ():
            if question.name == name or question.text == text:
                return QuestionUnavailable(
                    f"The question {question_id} (“{text}”) of the survey “{title}” was deleted.",
                    remedy=f"Edit the metric and choose {question.id} (“{question.text}”), which "
                    "seems to have taken its place: its answers begin when it was added.",
                )
        if name:
            return QuestionUnavailable(
                f"The question {question_id} (“{text}”) of the survey “{title}” was deleted.",
                remedy=_EDIT,
            )
        return QuestionUnavailable(
            f"The survey “{title}” has no question {question_id} (any more).", remedy=_EDIT
        )


def read_survey(element: object) -> Survey | None:
    """Read one element of ``GET /surveys``; ``None`` when it has no id."""
    body = mapping(element)
    if not isinstance(body.get("id"), str) or not body["id"]:
        return None
    active = body.get("isActive")
    return Survey(
        id=body["id"],
        name=plain(body.get("name")) or body["id"],
        last_modified=moment(body.get("lastModified")),
        is_active=active if isinstance(active, bool) else None,
    )


def read_definition(result: object, survey_id: str) -> SurveyMap:
    """Read the result of ``GET /survey-definitions/{id}``.

    Raises:
        SourceUnavailable: when it is no survey definition at all.
    """
    body = mapping(result)
    if "Questions" not in body:
        raise SourceUnavailable(
            "Qualtrics answered with something else than the definition of a survey."
        )
    status = body.get("SurveyStatus")
    survey = Survey(
        id=survey_id,
        name=plain(body.get("SurveyName")) or survey_id,
        last_modified=moment(body.get("LastModified")),
        is_active=status == "Active" if isinstance(status, str) else None,
    )
    bodies = {
        question_id: mapping(question)
        for question_id, question in mapping(body["Questions"]).items()
        if isinstance(question, dict)
    }
    order, trashed = _order(body, bodies)
    questions: list[Question] = []
    readings: dict[str, Reading] = {}
    for question_id, loops in order.items():
        if bodies[question_id].get("QuestionType") not in NOT_ANSWERED:
            asked = ask(question_id, bodies[question_id], bodies, loops)
            questions.append(asked.question)
            readings |= asked.readings
    fields, numbers = _fields(body)
    for question, reading in (*_scores(body), *numbers):
        questions.append(question)
        readings[question.id] = reading
    return SurveyMap(
        questionnaire=Questionnaire(
            survey=survey, questions=tuple(questions), fields=fields, notes=_notes(len(trashed))
        ),
        readings=readings,
        trash={qid: _name_and_text(bodies[qid]) for qid in trashed},
        recodes=frozenset(
            option.key
            for question in bodies.values()
            for option in (*options(question), *options(question, "Answer"))
        ),
    )


def moment(value: object) -> datetime | None:
    """Read a date of the API; ``None`` when it is none, or has no time zone."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else None


def _order(
    body: Mapping[str, Any], bodies: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Mapping[str, str] | None], list[str]]:
    """Give the questions in the order of the blocks, each with its loops, and those in the trash.

    A question in no block stays: its answers are still exported.
    """
    blocks = body.get("Blocks")
    order: dict[str, Mapping[str, str] | None] = {}
    trashed: dict[str, None] = {}
    for block in mapping(blocks).values() if isinstance(blocks, dict) else listing(blocks):
        elements = (mapping(item) for item in listing(mapping(block).get("BlockElements")))
        inside = [str(item.get("QuestionID")) for item in elements]
        known = [question_id for question_id in inside if question_id in bodies]
        if mapping(block).get("Type") == "Trash":
            trashed |= dict.fromkeys(known)
        else:
            order |= dict.fromkeys(known, _loops(mapping(block), bodies))
    order |= {qid: None for qid in bodies if qid not in order and qid not in trashed}
    return order, [question_id for question_id in trashed if question_id not in order]


def _loops(
    block: Mapping[str, Any], bodies: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, str] | None:
    """Give the loops of a loop & merge block, label by id; ``None`` for every other block."""
    settings = mapping(block.get("Options"))
    if settings.get("Looping") in {None, "", "None", False}:
        return None
    looping = mapping(settings.get("LoopingOptions"))
    source = bodies.get(str(looping.get("QID")), {})
    labels = {option.id: option.label for option in options(source)}
    loops = {}
    for loop, merged in mapping(looping.get("Static")).items():
        texts = (plain(text) for text in mapping(merged).values())
        loops[loop] = labels.get(loop) or next(filter(None, texts), "") or f"Loop {loop}"
    return loops


def _fields(
    body: Mapping[str, Any],
) -> tuple[tuple[EmbeddedField, ...], list[tuple[Question, Reading]]]:
    """Give the embedded fields of the survey's flow, and those declared as numbers as questions."""
    found: dict[str, Mapping[str, Any]] = {}
    for element in _walk(body.get("SurveyFlow")):
        for declared in listing(element.get("EmbeddedData")):
            name = mapping(declared).get("Field")
            if isinstance(name, str) and name:
                found.setdefault(name, mapping(declared))
    fields = tuple(EmbeddedField(name=name, label=plain(name)) for name in found)
    numbers = [
        (_number(f"{_FIELD_PREFIX}{name}", name, name), Reading("", Shape.NUMBER, field=name))
        for name, declared in found.items()
        if declared.get("VariableType") in _NUMERIC_FIELDS
    ]
    return fields, numbers


def _walk(flow: object) -> Iterator[Mapping[str, Any]]:
    """Yield every element of a survey's flow, however deep branches and groups are nested."""
    pending = [flow]
    while pending:
        element = mapping(pending.pop())
        yield element
        pending.extend(reversed(listing(element.get("Flow"))))


def _scores(body: Mapping[str, Any]) -> Iterator[tuple[Question, Reading]]:
    for category in listing(mapping(body.get("Scoring")).get("ScoringCategories")):
        score_id = mapping(category).get("ID")
        if isinstance(score_id, str) and score_id:
            name = plain(mapping(category).get("Name")) or score_id
            reading = Reading("", Shape.NUMBER, import_id=score_id)
            yield _number(score_id, name, f"Score: {name}"), reading


def _number(question_id: str, name: str, text: str) -> Question:
    return Question(
        id=question_id,
        name=name,
        text=text,
        kind=QuestionKind.NUMBER,
        calculations=allowed_calculations(QuestionKind.NUMBER),
        note="Numbers are calculated with, but nothing is grouped by them.",
    )


def _notes(trashed: int) -> tuple[str, ...]:
    if not trashed:
        return ()
    return (f"Questions in the trash are not offered: {trashed}.",)


def _name_and_text(question: Mapping[str, Any]) -> tuple[str, str]:
    text = plain(question.get("QuestionText")) or plain(question.get("QuestionDescription"))
    return str(question.get("DataExportTag") or question.get("QuestionID") or ""), text
