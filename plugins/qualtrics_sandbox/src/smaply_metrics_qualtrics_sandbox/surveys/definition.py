"""Read a QSF file or a survey definition, and return it as the API's survey definition.

A QSF file is a list of elements. The payloads of its `SQ` elements are questions in the format of
survey-definitions, and the other elements contain the remaining properties.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from smaply_metrics_qualtrics_sandbox.errors import SurveyFolderError

Json: TypeAlias = Any
Definition: TypeAlias = dict[str, Any]

_NO_SCORING: Mapping[str, Any] = {
    "ScoringCategories": [],
    "ScoringCategoryGroups": [],
    "ScoringSummaryCategory": None,
    "ScoringSummaryAfterQuestions": 0,
    "ScoringSummaryAfterSurvey": 0,
    "DefaultScoringCategory": None,
    "AutoScoringCategory": None,
}
_NEVER = "0000-00-00 00:00:00"


def read_definition(path: Path) -> Definition:
    """Read a survey.

    Args:
        path: `survey.qsf`, or `survey.json` with a survey definition, with or without envelope.

    Returns:
        The `result` of `GET /survey-definitions/{id}`.

    Raises:
        SurveyFolderError: if the file has neither format.
    """
    content = _load(path)
    if isinstance(content, dict) and isinstance(content.get("result"), dict):
        content = content["result"]
    if isinstance(content, dict) and "SurveyElements" in content:
        content = _from_qsf(path, content)
    return _checked(path, content)


def _load(path: Path) -> Json:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SurveyFolderError(path, f"this is not a JSON file: {error}") from error


def read_quotas(path: Path) -> tuple[list[Json], list[Json]]:
    """Return the quotas and quota groups in a QSF file; a survey definition does not have any."""
    found: dict[str, list[Json]] = {"QO": [], "QG": []}
    content = _load(path)
    for element in content.get("SurveyElements", ()) if isinstance(content, dict) else ():
        payload = element.get("Payload")
        if isinstance(payload, dict) and payload.get("ID"):
            found.get(str(element.get("Element")), []).append(payload)
    return found["QO"], found["QG"]


def _checked(path: Path, content: object) -> Definition:
    if not isinstance(content, dict):
        raise SurveyFolderError(
            path, "this is not a survey: a QSF file or a survey definition is required"
        )
    for name, kind in (("SurveyID", str), ("SurveyName", str), ("Questions", dict)):
        if not isinstance(content.get(name), kind) or not (content[name] or kind is dict):
            raise SurveyFolderError(
                path,
                f"{name} is missing or invalid: a QSF file or survey definition is required",
            )
    for qid, question in content["Questions"].items():
        if not isinstance(question, dict):
            raise SurveyFolderError(path, f"question {qid} is not an object")
        question.setdefault("QuestionID", qid)
        question.setdefault("QuestionText_Unsafe", question.get("QuestionText", ""))
    content.setdefault("SurveyFlow", {"Type": "Root", "FlowID": "FL_1", "Flow": []})
    content.setdefault("Blocks", {})
    if not isinstance(content["Blocks"], dict):
        raise SurveyFolderError(path, "Blocks is not an object keyed by block id")
    return content


def _from_qsf(path: Path, qsf: Mapping[str, Any]) -> Definition:
    elements = qsf["SurveyElements"]
    entry = qsf.get("SurveyEntry")
    if not isinstance(elements, list) or not isinstance(entry, dict):
        raise SurveyFolderError(
            path, "SurveyEntry or SurveyElements is missing: export the QSF again"
        )
    payloads: dict[str, Any] = {}
    questions: dict[str, Any] = {}
    count = "0"
    for element in elements:
        if not isinstance(element, dict):
            raise SurveyFolderError(path, "an element of SurveyElements is not an object")
        payload = element.get("Payload")
        if element.get("Element") == "SQ" and isinstance(payload, dict):
            questions[str(payload.get("QuestionID") or element.get("PrimaryAttribute"))] = payload
        elif element.get("Element") == "QC":
            count = str(element.get("SecondaryAttribute") or "0")
        elif payload is not None:
            payloads[str(element.get("Element"))] = payload
    brand = str(entry.get("SurveyBrandID") or "")
    name = entry.get("SurveyName")
    options = {
        **payloads.get("SO", {}),
        "SurveyName": name,
        "SurveyLanguage": entry.get("SurveyLanguage"),
        "SurveyStartDate": _moment(entry.get("SurveyStartDate")),
        "SurveyExpirationDate": _moment(entry.get("SurveyExpirationDate")),
        "SurveyCreationDate": _moment(entry.get("SurveyCreationDate")),
    }
    result: Definition = {
        "QuestionCount": count,
        "SurveyOptions": options,
        "SurveyID": entry.get("SurveyID"),
        "SurveyName": name,
        "SurveyStatus": entry.get("SurveyStatus"),
        "LastModified": _moment(entry.get("LastModified")),
        "BrandID": brand,
        "OwnerID": entry.get("SurveyOwnerID"),
        "LastAccessed": _moment(entry.get("LastAccessed")),
        "CreatorID": entry.get("CreatorID"),
        "LastActivated": _moment(entry.get("LastActivated")),
        "Questions": questions,
        "Blocks": _blocks(payloads.get("BL", {})),
        "ResponseSets": dict.fromkeys(
            filter(None, [entry.get("SurveyActiveResponseSet")]), "Default Response Set"
        ),
        "SurveyFlow": payloads.get("FL", {"Type": "Root", "FlowID": "FL_1", "Flow": []}),
        "Scoring": payloads.get("SCO", copy.deepcopy(dict(_NO_SCORING))),
        "ProjectInfo": {
            "SurveyID": entry.get("SurveyID"),
            "ProjectCategory": payloads.get("PROJ", {}).get("ProjectCategory", "CORE"),
            "ProjectType": None,
            "CompositionType": None,
            "ContentBundle": None,
        },
        "BrandBaseURL": f"https://{brand}.qualtrics.com",
    }
    if entry.get("DivisionID"):
        result["DivisionID"] = entry["DivisionID"]
    return result


def _blocks(payload: object) -> dict[str, Any]:
    blocks = payload.values() if isinstance(payload, dict) else payload
    found: dict[str, Any] = {}
    for block in blocks if isinstance(blocks, (list, type({}.values()))) else []:
        if isinstance(block, dict) and block.get("ID"):
            found[str(block["ID"])] = {**block, "BlockElements": block.get("BlockElements") or []}
    return found


def _moment(value: object) -> str | None:
    """Convert a date of a QSF file to the format of the API; `0000-00-00` becomes None."""
    if not isinstance(value, str) or not value or value == _NEVER:
        return None
    return value if "T" in value else f"{value.replace(' ', 'T')}Z"


def block_questions(block: Mapping[str, Any]) -> list[str]:
    """Return the ids of the questions of a block, in order."""
    elements = block.get("BlockElements") or []
    return [str(element["QuestionID"]) for element in elements if element.get("QuestionID")]


def trash(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the questions in the trash. The definition contains them, but exports do not."""
    return frozenset(
        qid
        for block in definition["Blocks"].values()
        if block.get("Type") == "Trash"
        for qid in block_questions(block)
    )


