"""The body of `GET /surveys/{id}/response-schema`: a JSON Schema of one response."""

from __future__ import annotations

from typing import Any

from smaply_metrics_qualtrics_sandbox.surveys.columns import (
    NUMERIC_METADATA,
    ColumnRole,
    SandboxColumn,
)
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey


def response_schema(survey: SandboxSurvey) -> dict[str, Any]:
    """Return the response schema of a survey. `exportTag` is the header in a CSV export."""
    properties: dict[str, Any] = {}
    for column in survey.exported():
        key = column.import_id
        if column.role is ColumnRole.TICKED and "choiceId" not in column.key:
            key = key.rpartition("_")[0]
        if column.role is ColumnRole.TICKED and key in properties:
            properties[key]["items"]["oneOf"].extend(_choices(column))
        elif key not in properties:
            properties[key] = _property(survey, column)
    return {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$id": f"https://qualtrics.com/API/v3/surveys/{survey.id}/response-schema",
        "title": survey.name,
        "description": f"The schema for survey responses to {survey.name}",
        "type": "object",
        "properties": {
            "responseId": {
                "description": "The unique ID for the survey response",
                "type": "string",
            },
            "values": {"type": "object", "properties": properties},
            "labels": {"type": "object"},
            "displayedFields": {"type": "array", "items": {"type": "string"}},
            "displayedValues": {"type": "object"},
        },
    }


def _property(survey: SandboxSurvey, column: SandboxColumn) -> dict[str, Any]:
    result: dict[str, Any] = {"description": column.text, **_type(column)}
    result["exportTag"] = column.header
    if column.question:
        question = survey.definition["Questions"].get(column.question, {})
        result["dataType"] = "question"
        result["questionId"] = column.question
        result["questionExportTag"] = question.get("DataExportTag", column.header)
        if column.loop:
            result["loopNumber"] = column.loop
    else:
        result["dataType"] = "metadata" if column.kind is ColumnKind.METADATA else "embeddedData"
    return result


def _type(column: SandboxColumn) -> dict[str, Any]:
    if column.is_order:
        return {"type": "array", "items": {"type": "string"}}
    if column.role is ColumnRole.TICKED:
        return {"type": "array", "items": {"type": "string", "oneOf": _choices(column)}}
    if column.role is ColumnRole.DATE:
        return {"type": "string", "format": "date-time"}
    labels = column.labels()
    if labels:
        return {
            "type": "number",
            "oneOf": [{"label": label, "const": _constant(code)} for code, label in labels.items()],
        }
    numeric = column.role is ColumnRole.NUMBER or (
        column.kind is ColumnKind.METADATA and column.import_id in NUMERIC_METADATA
    )
    return {"type": "number" if numeric else "string"}


def _choices(column: SandboxColumn) -> list[dict[str, Any]]:
    return [{"label": answer.label, "const": answer.id} for answer in column.answers]


def _constant(code: str) -> int | str:
    try:
        return int(code)
    except ValueError:
        return code
