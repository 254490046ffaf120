"""Five real studies, served and exported whole; skipped where they aren't at hand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from plugins.qualtrics_sandbox.tests.support import Client, running

STUDIES = Path(__file__).parents[4].parent / "shared" / "qualtrics" / "recorded" / "surveys"
RESPONSES = {
    "consumer_minimalism": 200,
    "privacy": 1200,
    "quantitative_intuition": 1435,
    "recommendation_algorithms": 598,
    "targeting_fairness": 357,
}

pytestmark = pytest.mark.skipif(not STUDIES.is_dir(), reason="the studies are not at hand")


@pytest.fixture(scope="module")
def studies() -> Iterator[Client]:
    """A sandbox that serves the folder of the recordings as it is."""
    with running(STUDIES, export_polls=0) as client:
        yield client


def file_rows(name: str) -> list[list[str]]:
    """Return the records of a study's file."""
    path = STUDIES / name / "responses.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def survey_id(name: str) -> str:
    """Return the id in a study's file."""
    entry = json.loads((STUDIES / name / "survey.qsf").read_text(encoding="utf-8"))["SurveyEntry"]
    found: str = entry["SurveyID"]
    return found


def normalised(cell: str, raw: str) -> str:
    """Return what the API writes for a cell: dates in UTC, the rest as it stands."""
    if '"timeZone"' not in raw or not cell:
        return cell
    key = json.loads(raw)
    short = len(cell.split(maxsplit=1)[0].rpartition("/")[2]) == 2
    form = "%m/%d/%y %H:%M" if short else "%m/%d/%Y %H:%M"
    local = datetime.strptime(cell, form).replace(tzinfo=ZoneInfo(key["timeZone"]))
    return local.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize("name", RESPONSES)
def test_a_study_is_exported_cell_by_cell(studies: Client, name: str) -> None:
    """Every cell of the file, header rows too, but dates in UTC and their zone in row 3."""
    expected = file_rows(name)
    text = studies.text({"format": "csv", "includeDisplayOrder": True}, survey_id(name))
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert len(found) == len(expected) == RESPONSES[name] + 3
    assert found[:2] == expected[:2]
    for ours, theirs in zip(found[2], expected[2], strict=True):
        if '"timeZone"' in theirs:
            assert json.loads(ours) == {**json.loads(theirs), "timeZone": "Z"}
        else:
            assert ours == theirs
    raws = expected[2]
    for cells, row in zip(found[3:], expected[3:], strict=True):
        assert cells == [normalised(cell, raw) for cell, raw in zip(row, raws, strict=True)]


@pytest.mark.parametrize("name", RESPONSES)
def test_a_study_in_its_own_zone_has_its_own_dates(studies: Client, name: str) -> None:
    """Asking for the zone of the file gives back its days and minutes."""
    expected = file_rows(name)
    zone = json.loads(expected[2][0])["timeZone"]
    rows = studies.rows(survey_id(name), timeZone=zone, limit=50)
    for ours, theirs in zip(rows[3:], expected[3:53], strict=True):
        month, day, rest = theirs[0].split("/")
        year, clock = rest.split(" ")
        hour, minute = clock.split(":")
        assert ours[0] == f"20{year[-2:]}-{int(month):02}-{int(day):02} {int(hour):02}:{minute}:00"


@pytest.mark.parametrize("name", RESPONSES)
def test_each_question_of_a_study_can_be_had_alone(studies: Client, name: str) -> None:
    """Its columns are those whose ImportId is its own, whatever the header."""
    keys = [json.loads(raw) for raw in file_rows(name)[2] if raw.startswith("{")]
    questions = studies.get(f"/survey-definitions/{survey_id(name)}").json()["result"]["Questions"]
    asked = [qid for qid in questions if any(qid in key["ImportId"] for key in keys)][:6]
    for qid in asked:
        rows = studies.rows(
            survey_id(name), questionIds=[qid], embeddedDataIds=[], surveyMetadataIds=[], limit=1
        )
        expected = [
            key
            for key in keys
            if qid in key["ImportId"].replace("#", "_").split("_")
            and not key["ImportId"].endswith("_DO")
        ]
        assert [json.loads(raw) for raw in rows[2]] == expected


@pytest.mark.parametrize("name", RESPONSES)
def test_a_study_s_other_routes_and_formats_work(studies: Client, name: str) -> None:
    """Views, schema, JSON, labels and joined choices, for every question type there is."""
    survey = survey_id(name)
    for path in (
        f"/surveys/{survey}",
        f"/surveys/{survey}/response-schema",
        f"/survey-definitions/{survey}/questions",
    ):
        assert studies.get(path).status_code == 200
    responses = json.loads(studies.text({"format": "json"}, survey))["responses"]
    assert len(responses) == RESPONSES[name]
    labelled = studies.rows(survey, useLabels=True, breakoutSets=False, seenUnansweredRecode=-99)
    assert len(labelled) == RESPONSES[name] + 3


def test_split_choices_join_again(studies: Client) -> None:
    """In the study with loops, each loop has its own joined column."""
    survey = survey_id("recommendation_algorithms")
    rows = studies.rows(survey, breakoutSets=False, questionIds=["QID23"], surveyMetadataIds=[])
    keys = [json.loads(raw) for raw in rows[2] if "QID23" in raw]
    assert [key["ImportId"] for key in keys] == [
        "1_QID23",
        "1_QID23_8_TEXT",
        "2_QID23",
        "2_QID23_8_TEXT",
    ]
    split = studies.columns(survey, questionIds=["QID23"], surveyMetadataIds=[])
    ticks = [split[f'{{"ImportId":"1_QID23","choiceId":"{c}"}}'] for c in "12345698"]
    place = rows[2].index('{"ImportId":"1_QID23"}')
    for number, row in enumerate(rows[3:]):
        chosen = [c for c, cells in zip("12345698", ticks, strict=True) if cells[number]]
        assert row[place] == ",".join(chosen)
