"""Tests of read-only routes: whoami, lists, definitions, the older format and the schema."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests.support import (
    DEFINITION,
    SURVEY,
    Client,
    running,
    write_survey,
)


def serve_many(folder: Path, count: int) -> Path:
    """Write several surveys with different ids and names."""
    for number in range(count):
        definition = copy.deepcopy(DEFINITION)
        definition |= {"SurveyID": f"SV_{number:03d}", "SurveyName": f"Survey {number}"}
        write_survey(folder / f"{number:03d}", definition)
    return folder


def test_whoami_names_the_user(api: Client) -> None:
    """The user is fictional."""
    result = api.get("/whoami").json()["result"]
    assert result["email"].endswith("@example.com")
    assert result["datacenter"] == "iad1"
    assert result["userId"].startswith("UR_")


def test_a_list_fits_on_one_page_by_default(api: Client) -> None:
    """There is one survey and no next page."""
    assert api.get("/surveys").json()["result"] == {
        "elements": [
            {
                "id": SURVEY,
                "name": "Everything: a/b?",
                "ownerId": "UR_owner0000000001",
                "lastModified": "2025-06-01T00:00:00Z",
                "creationDate": "2025-01-01T00:00:00Z",
                "isActive": True,
            }
        ],
        "nextPage": None,
    }


def test_pages_are_linked_by_full_urls(tmp_path: Path) -> None:
    """Each survey is on one page, and nextPage is on the requested host."""
    with running(serve_many(tmp_path, 5), page_size=2) as client:
        seen: list[str] = []
        url: str | None = f"{client.server.url}/API/v3/surveys"
        pages = 0
        while url:
            result = client.http.get(url).json()["result"]
            seen += [element["id"] for element in result["elements"]]
            url, pages = result["nextPage"], pages + 1
            assert url is None or url.startswith(f"{client.server.url}/API/v3/surveys?offset=")
        renamed = client.get("/surveys", headers={"Host": "localhost:1"}).json()["result"]
        beyond = client.get("/surveys", params={"offset": 99}).json()["result"]
    assert (pages, seen) == (3, [f"SV_{number:03d}" for number in range(5)])
    assert renamed["nextPage"] == "http://localhost:1/API/v3/surveys?offset=2"
    assert beyond == {"elements": [], "nextPage": None}


def test_a_full_last_page_has_no_next_page(tmp_path: Path) -> None:
    """Four surveys with two per page are two pages."""
    with running(serve_many(tmp_path, 4), page_size=2) as client:
        result = client.get("/surveys", params={"offset": "2"}).json()["result"]
    assert len(result["elements"]) == 2
    assert result["nextPage"] is None


@pytest.mark.parametrize("offset", ["-1", "x", "1.5", ""])
def test_an_invalid_offset_is_a_bad_request(api: Client, offset: str) -> None:
    """It is not interpreted as the first page."""
    answer = api.get("/surveys", params={"offset": offset})
    assert answer.status_code == 400
    assert answer.json()["meta"]["error"]["errorCode"].startswith("QVAL_")


def test_no_folder_is_an_account_without_surveys() -> None:
    """The list is empty."""
    with running(None) as client:
        assert client.get("/surveys").json()["result"] == {"elements": [], "nextPage": None}


def test_a_definition_equals_the_file(api: Client) -> None:
    """Only QuestionText_Unsafe is added to questions."""
    result = api.get(f"/survey-definitions/{SURVEY}").json()["result"]
    for name, value in DEFINITION.items():
        if name != "Questions":
            assert result[name] == value
    assert result["Questions"]["QID2"]["QuestionText_Unsafe"] == "Which channel?"
    assert list(result["Questions"]) == list(DEFINITION["Questions"])


def test_questions_can_be_requested_together_or_separately(api: Client) -> None:
    """The list includes questions in the trash."""
    elements = api.get(f"/survey-definitions/{SURVEY}/questions").json()["result"]["elements"]
    assert [element["QuestionID"] for element in elements] == list(DEFINITION["Questions"])
    one = api.get(f"/survey-definitions/{SURVEY}/questions/QID12").json()["result"]
    assert one == elements[-1]


def test_684_questions_are_in_one_response(tmp_path: Path) -> None:
    """Questions are not paginated."""
    definition: dict[str, Any] = copy.deepcopy(DEFINITION)
    for number in range(100, 774):
        definition["Questions"][f"QID{number}"] = {
            "QuestionText": "x" * 1000,
            "DataExportTag": f"Q{number}",
            "QuestionType": "TE",
            "Selector": "SL",
        }
    write_survey(tmp_path / "large", definition)
    with running(tmp_path, page_size=10) as client:
        result = client.get(f"/survey-definitions/{SURVEY}/questions").json()["result"]
    assert len(result["elements"]) == 684
    assert result["nextPage"] is None


def test_the_older_format_describes_choices_and_columns(api: Client) -> None:
    """It has recodes, labels and sub-questions in lower camel case, without the trash."""
    result = api.get(f"/surveys/{SURVEY}").json()["result"]
    assert "QID8" not in result["questions"]
    assert result["questions"]["QID2"]["choices"]["2"] == {
        "recode": "20",
        "description": "Shop",
        "choiceText": "<i>Store</i>",
        "imageDescription": None,
        "variableName": "Shop",
        "analyze": True,
    }
    assert result["questions"]["QID3"]["choices"]["1"]["recode"] == "-1"
    assert list(result["questions"]["QID3"]["subQuestions"]) == ["1", "4"]
    assert result["exportColumnMap"]["Rate_2"] == {
        "question": "QID3",
        "subQuestion": "QID3.subQuestions.4",
    }
    assert result["exportColumnMap"]["Well_9"] == {
        "question": "QID12",
        "choice": "QID12.choices.3",
    }
    assert result["embeddedData"] == [{"name": "Region", "defaultValue": "North"}]
    assert list(result["blocks"]) == ["BL_1", "BL_3"]
    assert result["responseCounts"]["auditable"] == 4


def test_the_response_schema_maps_keys_to_columns(api: Client) -> None:
    """Each key of a JSON export has a type, a CSV header and labels."""
    schema = api.get(f"/surveys/{SURVEY}/response-schema").json()["result"]
    values = schema["properties"]["values"]["properties"]
    assert values["recordedDate"] == {
        "description": "Recorded Date",
        "type": "string",
        "format": "date-time",
        "exportTag": "RecordedDate",
        "dataType": "metadata",
    }
    assert values["QID2"]["oneOf"] == [
        {"label": "Shop", "const": 20},
        {"label": "Web shop", "const": 10},
        {"label": "Other", "const": 30},
    ]
    assert values["QID12"]["items"]["oneOf"] == [
        {"label": "Advice", "const": "1"},
        {"label": "Other", "const": "2"},
        {"label": "None", "const": "3"},
    ]
    assert values["QID4_1"]["type"] == "array"
    assert values["1_QID7"]["loopNumber"] == "1"
    assert values["1_QID7"]["questionId"] == "QID7"
    assert values["Region"]["dataType"] == "embeddedData"
    assert values["FL_4_DO"]["type"] == "array"
    assert values["SC_abc"]["type"] == "number"
    assert "QID8" not in values
    assert "" not in values
