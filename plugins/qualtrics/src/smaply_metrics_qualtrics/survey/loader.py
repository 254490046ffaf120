"""Load the current definition of a survey and, if needed, its response schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smaply_metrics_core import CredentialRefused, Definition, RemoteError
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns, AnswerShape
from smaply_metrics_qualtrics.survey.definition import SurveyDefinition, read_definition


def load_survey(api: QualtricsApi, survey_id: str) -> SurveyDefinition:
    """Load a survey with all its questions and fields.

    If the schema is unavailable, for example because of its low rate limit, undeclared embedded
    fields, loops over answers and results of Text iQ are missing. A note on the questionnaire
    states why.

    Raises:
        SurveyUnavailable: if the survey is deleted or not shared.
    """
    return _with_schema(api, survey_id, api.definition(survey_id))


def load_survey_for(
    api: QualtricsApi,
    survey_id: str,
    definitions: Sequence[Definition],
    *,
    every_column: bool = False,
) -> SurveyDefinition:
    """Load a survey for some metric definitions; request the schema only if they need it.

    Args:
        api: The API.
        survey_id: The survey.
        definitions: The definitions of the metrics.
        every_column: Whether an export has all columns, regardless of the request.

    Raises:
        SurveyUnavailable: if the survey is deleted or not shared.
    """
    definition = api.definition(survey_id)
    survey = read_definition(definition, survey_id)
    answers = _answers(definitions, survey)
    # A field that only the schema lists can be named like a column of a question that is counted by
    # any of its columns.
    by_any_column = any(answer.shape is AnswerShape.ANY for answer in answers)
    unfiltered = every_column or any(not answer.question and not answer.field for answer in answers)
    if (by_any_column and unfiltered) or any(_needs_schema(one, survey) for one in definitions):
        return _with_schema(api, survey_id, definition)
    return survey


def _with_schema(api: QualtricsApi, survey_id: str, definition: object) -> SurveyDefinition:
    try:
        schema = api.response_schema(survey_id)
    except CredentialRefused:
        raise
    except RemoteError as error:
        survey = read_definition(definition, survey_id)
        missing = (
            "Embedded fields outside of the survey flow, loops over answers and results of Text iQ "
            f"are not listed: {error.message}"
        )
        notes = (*survey.questionnaire.notes, missing)
        return replace(
            survey,
            questionnaire=survey.questionnaire.model_copy(update={"notes": notes}),
            fields_unknown=error,
        )
    return read_definition(definition, survey_id, schema)


def _needs_schema(definition: Definition, survey: SurveyDefinition) -> bool:
    """Whether it uses a field, Text iQ result or loops that the definition does not list."""
    known = {field.name for field in survey.questionnaire.fields}
    if any(name not in known for name in named_fields(definition)):
        return True
    for _, question_id in definition.named_questions():
        answer = survey.answer_columns.get(question_id)
        if answer is None and survey.may_be_in_schema(question_id):
            return True
        if answer is not None and answer.every_loop and answer.question in survey.open_loops:
            return True
    return False


def _answers(definitions: Sequence[Definition], survey: SurveyDefinition) -> list[AnswerColumns]:
    """Return the columns of the questions that metric definitions name."""
    named = {question_id for one in definitions for _, question_id in one.named_questions()}
    return [survey.answer_columns[one] for one in named if one in survey.answer_columns]


def named_fields(definition: Definition) -> tuple[str, ...]:
    """Return the names of the embedded fields that a definition uses."""
    parts = (definition.group_by, definition.weight)
    by = (part.of for part in parts if part is not None and part.kind == "field")
    return (*by, *(wanted.of for wanted in definition.filters if wanted.kind == "field"))
