"""The bodies of read-only responses: the user, the list and the older format of a survey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from smaply_metrics_qualtrics_sandbox.surveys.columns import ColumnKind, ColumnRole, SandboxColumn
from smaply_metrics_qualtrics_sandbox.surveys.definition import embedded_fields, trash
from smaply_metrics_qualtrics_sandbox.surveys.questions import entries, has_rows, options, plain
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

USER_ID = "UR_sandbox00000001"
BRAND = "sandbox"
DATACENTER = "iad1"


def whoami(proxied_to: str | None) -> dict[str, Any]:
    """Return the token's user."""
    return {
        "brandId": BRAND,
        "userId": USER_ID,
        "userName": f"sandbox#{BRAND}",
        "accountType": "UT_sandbox00000001",
        "firstName": "Sandbox",
        "lastName": "User",
        "email": "sandbox@example.com",
        "datacenter": proxied_to.partition(".")[0] if proxied_to else DATACENTER,
    }


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


def next_page(base: str, offset: int, proxied_to: str | None) -> str:
    """Return the URL of a page. A forwarded list continues on the host of the account."""
    query: dict[str, Any] = {"offset": offset}
    if proxied_to:
        base = f"https://{proxied_to}"
        query = {"proxyDepth": 1, "proxyInfo": '{"proxyDepth":1}', **query}
    return f"{base}/API/v3/surveys?{urlencode(query)}"


def _created(definition: Mapping[str, Any]) -> str | None:
    return (definition.get("SurveyOptions") or {}).get("SurveyCreationDate")


def survey_view(survey: SandboxSurvey) -> dict[str, Any]:
    """Return the body of `GET /surveys/{id}`, a survey in the older lower camel case format."""
    definition = survey.definition
    options_ = definition.get("SurveyOptions") or {}
    gone = trash(definition)
    columns = survey.exported()
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
        "questions": {
            qid: _question(question)
            for qid, question in definition["Questions"].items()
            if qid not in gone
        },
        "exportColumnMap": {
            column.header: _mapped(column) for column in columns if _is_mapped(column)
        },
        "blocks": {
            block_id: {
                "description": block.get("Description"),
                "elements": [_element(element) for element in block.get("BlockElements") or []],
            }
            for block_id, block in definition["Blocks"].items()
            if block.get("Type") != "Trash"
        },
        "flow": [_flow(node) for node in definition["SurveyFlow"].get("Flow") or []],
        "embeddedData": [
            {"name": field["Field"], **_default(field)} for field in embedded_fields(definition)
        ],
        "comments": {},
        "loopAndMerge": {},
        "responseCounts": {"auditable": survey.rows, "generated": 0, "deleted": 0},
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


def _is_mapped(column: SandboxColumn) -> bool:
    return column.kind is ColumnKind.QUESTION and not column.is_order and bool(column.header)


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
    if kind == "BlockRandomizer":
        return {
            "type": "BlockRandomizer",
            "randomizationOptions": {
                "randomSubset": node.get("SubSet"),
                "evenPresentation": bool(node.get("EvenPresentation")),
            },
        }
    result: dict[str, Any] = {"type": kind}
    if isinstance(node.get("Flow"), list):
        result["flow"] = [_flow(child) for child in node["Flow"]]
    return result


def _default(field: Mapping[str, Any]) -> dict[str, Any]:
    return {"defaultValue": field["Value"]} if field.get("Value") is not None else {}
