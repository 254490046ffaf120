"""Load a survey: its questionnaire, its columns, and how the answers are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from smaply_metrics_core import (
    Definition,
    Question,
    Questionnaire,
    SourceContext,
    SourceUnavailable,
    Survey,
)
from smaply_metrics_limesurvey.client import DefinitionSource, JsonObject
from smaply_metrics_limesurvey.html_text import html_to_text
from smaply_metrics_limesurvey.survey.columns import LAST_ACTION, Column, as_int, read_columns
from smaply_metrics_limesurvey.survey.question_types import QuestionReader, Readings

RESPONSE_FIELDS: Final = {
    "startlanguage": "Language of the respondent",
    "lastpage": "Last page that was reached",
}
"""Not ``seed``: it is a random number, different for nearly every response."""

NOT_ASKED: Final = (
    "The survey has conditions. LimeSurvey does not export whether a question was shown, so “not "
    "answered” includes those who were not asked."
)
NO_DATES: Final = (
    "The survey stores no dates, so it can be measured for all time only. In LimeSurvey, “Date "
    "stamp” cannot be switched on after a survey was activated."
)
_CODE: Final = re.compile(r"[\[:]")


@dataclass(frozen=True)
class LoadedSurvey:
    """A survey.

    Attributes:
        id: Its id.
        questionnaire: Its questions and fields.
        readings: How the answers are read.
        columns: Its columns by heading.
        has_dates: Whether it stores when a response was given.
    """

    id: str
    questionnaire: Questionnaire
    readings: Readings
    columns: Mapping[str, Column]
    has_dates: bool


def read_survey(found: JsonObject) -> Survey:
    """Return an entry of the list as a survey."""
    survey_id = str(found.get("sid"))
    return Survey(
        id=survey_id,
        name=html_to_text(found.get("surveyls_title")) or survey_id,
        is_active={"Y": True, "N": False}.get(str(found.get("active"))),
    )


def codes_of(definitions: Collection[Definition]) -> set[str]:
    """Return the codes of all questions and fields that metrics use."""
    names: set[str] = set()
    for one in definitions:
        names.update(question for _, question in one.named_questions())
        names.update(each.of for each in one.filters)
        names.update(each.of for each in (one.group_by, one.weight) if each is not None)
    return {_CODE.split(name, maxsplit=1)[0] for name in names}


def load_survey(
    api: DefinitionSource,
    context: SourceContext,
    survey_id: str,
    notes: tuple[str, ...] = (),
    only: Collection[str] | None = None,
) -> LoadedSurvey:
    """Return a survey in its base language.

    Args:
        api: The server, or a debug bundle.
        context: Receives the progress.
        survey_id: The survey.
        notes: Remarks about the connection, for the questionnaire.
        only: The codes of the questions to read; ``None`` for all. The properties of a question
            cost a request each.

    Raises:
        SurveyUnavailable: if it does not exist or is not shared.
    """
    survey = read_survey(api.survey(survey_id))
    found = api.questions(survey_id)
    columns = {one.heading: one for one in read_columns(api.field_map(survey_id))}
    readings = Readings()
    top = [
        one
        for one in found
        if not as_int(one.get("parent_qid")) and (only is None or one.get("title") in only)
    ]
    lost = []
    for number, question in enumerate(top):
        context.progress(number, len(top), "Reading the questions")
        if not _reader(api, question, columns, readings).read():
            lost.append(str(question.get("title")))
    for name, label in RESPONSE_FIELDS.items():
        if name in columns:
            readings.add_field(name, label)
    has_dates = LAST_ACTION in columns
    conditional = any(one.conditional for one in columns.values())
    remarks = (
        (NOT_ASKED, conditional),
        (NO_DATES, not has_dates),
        (f"These questions have no columns of their own: {', '.join(lost)}.", lost),
    )
    return LoadedSurvey(
        id=survey_id,
        questionnaire=Questionnaire(
            survey=survey,
            questions=tuple(_unique(readings.questions)),
            fields=readings.embedded(),
            notes=(*notes, *(text for text, applies in remarks if applies)),
            can_weight=True,
        ),
        readings=readings,
        columns=columns,
        has_dates=has_dates,
    )


def _reader(
    api: DefinitionSource, question: JsonObject, columns: Mapping[str, Column], readings: Readings
) -> QuestionReader:
    number = as_int(question.get("qid"))

    @cache
    def properties() -> Mapping[str, Any]:
        found = api.properties(number)
        if found.get("title") != question.get("title"):
            raise SourceUnavailable("LimeSurvey returned the properties of another question.")
        return found

    own = [one for one in columns.values() if one.question == number]
    return QuestionReader(question, own, properties, readings)


def _unique(questions: list[Question]) -> list[Question]:
    """Return the first question of each code; codes are unique unless a survey is damaged."""
    return [*{one.id: one for one in reversed(questions)}.values()][::-1]
