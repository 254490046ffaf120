"""Tests of validating the body of an export request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests.support import (
    COLUMNS,
    DEFINITION,
    SURVEY,
    Client,
    Json,
    running,
    write_survey,
)
from smaply_metrics_qualtrics_sandbox.exports import export_request


def refusal(api: Client, body: object) -> str:
    """Return the message of a body that is rejected as a bad request."""
    answer = api.start(body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["meta"]["error"]
    assert error["errorCode"].startswith("QVAL_")
    message: str = error["errorMessage"]
    return message


def test_unknown_fields_are_rejected(api: Client) -> None:
    """A misspelt field is not ignored."""
    body = {"format": "csv", "useLabel": True, "zeta": 1}
    assert refusal(api, body) == "Unknown fields are set: useLabel, zeta"


@pytest.mark.parametrize("body", [[], "csv", True, 3])
def test_a_body_that_is_not_an_object_is_rejected(api: Client, body: object) -> None:
    """The message states what is wrong."""
    assert "JSON object" in refusal(api, body)


def test_a_body_that_is_not_json_is_rejected(api: Client) -> None:
    """The message states what is wrong."""
    answer = api.http.post(f"/API/v3/surveys/{SURVEY}/export-responses", content=b"format=csv")
    assert answer.status_code == 400
    assert "not valid JSON" in answer.json()["meta"]["error"]["errorMessage"]


def test_the_format_is_required(api: Client) -> None:
    """The message names the field."""
    assert refusal(api, {}) == "Missing required field: format"


@pytest.mark.parametrize("name", ["CSV", "xlsx", "", "pdf"])
def test_an_unknown_format_is_rejected(api: Client, name: str) -> None:
    """The message lists the valid formats."""
    assert "csv, tsv, json, ndjson, spss, xml" in refusal(api, {"format": name})


def test_unsupported_options_are_rejected(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option is never ignored, nor is a format whose extra is not installed."""
    body: Json = {"format": "csv", "includeWaveWeights": True}
    assert refusal(api, body) == "The sandbox does not support includeWaveWeights."
    monkeypatch.setattr(export_request, "find_spec", lambda _: None)
    assert "extra spss" in refusal(api, {"format": "spss"})


def test_unsupported_options_can_be_off(api: Client) -> None:
    """An option that is set to its default has no effect."""
    off: Json = {"allowContinuation": False, "includeLabelColumns": False, "useLabels": False}
    assert api.rows(**off) == api.rows()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("useLabels", 1),
        ("breakoutSets", "true"),
        ("compress", None),
        ("limit", "5"),
        ("limit", True),
        ("limit", 1.5),
        ("seenUnansweredRecode", "-99"),
        ("questionIds", "QID1"),
        ("questionIds", [1]),
        ("embeddedDataIds", {"Region": True}),
        ("surveyMetadataIds", None),
        ("timeZone", 1),
        ("startDate", 20240101),
        ("format", 7),
        ("newlineReplacement", False),
    ],
)
def test_a_wrong_type_is_rejected(api: Client, name: str, value: object) -> None:
    """The message names the field."""
    assert f"Invalid value for {name}" in refusal(api, {"format": "csv", name: value})


@pytest.mark.parametrize("name", ["startDate", "endDate"])
@pytest.mark.parametrize(
    "value",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.000",
        "0001-01-01T00:00:00+14:00",
        "2024-01-01 00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-01-01T00:00:00+2",
        "yesterday",
        "",
    ],
)
def test_a_date_in_another_format_is_rejected(api: Client, name: str, value: str) -> None:
    """Missing or invalid offsets and invalid days are 400, as in the API."""
    assert f"Invalid value for {name}" in refusal(api, {"format": "csv", name: value})


def test_an_unknown_time_zone_is_rejected(api: Client) -> None:
    """An offset or abbreviation is not an IANA name."""
    for value in ("Mars/Base", "+02:00", "", "../etc/passwd"):
        assert "timeZone" in refusal(api, {"format": "csv", "timeZone": value})


def test_a_limit_must_be_positive(api: Client) -> None:
    """A limit of zero is rejected."""
    assert "positive" in refusal(api, {"format": "csv", "limit": 0})


def test_ids_must_exist(api: Client) -> None:
    """An unknown question id is a bad request; an unknown embedded field is not."""
    wrong = {"format": "csv", "questionIds": ["QID1", "QID99", "NPS"]}
    assert refusal(api, wrong) == "Invalid value for questionIds: NPS, QID99"
    wrong = {"format": "csv", "surveyMetadataIds": ["RecordedDate"]}
    assert refusal(api, wrong) == "Invalid value for surveyMetadataIds: RecordedDate"
    assert api.start({"format": "csv", "embeddedDataIds": ["Nowhere"]}).status_code == 200
    assert api.start({"format": "csv", "questionIds": ["QID8"]}).status_code == 200
    assert api.start({"format": "csv", "surveyMetadataIds": ["externalReference"]}).is_success


@pytest.mark.parametrize(
    "body",
    [
        {"useLabels": True, "includeLabelColumns": True},
        {"allowContinuation": True, "continuationToken": "any"},
        {"allowContinuation": True, "filterId": "any"},
        {"continuationToken": "any", "filterId": "any"},
        {"sortByLastModifiedDate": True, "filterId": "any"},
    ],
)
def test_conflicting_options_are_rejected(api: Client, body: dict[str, Any]) -> None:
    """Both options cannot be set together."""
    assert "cannot both be set" in refusal(api, {"format": "csv", **body})


@pytest.mark.parametrize("name", ["json", "ndjson"])
@pytest.mark.parametrize(
    "option",
    [
        {"includeDisplayOrder": True},
        {"useLabels": True},
        {"formatDecimalAsComma": True},
        {"seenUnansweredRecode": -99},
        {"multiselectSeenUnansweredRecode": 0},
        {"timeZone": "UTC"},
        {"newlineReplacement": " "},
        {"breakoutSets": True},
    ],
)
def test_options_of_text_formats_are_rejected_with_json(
    api: Client, name: str, option: dict[str, Any]
) -> None:
    """They are rejected even with their default values, but have no effect if they are false."""
    (field,) = option
    message = refusal(api, {"format": name, **option})
    assert message == f"Not allowed with the format {name}: {field}"
    assert api.text({"format": name, field: False}) == api.text({"format": name})


def test_a_date_filter_requires_recorded_dates(tmp_path: Path) -> None:
    """A file without RecordedDate cannot be filtered by date."""
    write_survey(tmp_path / "one", DEFINITION, COLUMNS[2:])
    with running(tmp_path) as client:
        message = refusal(client, {"format": "csv", "startDate": "2024-01-01T00:00:00Z"})
        assert "no RecordedDate column" in message
        assert len(client.rows()) == 7