def shown_questions(definition: Mapping[str, Any]) -> list[str]:
    """Return the questions that are not in the trash: in block order, then those in no block."""
    questions, gone = definition["Questions"], trash(definition)
    ordered = [qid for block in definition["Blocks"].values() for qid in block_questions(block)]
    return [qid for qid in dict.fromkeys([*ordered, *questions]) if qid in questions.keys() - gone]


def looped(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the questions in blocks with loop and merge."""
    return frozenset(
        qid
        for block in definition["Blocks"].values()
        if str((block.get("Options") or {}).get("Looping") or "None") != "None"
        for qid in block_questions(block)
    )


def score_ids(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the scoring categories."""
    categories = (definition.get("Scoring") or {}).get("ScoringCategories") or []
    return frozenset(str(item["ID"]) for item in categories if item.get("ID"))


def order_ids(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of the flow elements and blocks, which can have a display order."""
    flow = (node.get("FlowID") for node, _ in _walk(definition["SurveyFlow"], conditional=False))
    return frozenset({*map(str, filter(None, flow)), *definition["Blocks"]})


def embedded_fields(definition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the embedded data fields that the flow declares, each once."""
    fields: dict[str, Mapping[str, Any]] = {}
    for node, _ in _walk(definition["SurveyFlow"], conditional=False):
        declared = node.get("EmbeddedData") if node.get("Type") == "EmbeddedData" else None
        for item in declared if isinstance(declared, list) else []:
            if isinstance(item, dict) and item.get("Field"):
                fields.setdefault(str(item["Field"]), item)
    return list(fields.values())


def item_names(definition: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of blocks and flow elements, by id."""
    names = {
        str(block_id): str(block.get("Description") or block_id)
        for block_id, block in definition["Blocks"].items()
    }
    for node, _ in _walk(definition["SurveyFlow"], conditional=False):
        if flow_id := node.get("FlowID"):
            names[str(flow_id)] = str(
                node.get("Description") or names.get(str(node.get("ID"))) or flow_id
            )
    return names


def always_shown(definition: Mapping[str, Any]) -> frozenset[str]:
    """Return the questions that every finished response has seen.

    They have no display logic, and their block is neither in a branch nor in a randomizer that
    shows only a subset.
    """
    blocks = {
        str(node.get("ID"))
        for node, conditional in _walk(definition["SurveyFlow"], conditional=False)
        if node.get("ID") and not conditional
    }
    return frozenset(
        qid
        for block_id, block in definition["Blocks"].items()
        if block_id in blocks
        for qid in block_questions(block)
        if qid in definition["Questions"] and not definition["Questions"][qid].get("DisplayLogic")
    )


def _walk(
    node: Mapping[str, Any], *, conditional: bool
) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Yield every element of the flow, and whether only some respondents reach it."""
    yield node, conditional
    children = node.get("Flow")
    if not isinstance(children, list):
        return
    subset = node.get("SubSet")
    partial = node.get("Type") == "BlockRandomizer" and str(subset or 0) not in {
        "0",
        str(len(children)),
    }
    inside = conditional or partial or node.get("Type") == "Branch"
    for child in children:
        if isinstance(child, dict):
            yield from _walk(child, conditional=inside)
