"""Build the files of a study: questions, blocks, the QSF file, and columns of cells.

Cells follow repeating patterns: response 0 has the first cell of a pattern, and so on. Each answer
can be counted by hand from the pattern and the number of responses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
Column: TypeAlias = tuple[str, str, str, list[str]]
"""The three header cells of a column and its cells."""

BLANK: Final = "."
HEADINGS: Final = {
    "startDate": ("StartDate", "Start Date"),
    "endDate": ("EndDate", "End Date"),
    "status": ("Status", "Response Type"),
    "progress": ("Progress", "Progress"),
    "duration": ("Duration (in seconds)", "Duration (in seconds)"),
    "finished": ("Finished", "Finished"),
    "recordedDate": ("RecordedDate", "Recorded Date"),
    "_recordId": ("ResponseId", "Response ID"),
    "recipientEmail": ("RecipientEmail", "Recipient Email"),
    "distributionChannel": ("DistributionChannel", "Distribution Channel"),
    "userLanguage": ("UserLanguage", "User Language"),
}

AGREE: Final = {
    "Answers": {
        "11": {"Display": "1 - not at all"},
        "12": {"Display": "2"},
        "13": {"Display": "3"},
        "14": {"Display": "4"},
        "15": {"Display": "5 - very much"},
    },
    "AnswerOrder": [15, 14, 13, 12, 11],
    "RecodeValues": {"11": "1", "12": "2", "13": "3", "14": "4", "15": "5"},
    "ChoiceDataExportTags": False,
}
"""The answers of a matrix. Their ids differ from the exported recodes."""
ONE_ROW: Final = {
    "Choices": {"1": {"Display": "... is it worth its price?"}},
    "ChoiceOrder": [1],
}
"""The only row of a matrix."""


def repeat(pattern: str | Sequence[str], rows: int) -> list[str]:
    """Return the cells of a repeated pattern; a dot is a blank cell."""
    parts = pattern.split() if isinstance(pattern, str) else pattern
    return ["" if part == BLANK else part for part in (parts[n % len(parts)] for n in range(rows))]


def key(import_id: str, **more: str) -> str:
    """Return a cell of row 3 as exports write it."""
    return json.dumps({"ImportId": import_id, **more}, separators=(",", ":"))


def metadata(import_id: str, cells: list[str], zone: str | None = None) -> Column:
    """Return a metadata column with the time zone of its dates."""
    header, text = HEADINGS[import_id]
    return header, text, key(import_id, **({"timeZone": zone} if zone else {})), cells


def spreadsheet_dates(first: datetime, step: timedelta, rows: int, year: str) -> list[str]:
    """Return dates in spreadsheet format; ``year`` is the format of the year."""
    moments = (first + n * step for n in range(rows))
    return [f"{m.month}/{m.day}/{m.strftime(year)} {m.hour}:{m.minute:02}" for m in moments]


def question(
    tag: str, text: str, kind: str, selector: str, sub: str | None = None, **more: Json
) -> dict[str, Any]:
    """Return the definition of a question without its id."""
    body: dict[str, Any] = {
        "QuestionText": text,
        "DataExportTag": tag,
        "QuestionType": kind,
        "Selector": selector,
    }
    if sub is not None:
        body["SubSelector"] = sub
    return body | {
        "Configuration": {"QuestionDescriptionOption": "UseText"},
        "QuestionDescription": text[:60],
        "Validation": {"Settings": {"ForceResponse": "OFF", "Type": "None"}},
        "Language": [],
        **more,
    }


def choices(**labels: str) -> dict[str, dict[str, Any]]:
    """Return choices by id: ``c2="Café"`` is the choice 2."""
    return {name.removeprefix("c"): {"Display": label} for name, label in labels.items()}


def block(
    block_id: str, questions: Sequence[str], kind: str = "Standard", **more: Json
) -> dict[str, Any]:
    """Return a block of questions with page breaks between them."""
    elements: list[dict[str, Any]] = []
    for question_id in questions:
        if elements and kind != "Trash":
            elements.append({"Type": "Page Break"})
        elements.append({"Type": "Question", "QuestionID": question_id})
    return {"Type": kind, "ID": block_id, "BlockElements": elements, **more}


def fields(flow_id: str, *names: str, kind: str = "String", **values: str) -> dict[str, Any]:
    """Return the element of the flow that declares embedded fields, some with a value."""
    declared = [{"Field": name, "Type": "Recipient"} for name in names]
    declared += [{"Field": name, "Type": "Custom", "Value": v} for name, v in values.items()]
    common = {"VariableType": kind, "DataVisibility": [], "AnalyzeText": False}
    return {
        "Type": "EmbeddedData",
        "FlowID": flow_id,
        "EmbeddedData": [{"Description": one["Field"], **one, **common} for one in declared],
    }


def qsf(
    survey_id: str,
    name: str,
    *,
    questions: Mapping[str, Mapping[str, Any]],
    blocks: Sequence[Mapping[str, Any]],
    flow: Sequence[Mapping[str, Any]],
    scores: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a survey as a QSF file: an entry, and elements with payloads."""

    def element(kind: str, primary: str, payload: Json, secondary: str | None = None) -> Json:
        return {
            "SurveyID": survey_id,
            "Element": kind,
            "PrimaryAttribute": primary,
            "SecondaryAttribute": secondary,
            "TertiaryAttribute": None,
            "Payload": payload,
        }

    root = {"Type": "Root", "FlowID": "FL_1", "Flow": list(flow), "Properties": {"Count": 9}}
    categories = [
        {"ID": score, "Name": n, "Description": ""} for score, n in (scores or {}).items()
    ]
    return {
        "SurveyEntry": {
            "SurveyID": survey_id,
            "SurveyName": name,
            "SurveyDescription": None,
            "SurveyOwnerID": "UR_studyOwner00001",
            "SurveyBrandID": "gulllines",
            "DivisionID": None,
            "SurveyLanguage": "EN",
            "SurveyActiveResponseSet": "RS_studySet000001",
            "SurveyStatus": "Active",
            "SurveyStartDate": "0000-00-00 00:00:00",
            "SurveyExpirationDate": "0000-00-00 00:00:00",
            "SurveyCreationDate": "2025-01-02 03:04:05",
            "CreatorID": "UR_studyOwner00001",
            "LastModified": "2025-02-03 04:05:06",
            "LastAccessed": "0000-00-00 00:00:00",
            "LastActivated": "2025-01-03 04:05:06",
            "Deleted": None,
        },
        "SurveyElements": [
            element("BL", "Survey Blocks", {str(n): body for n, body in enumerate(blocks)}),
            element("FL", "Survey Flow", root),
            element("PROJ", "CORE", {"ProjectCategory": "CORE", "SchemaVersion": "1.1.0"}),
            element("QC", "Survey Question Count", None, str(len(questions))),
            element("RS", "RS_studySet000001", None),
            element("SCO", "Scoring", {"ScoringCategories": categories}),
            element("SO", "Survey Options", {"BackButton": "false", "PartialData": "+1 week"}),
            *(
                element("SQ", qid, {**body, "QuestionID": qid}, body["QuestionDescription"])
                for qid, body in questions.items()
            ),
            element("STAT", "Survey Statistics", {"MobileCompatible": True}),
        ],
    }
