"""A small survey with many features, and a client that calls a sandbox."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.http_clients import PLAIN_HTTP

Json: TypeAlias = Any

TOKEN = "sandbox-token-of-forty-characters-000001"
SURVEY = "SV_everything00001"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

QUESTIONS: dict[str, dict[str, Any]] = {
    "QID1": {
        "QuestionText": "Would you <b>recommend</b> us?",
        "DataExportTag": "NPS",
        "QuestionType": "MC",
        "Selector": "NPS",
        "Choices": [{"Display": str(score)} for score in range(11)],
        "ChoiceOrder": list(range(11)),
    },
    "QID2": {
        "QuestionText": "Which channel?",
        "DataExportTag": "Channel",
        "QuestionType": "MC",
        "Selector": "SAVR",
        "SubSelector": "TX",
        "Choices": {
            "1": {"Display": "Web&nbsp;shop"},
            "2": {"Display": "<i>Store</i>"},
            "3": {"Display": "Other", "TextEntry": "true"},
        },
        "ChoiceOrder": [2, "1", 3],
        "RecodeValues": {"1": 10, "2": "20", "3": "30"},
        "VariableNaming": {"2": "Shop"},
    },
    "QID3": {
        "QuestionText": "Rate us",
        "DataExportTag": "Rate",
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": {"1": {"Display": "Speed"}, "4": {"Display": "Price"}},
        "Answers": {"1": {"Display": "Bad"}, "2": {"Display": "Fair"}, "3": {"Display": "Good"}},
        "RecodeValues": {"1": "-1", "2": "0", "3": "1"},
    },
    "QID4": {
        "QuestionText": "Tick",
        "DataExportTag": "Tick",
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "MultipleAnswer",
        "Choices": {"1": {"Display": "Row"}},
        "Answers": {"1": {"Display": "Yes"}, "2": {"Display": "Also"}},
    },
    "QID5": {
        "QuestionText": "Say more",
        "DataExportTag": "More",
        "QuestionType": "TE",
        "Selector": "ML",
    },
    "QID6": {
        "QuestionText": "Timing",
        "DataExportTag": "Time",
        "QuestionType": "Timing",
        "Selector": "PageTimer",
    },
    "QID7": {
        "QuestionText": "And for ${lm://Field/1}?",
        "DataExportTag": "Loop",
        "QuestionType": "MC",
        "Selector": "SAHR",
        "Choices": {"1": {"Display": "Low"}, "2": {"Display": "High"}},
    },
    "QID8": {
        "QuestionText": "Thrown away",
        "DataExportTag": "Old",
        "QuestionType": "MC",
        "Selector": "SAVR",
        "Choices": {"1": {"Display": "Yes"}},
    },
    "QID9": {
        "QuestionText": "Why?",
        "DataExportTag": "Why",
        "QuestionType": "MC",
        "Selector": "SAVR",
        "Choices": {"1": {"Display": "Because"}},
        "DisplayLogic": {"Type": "BooleanExpression"},
    },
    "QID12": {
        "QuestionText": "What went well?",
        "DataExportTag": "Well",
        "QuestionType": "MC",
        "Selector": "MAVR",
        "SubSelector": "TX",
        "Choices": {
            "1": {"Display": "Advice"},
            "2": {"Display": "Other", "TextEntry": "true"},
            "3": {"Display": "None", "ExclusiveAnswer": True},
        },
        "RecodeValues": {"1": "1", "2": "2", "3": "9"},
    },
}

DEFINITION: dict[str, Any] = {
    "QuestionCount": "10",
    "SurveyOptions": {"SurveyCreationDate": "2025-01-01T00:00:00Z"},
    "SurveyID": SURVEY,
    "SurveyName": "Everything: a/b?",
    "SurveyStatus": "Active",
    "LastModified": "2025-06-01T00:00:00Z",
    "BrandID": "brand",
    "OwnerID": "UR_owner0000000001",
    "Questions": QUESTIONS,
    "Blocks": {
        "BL_1": {
            "Type": "Default",
            "Description": "Main",
            "ID": "BL_1",
            "BlockElements": [
                {"Type": "Question", "QuestionID": qid}
                for qid in QUESTIONS
                if qid not in {"QID7", "QID8"}
            ],
        },
        "BL_3": {
            "Type": "Standard",
            "Description": "Loop",
            "ID": "BL_3",
            "BlockElements": [{"Type": "Question", "QuestionID": "QID7"}],
            "Options": {
                "Looping": "Static",
                "LoopingOptions": {"Static": {"1": {"1": "A"}, "2": {"1": "B"}}},
            },
        },
        "BL_2": {
            "Type": "Trash",
            "Description": "Trash / Unused Questions",
            "ID": "BL_2",
            "BlockElements": [{"Type": "Question", "QuestionID": "QID8"}],
        },
    },
    "SurveyFlow": {
        "Type": "Root",
        "FlowID": "FL_1",
        "Flow": [
            {
                "Type": "EmbeddedData",
                "FlowID": "FL_2",
                "EmbeddedData": [{"Field": "Region", "Type": "Custom", "Value": "North"}],
            },
            {"Type": "Standard", "ID": "BL_1", "FlowID": "FL_3"},
            {
                "Type": "BlockRandomizer",
                "FlowID": "FL_4",
                "SubSet": 1,
                "EvenPresentation": True,
                "Flow": [{"Type": "Standard", "ID": "BL_3", "FlowID": "FL_5"}],
            },
        ],
    },
    "Scoring": {"ScoringCategories": [{"ID": "SC_abc", "Name": "Score"}]},
}

_DENVER = {"timeZone": "America/Denver"}
# Header, text, key (or text that a user added), and the cells of four responses.
COLUMNS: list[tuple[str, str, dict[str, str] | str, tuple[str, str, str, str]]] = [
    (
        "StartDate",
        "Start Date",
        {"ImportId": "startDate", **_DENVER},
        ("4/21/25 12:11", "7/1/2025 0:05", "2025-12-31 23:00:00", "1/1/26 9:00"),
    ),
    (
        "RecordedDate",
        "Recorded Date",
        {"ImportId": "recordedDate", **_DENVER},
        ("4/21/25 12:13", "7/1/2025 0:07", "2025-12-31 23:30:10", "1/8/26 9:00"),
    ),
    ("Status", "Response Type", {"ImportId": "status"}, ("0", "0", "1", "0")),
    ("Finished", "Finished", {"ImportId": "finished"}, ("1", "1", "1", "0")),
    ("ResponseId", "Response ID", {"ImportId": "_recordId"}, ("R_1", "R_2", "R_3", "R_4")),
    ("LocationLatitude", "Latitude", {"ImportId": "locationLatitude"}, ("48.5", "", "", "")),
    ("NPS_NPS_GROUP", "Group", {"ImportId": "QID1_NPS_GROUP"}, ("3", "1", "", "")),
    ("NPS", "Would you recommend us?", {"ImportId": "QID1"}, ("9", "0", "", "")),
    ("Channel", "Which channel?", {"ImportId": "QID2"}, ("Web shop", "Shop", "Other", "")),
    ("Channel_30_TEXT", "Which? - Text", {"ImportId": "QID2_3_TEXT"}, ("", "", "Fax", "")),
    ("Rate_1", "Rate us - Speed", {"ImportId": "QID3_1"}, ("1", "2", "", "")),
    ("Rate_2", "Rate us - Price", {"ImportId": "QID3_4"}, ("3", "", "", "")),
    ("Tick_1_1", "Tick - Row - Yes", {"ImportId": "QID4_1_1"}, ("1", "", "", "")),
    ("Tick_1_2", "Tick - Row - Also", {"ImportId": "QID4_1_2"}, ("1", "1", "", "")),
    ("More", "Say\nmore", {"ImportId": "QID5_TEXT"}, ('one\r\ntwo, "three"', "3.5", "", "")),
    ("Time_Click", "Timing", {"ImportId": "QID6_FIRST_CLICK"}, ("1.25", "", "", "")),
    ("1_Loop", "And for A?", {"ImportId": "1_QID7"}, ("1", "", "", "")),
    ("2_Loop", "And for B?", {"ImportId": "2_QID7"}, ("", "2", "", "")),
    ("Old", "Thrown away", {"ImportId": "QID8"}, ("1", "", "", "")),
    ("Why", "Why?", {"ImportId": "QID9"}, ("", "1", "", "")),
    (
        "Well_1",
        "What went well? - Selected Choice - Advice",
        {"ImportId": "QID12", "choiceId": "1"},
        ("1", "", "", ""),
    ),
    (
        "Well_2",
        "What went well? - Selected Choice - Other",
        {"ImportId": "QID12", "choiceId": "2"},
        ("1", "", "", ""),
    ),
    ("Well_2_TEXT", "What? - Text", {"ImportId": "QID12_2_TEXT"}, ("tea", "", "", "")),
    (
        "Well_9",
        "What went well? - Selected Choice - None",
        {"ImportId": "QID12", "choiceId": "3"},
        ("", "1", "", ""),
    ),
    ("Well_DO_1", "Order", {"ImportId": "QID12_DO", "choiceId": "1"}, ("2", "", "", "")),
    ("Well_DO_2", "Order", {"ImportId": "QID12_DO", "choiceId": "2"}, ("1", "", "", "")),
    ("Region", "Region", {"ImportId": "Region"}, ("North", "South", "", "1.5")),
    ("FL_4_DO_FL_5", "Order", {"ImportId": "FL_4_DO", "choiceId": "FL_5"}, ("1", "1", "", "")),
    ("SC0", "Score", {"ImportId": "SC_abc"}, ("7.5", "3", "", "")),
    ("Panel", "Panel", "Panel", ("a", "b", "", "")),
    ("", "", "", ("x", "", "", "")),
]


def write_survey(
    folder: Path,
    definition: Mapping[str, Any] = DEFINITION,
    columns: list[Any] | None = None,
    name: str = "survey.json",
) -> Path:
    """Write the folder of a survey, by default the one with many features."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(definition), encoding="utf-8")
    kept = COLUMNS if columns is None else columns
    with (folder / "responses.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([header for header, _, _, _ in kept])
        writer.writerow([text for _, text, _, _ in kept])
        writer.writerow([k if isinstance(k, str) else json.dumps(k) for _, _, k, _ in kept])
        writer.writerows(zip(*(cells for _, _, _, cells in kept), strict=True))
    return folder


class Client:
    """Calls one sandbox."""

    def __init__(self, server: SandboxServer, token: str | None = TOKEN) -> None:
        self.server = server
        self.state = server.state
        headers = {} if token is None else {"X-API-TOKEN": token}
        self.http = httpx.Client(
            base_url=server.url,
            headers=headers,
            trust_env=False,
            verify=PLAIN_HTTP,
            timeout=180,  # Writing a large export takes long on a busy machine.
        )

    def get(self, path: str, **options: Json) -> httpx.Response:
        """Send a GET request to a route of the API."""
        return self.http.get(f"/API/v3{path}", **options)

    def start(self, body: object, survey: str = SURVEY) -> httpx.Response:
        """Start an export."""
        return self.http.post(f"/API/v3/surveys/{survey}/export-responses", json=body)

    def progress(self, started: httpx.Response, survey: str = SURVEY) -> dict[str, Any]:
        """Return the progress of an export."""
        progress_id = started.json()["result"]["progressId"]
        answer = self.get(f"/surveys/{survey}/export-responses/{progress_id}")
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def fetch(self, body: object, survey: str = SURVEY) -> httpx.Response:
        """Run an export and return the response with its file."""
        started = self.start(body, survey)
        assert started.status_code == 200, started.text
        result = self.progress(started, survey)
        while result["status"] == "inProgress":
            result = self.progress(started, survey)
        return self.get(f"/surveys/{survey}/export-responses/{result['fileId']}/file")

    def text(self, body: object, survey: str = SURVEY) -> str:
        """Run an export and return the text of its only member."""
        with zipfile.ZipFile(io.BytesIO(self.fetch(body, survey).content)) as archive:
            (member,) = archive.namelist()
            return archive.read(member).decode()

    def rows(self, survey: str = SURVEY, **options: Json) -> list[list[str]]:
        """Run a CSV export and return its records, including the three header rows."""
        text = self.text({"format": "csv", **options}, survey)
        return list(csv.reader(io.StringIO(text, newline="")))

    def columns(self, survey: str = SURVEY, **options: Json) -> dict[str, list[str]]:
        """Run a CSV export and return the cells of each column by row 3."""
        rows = self.rows(survey, **options)
        return {key: [row[i] for row in rows[3:]] for i, key in enumerate(rows[2])}

    def control(self, path: str, body: object = None, method: str = "POST") -> httpx.Response:
        """Call the control interface without a token."""
        return self.bare(method, f"/__sandbox__{path}", json=body)

    def bare(self, method: str, path: str, **options: Json) -> httpx.Response:
        """Send a request without the token."""
        url = f"{self.server.url}{path}"
        return httpx.request(method, url, trust_env=False, verify=PLAIN_HTTP, **options)


@contextmanager
def running(folder: Path | None, **options: Json) -> Iterator[Client]:
    """Serve a folder, by default with a fixed clock."""
    with SandboxServer(folder, token=TOKEN, **{"now": lambda: NOW, **options}) as server:
        client = Client(server)
        with client.http:
            yield client
