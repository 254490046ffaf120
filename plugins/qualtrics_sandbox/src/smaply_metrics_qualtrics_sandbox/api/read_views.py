"""A survey as an element of the list, and in the older format of `GET /surveys/{id}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smaply_metrics_qualtrics_sandbox.exports.selection import recorded_rows
from smaply_metrics_qualtrics_sandbox.surveys.columns import ColumnRole, SandboxColumn
from smaply_metrics_qualtrics_sandbox.surveys.definition import embedded_fields, shown_questions
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind
from smaply_metrics_qualtrics_sandbox.surveys.questions import (
    entries,
    has_rows,
    is_multiple,
    options,
    plain,
)
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

USER_ID = "UR_sandbox00000001"
BRAND = "sandbox"


def survey_element(survey: SandboxSurvey) -> dict[str, Any]:
    """Return a survey as an element of the list."""
    definition = survey.definition
    return {
        "id": survey.id,
        "name": survey.name,
        "ownerId": definition.get("OwnerID") or USER_ID,
        "lastModified": definition.get("LastModified"),
        "creationDate": _created(definition),
        "isActive": definition.get("SurveyStatus") == "Active",
    }


def _created(definition: Mapping[str, Any]) -> str | None:
    return (definition.get("SurveyOptions") or {}).get("SurveyCreationDate")


def survey_view(survey: SandboxSurvey) -> dict[str, Any]:
    """Return the body of `GET /surveys/{id}`, a survey in the older lower camel case format."""
    definition = survey.definition
    options_ = definition.get("SurveyOptions") or {}
    questions = definition["Questions"]
    shown = shown_questions(definition)
    return {
        "id": survey.id,
        "name": survey.name,
        "ownerId": definition.get("OwnerID") or USER_ID,
        "organizationId": definition.get("BrandID") or BRAND,
        "isActive": definition.get("SurveyStatus") == "Active",
        "creationDate": _created(definition),
        "lastModifiedDate": definition.get("LastModified"),
        "expiration": {
            "startDate": options_.get("SurveyStartDate"),
            "endDate": options_.get("SurveyExpirationDate"),
        },
        "questions": {qid: _question(questions[qid]) for qid in shown},
        "exportColumnMap": _column_map(survey, shown),
        "blocks": {
            block_id: {
                "description": block.get("Description"),
                "elements": [_element(element) for element in block.get("BlockElements") or []],
            }
            for block_id, block in definition["Blocks"].items()
            if block.get("Type") != "Trash"
        },
        "flow": _flow(definition["SurveyFlow"]).get("flow", []),
        "embeddedData": [
            {"name": field["Field"], **_default(field)} for field in embedded_fields(definition)
        ],
        "comments": {},
        "loopAndMerge": {},
        "responseCounts": {"auditable": len(recorded_rows(survey)), "generated": 0, "deleted": 0},
    }


def _question(question: Mapping[str, Any]) -> dict[str, Any]:
    settings = (question.get("Validation") or {}).get("Settings") or {}
    result: dict[str, Any] = {
        "questionType": {
            "type": question.get("QuestionType"),
            "selector": question.get("Selector"),
            "subSelector": question.get("SubSelector"),
        },
        "questionText": question.get("QuestionText"),
        "questionLabel": _label(question),
        "validation": {"doesForceResponse": settings.get("ForceResponse") == "ON"},
        "questionName": question.get("DataExportTag"),
    }
    answers = options(question)
    if answers and question.get("QuestionType") != "TE":
        texts = dict(entries(question.get("Answers" if has_rows(question) else "Choices")))
        names = question.get("VariableNaming") or {}
        analyze = question.get("AnalyzeChoices") or {}
        result["choices"] = {
            answer.id: {
                "recode": answer.recode,
                "description": names.get(answer.id) or texts[answer.id].get("Display"),
                "choiceText": texts[answer.id].get("Display"),
                "imageDescription": None,
                "variableName": names.get(answer.id),
                "analyze": analyze.get(answer.id) != "No",
            }
            for answer in answers
        }
    if has_rows(question):
        result["subQuestions"] = {
            key: {
                "recode": key,
                "description": body.get("Display"),
                "choiceText": body.get("Display"),
                "imageDescription": None,
                "variableName": None,
            }
            for key, body in entries(question.get("Choices"))
        }
    return result


def _label(question: Mapping[str, Any]) -> str | None:
    configuration = question.get("Configuration") or {}
    if configuration.get("QuestionDescriptionOption") == "SpecifyLabel":
        return plain(question.get("QuestionDescription"))
    return None


def _column_map(survey: SandboxSurvey, shown: list[str]) -> dict[str, dict[str, str]]:
    """Return the questions by column header, in block order.

    It includes questions without columns, such as descriptive texts, by their tags.
    """
    columns: dict[str, list[SandboxColumn]] = {}
    for column in survey.exported():
        if column.kind is ColumnKind.QUESTION and not column.is_order and column.header:
            columns.setdefault(str(column.question), []).append(column)
    result: dict[str, dict[str, str]] = {}
    for qid in [*shown, *(qid for qid in columns if qid not in shown)]:
        result |= {column.header: _mapped(column) for column in columns.get(qid, [])}
        question = survey.definition["Questions"].get(qid, {})
        if qid not in columns and not has_rows(question) and not is_multiple(question):
            result[str(question.get("DataExportTag") or qid)] = {"question": qid}
    return result


def _mapped(column: SandboxColumn) -> dict[str, str]:
    qid = str(column.question)
    result = {"question": qid}
    if column.group and column.group[3]:
        result["subQuestion"] = f"{qid}.subQuestions.{column.group[3]}"
    if column.role is ColumnRole.TICKED and column.answers:
        result["choice"] = f"{qid}.choices.{column.answers[0].id}"
    return result


def _element(element: Mapping[str, Any]) -> dict[str, Any]:
    if element.get("Type") == "Question":
        return {"type": "Question", "questionId": element.get("QuestionID")}
    return {"type": str(element.get("Type")).replace(" ", "")}


def _flow(node: Mapping[str, Any]) -> dict[str, Any]:
    kind = node.get("Type")
    if kind in {"Block", "Standard"}:
        return {"id": node.get("ID"), "type": "Block"}
    result: dict[str, Any] = {"type": kind}
    if kind == "BlockRandomizer":
        result["randomizationOptions"] = {
            "randomSubset": node.get("SubSet"),
            "evenPresentation": bool(node.get("EvenPresentation")),
        }
    inside = node.get("Flow")
    # The API omits the flow of an empty randomizer.
    if isinstance(inside, list) and (inside or kind != "BlockRandomizer"):
        result["flow"] = [_flow(child) for child in inside if isinstance(child, Mapping)]
    return result


def _default(field: Mapping[str, Any]) -> dict[str, Any]:
    return {"defaultValue": field["Value"]} if field.get("Value") is not None else {}
