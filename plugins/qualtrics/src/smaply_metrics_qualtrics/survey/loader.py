"""Load the current definition of a survey and, if needed, its response schema."""

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
    """Load a survey with all its questions and fields.

    If the schema is unavailable, for example because of its low rate limit, undeclared embedded
    fields are missing and a note on the questionnaire states why.

    Raises:
        SurveyUnavailable: if the survey is deleted or not shared.
    """
    return _with_schema(api, survey_id, api.definition(survey_id))


def load_survey_for(
    api: QualtricsApi, survey_id: str, definitions: Sequence[Definition]
) -> SurveyDefinition:
    """Load a survey for some metric definitions; request the schema only if they need it.

    Raises:
        SurveyUnavailable: if the survey is deleted or not shared.
    """
    definition = api.definition(survey_id)
    survey = read_definition(definition, survey_id)
    if any(_needs_schema(wanted, survey) for wanted in definitions):
        return _with_schema(api, survey_id, definition)
    return survey


def _with_schema(api: QualtricsApi, survey_id: str, definition: object) -> SurveyDefinition:
    try:
        schema = api.response_schema(survey_id)
    except CredentialRefused:
        raise
    except RemoteError as error:
        survey = read_definition(definition, survey_id)
        missing = f"Embedded fields outside of the survey flow are not listed: {error.message}"
        notes = (*survey.questionnaire.notes, missing)
        return replace(
            survey,
            questionnaire=survey.questionnaire.model_copy(update={"notes": notes}),
            fields_unknown=error,
        )
    return read_definition(definition, survey_id, schema)


def _needs_schema(definition: Definition, survey: SurveyDefinition) -> bool:
    """Whether it names a field, topic or loop that the survey definition does not contain."""
    known = {field.name for field in survey.questionnaire.fields}
    return any(name not in known for name in named_fields(definition)) or any(
        question_id not in survey.answer_columns and only_in_schema(question_id)
        for _, question_id in definition.named_questions()
    )


def only_in_schema(question_id: str) -> bool:
    """Whether the schema may contain a question that the survey definition does not contain."""
    return is_topics(question_id) or is_field_number(question_id) or is_in_loop(question_id)


def named_fields(definition: Definition) -> tuple[str, ...]:
    """Return the names of the embedded fields that a definition groups by or filters on."""
    group_by = definition.group_by
    by = (group_by.of,) if group_by is not None and group_by.kind == "field" else ()
    return (*by, *(wanted.of for wanted in definition.filters if wanted.kind == "field"))
