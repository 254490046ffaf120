"""Reading a survey as it is now: its definition and, where that is not enough, its schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smaply_metrics_core import CredentialRefused, Definition, RemoteError
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.survey.definition import (
    SurveyDefinition,
    is_field_number,
    read_definition,
)
from smaply_metrics_qualtrics.survey.response_schema import is_in_loop, is_topics


def load_survey(api: QualtricsApi, survey_id: str) -> SurveyDefinition:
    """Read all that can be measured of a survey.

    Qualtrics may refuse the schema, which it gives less often than anything else: the survey is
    then described without the fields that its flow does not declare, and says so.

    Raises:
        SurveyUnavailable: when it is gone or not shared.
    """
    return _with_schema(api, survey_id, api.definition(survey_id))


def load_survey_for(
    api: QualtricsApi, survey_id: str, definitions: Sequence[Definition]
) -> SurveyDefinition:
    """Read what some definitions need of a survey: the schema only when they name more.

    Raises:
        SurveyUnavailable: when it is gone or not shared.
    """
    definition = api.definition(survey_id)
    survey = read_definition(definition, survey_id)
    if any(_names_more(wanted, survey) for wanted in definitions):
        return _with_schema(api, survey_id, definition)
    return survey


def _with_schema(api: QualtricsApi, survey_id: str, definition: object) -> SurveyDefinition:
    try:
        schema = api.response_schema(survey_id)
    except CredentialRefused:
        raise
    except RemoteError as error:
        survey = read_definition(definition, survey_id)
        missing = f"Fields that the survey's flow does not declare are not listed: {error.message}"
        notes = (*survey.questionnaire.notes, missing)
        return replace(
            survey,
            questionnaire=survey.questionnaire.model_copy(update={"notes": notes}),
            fields_unknown=error,
        )
    return read_definition(definition, survey_id, schema)


def _names_more(definition: Definition, survey: SurveyDefinition) -> bool:
    """Whether it names a field, topics or a loop that the survey's definition does not have."""
    known = {field.name for field in survey.questionnaire.fields}
    return any(name not in known for name in named_fields(definition)) or any(
        question_id not in survey.answer_columns and only_in_schema(question_id)
        for _, question_id in definition.named_questions()
    )


def only_in_schema(question_id: str) -> bool:
    """Whether a question that the definition does not have may stand in the schema."""
    return is_topics(question_id) or is_field_number(question_id) or is_in_loop(question_id)


def named_fields(definition: Definition) -> tuple[str, ...]:
    """Return the embedded fields that a definition groups by or filters on."""
    group_by = definition.group_by
    by = (group_by.of,) if group_by is not None and group_by.kind == "field" else ()
    return (*by, *(wanted.of for wanted in definition.filters if wanted.kind == "field"))
