"""Tests of JSON and NDJSON exports."""

from __future__ import annotations

import json
from typing import Any

from plugins.qualtrics_sandbox.tests.support import Client, Json


def responses(api: Client, **options: Json) -> list[dict[str, Any]]:
    """Run a JSON export and return its responses."""
    found: list[dict[str, Any]] = json.loads(api.text({"format": "json", **options}))["responses"]
    return found


def test_a_response_has_five_parts(api: Client) -> None:
    """Responses have ids and are in file order."""
    found = responses(api)
    assert [response["responseId"] for response in found] == ["R_1", "R_2", "R_3", "R_4"]
    assert {tuple(response) for response in found} == {
        ("responseId", "values", "labels", "displayedFields", "displayedValues")
    }


def test_values_have_the_types_of_the_api(api: Client) -> None:
    """Codes are numbers, choices are arrays of ids, and texts and embedded data are strings."""
    values = responses(api)[0]["values"]
    assert values["startDate"] == "2025-04-21T18:11:00Z"
    assert values["recordedDate"] == "2025-04-21T18:13:00.000Z"
    assert values["status"] == 0
    assert values["QID1"] == 9
    assert values["QID2"] == 10
    assert values["QID12"] == ["1", "2"]
    assert values["QID4_1"] == ["1", "2"]
    assert values["QID12_DO"] == ["2", "1"]
    assert values["FL_4_DO"] == ["FL_5"]
    assert values["QID5_TEXT"] == 'one\r\ntwo, "three"'
    assert values["QID6_FIRST_CLICK"] == 1.25
    assert values["SC_abc"] == 7.5
    assert values["locationLatitude"] == "48.5"
    assert values["Region"] == "North"


def test_a_blank_cell_is_a_missing_key(api: Client) -> None:
    """There are no null or empty values; numeric text stays text."""
    values = responses(api)[3]["values"]
    assert set(values) == {"startDate", "recordedDate", "status", "finished", "_recordId", "Region"}
    assert values["Region"] == "1.5"


def test_labels_have_the_order_of_values(api: Client) -> None:
    """They have the same order as the choices."""
    labels = responses(api)[0]["labels"]
    assert labels["QID2"] == "Web shop"
    assert labels["QID12"] == ["Advice", "Other"]
    assert labels["QID12_DO"] == ["Other", "Advice"]
    assert labels["FL_4_DO"] == ["Loop"]
    assert labels["QID3_1"] == "Bad"
    assert labels["finished"] == "True"
    assert "QID5_TEXT" not in labels


def test_seen_questions_are_listed(api: Client) -> None:
    """A question that was seen but not answered is displayed without a value."""
    skipped = responses(api)[2]
    assert "QID1" in skipped["displayedFields"]
    assert "QID1" not in skipped["values"]
    assert "QID9" not in skipped["displayedFields"]
    assert skipped["displayedValues"]["QID12"] == [1, 2, 9]
    assert skipped["displayedValues"]["QID2"] == [20, 10, 30]
    assert responses(api)[3]["displayedFields"] == []


def test_filters_apply_to_json(api: Client) -> None:
    """Columns and rows are selected as in CSV."""
    found = responses(api, questionIds=["QID1"], surveyMetadataIds=[], embeddedDataIds=[], limit=1)
    assert [response["values"] for response in found] == [
        {"QID1_NPS_GROUP": 3, "QID1": 9, "FL_4_DO": ["FL_5"]}
    ]
    assert responses(api, questionIds=[], surveyMetadataIds=[], embeddedDataIds=[], limit=1) == [
        {
            "responseId": "R_1",
            "values": {"FL_4_DO": ["FL_5"]},
            "labels": {"FL_4_DO": ["Loop"]},
            "displayedFields": [],
            "displayedValues": {},
        }
    ]


def test_ndjson_has_one_response_per_line(api: Client) -> None:
    """The objects are those of JSON; without responses there is one empty object."""
    lines = api.text({"format": "ndjson"}).splitlines()
    assert [json.loads(line) for line in lines] == responses(api)
    assert api.text({"format": "ndjson", "startDate": "2030-01-01T00:00:00Z"}) == "{}\n"
    assert responses(api, startDate="2030-01-01T00:00:00Z") == []
