"""Tests of serving and exporting whole studies."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from plugins.qualtrics_sandbox.tests.studies import catalog, hotel_stay, stream_loops
from plugins.qualtrics_sandbox.tests.studies.catalog import StudyFacts
from plugins.qualtrics_sandbox.tests.support import Client, running
from tests.shared_data import needs_recorded_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all studies."""
    return catalog.gather_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def studies(folder: Path) -> Iterator[Client]:
    """A sandbox that serves all studies."""
    with running(folder, export_polls=0) as client:
        yield client


def file_rows(study: Path) -> list[list[str]]:
    """Return the records in the file of a study."""
    with (study / "responses.csv").open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def downloaded_rows(study: Path) -> list[list[str]]:
    """Return the records in the file of a study, without the columns that people added later."""
    rows = file_rows(study)
    kept = [place for place, raw in enumerate(rows[2]) if raw.startswith("{")]
    return [[row[place] for place in kept] for row in rows]


def survey_id(study: Path) -> str:
    """Return the survey id in the file of a study."""
    path = study / "survey.qsf"
    if path.is_file():
        entry = json.loads(path.read_text(encoding="utf-8"))["SurveyEntry"]
    else:
        entry = json.loads((study / "survey.json").read_text(encoding="utf-8"))["result"]
    found: str = entry["SurveyID"]
    return found


def moment(cell: str, zone: str) -> datetime:
    """Return the time of a date in spreadsheet or export format."""
    if "/" not in cell:
        found = datetime.fromisoformat(cell)
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    short = len(cell.split(maxsplit=1)[0].rpartition("/")[2]) == 2
    form = "%m/%d/%y %H:%M" if short else "%m/%d/%Y %H:%M"
    return datetime.strptime(cell, form).replace(tzinfo=ZoneInfo(zone))


def normalised(cell: str, raw: str) -> str:
    """Return a cell as the API exports it: dates in UTC, other cells unchanged."""
    if '"timeZone"' not in raw or not cell:
        return cell
    at = moment(cell, json.loads(raw)["timeZone"])
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


@catalog.every_study
def test_an_export_equals_the_file(studies: Client, folder: Path, facts: StudyFacts) -> None:
    """All cells and header rows are equal, except added columns, and that dates are in UTC."""
    expected = downloaded_rows(folder / facts.name)
    text = studies.text(
        {"format": "csv", "includeDisplayOrder": True}, survey_id(folder / facts.name)
    )
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert len(found) == len(expected) == facts.rows + 3
    assert found[:2] == expected[:2]
    for ours, theirs in zip(found[2], expected[2], strict=True):
        if '"timeZone"' in theirs:
            assert json.loads(ours) == {**json.loads(theirs), "timeZone": "Z"}
        else:
            assert ours == theirs
    raws = expected[2]
    for cells, row in zip(found[3:], expected[3:], strict=True):
        assert cells == [normalised(cell, raw) for cell, raw in zip(row, raws, strict=True)]


@catalog.every_study
def test_an_export_in_the_time_zone_of_the_file_has_its_dates(
    studies: Client, folder: Path, facts: StudyFacts
) -> None:
    """Days and minutes equal those in the file."""
    expected = file_rows(folder / facts.name)
    zone = json.loads(expected[2][0])["timeZone"]
    rows = studies.rows(survey_id(folder / facts.name), timeZone=zone, limit=50)
    for ours, theirs in zip(rows[3:], expected[3:53], strict=True):
        assert ours[0] == moment(theirs[0], zone).strftime("%Y-%m-%d %H:%M:%S")


@catalog.every_study
def test_each_question_can_be_exported_separately(
    studies: Client, folder: Path, facts: StudyFacts
) -> None:
    """Its columns are selected by ImportId, not by header."""
    keys = [json.loads(raw) for raw in file_rows(folder / facts.name)[2] if raw.startswith("{")]
    questions = studies.get(f"/survey-definitions/{survey_id(folder / facts.name)}").json()[
        "result"
    ]["Questions"]
    asked = [qid for qid in questions if any(qid in key["ImportId"] for key in keys)][:6]
    for qid in asked:
        rows = studies.rows(
            survey_id(folder / facts.name),
            questionIds=[qid],
            embeddedDataIds=[],
            surveyMetadataIds=[],
            limit=1,
        )
        expected = [
            key
            for key in keys
            if qid in key["ImportId"].replace("#", "_").split("_")
            and not key["ImportId"].endswith("_DO")
        ]
        assert [json.loads(raw) for raw in rows[2]] == expected


@catalog.every_study
def test_other_routes_and_formats_work(studies: Client, folder: Path, facts: StudyFacts) -> None:
    """Views, schema, JSON, labels and joined choices work for every question type."""
    survey = survey_id(folder / facts.name)
    for path in (
        f"/surveys/{survey}",
        f"/surveys/{survey}/response-schema",
        f"/survey-definitions/{survey}/questions",
    ):
        assert studies.get(path).status_code == 200
    responses = json.loads(studies.text({"format": "json"}, survey))["responses"]
    assert len(responses) == facts.rows
    labelled = studies.rows(survey, useLabels=True, breakoutSets=False, seenUnansweredRecode=-99)
    assert len(labelled) == facts.rows + 3


@pytest.mark.parametrize(
    ("name", "qid", "choices"),
    [
        pytest.param("stream_loops", "QID16", "158", id="stream_loops"),
        pytest.param(
            "recommendation_algorithms",
            "QID23",
            "12345698",
            id="recommendation_algorithms",
            marks=needs_recorded_data,
        ),
    ],
)
def test_split_choices_can_be_joined(
    studies: Client, folder: Path, name: str, qid: str, choices: str
) -> None:
    """Each loop has its own joined column, and choice 8 has a text."""
    survey = survey_id(folder / name)
    rows = studies.rows(survey, breakoutSets=False, questionIds=[qid], surveyMetadataIds=[])
    keys = [json.loads(raw) for raw in rows[2] if qid in raw]
    assert [key["ImportId"] for key in keys] == [
        f"1_{qid}",
        f"1_{qid}_8_TEXT",
        f"2_{qid}",
        f"2_{qid}_8_TEXT",
    ]
    split = studies.columns(survey, questionIds=[qid], surveyMetadataIds=[])
    ticks = [split[f'{{"ImportId":"1_{qid}","choiceId":"{c}"}}'] for c in choices]
    place = rows[2].index(f'{{"ImportId":"1_{qid}"}}')
    for number, row in enumerate(rows[3:]):
        chosen = [c for c, cells in zip(choices, ticks, strict=True) if cells[number]]
        assert row[place] == ",".join(chosen)


def test_questions_seen_and_not_answered_are_marked(studies: Client) -> None:
    """A finished response has seen all questions without display logic; others, what they answered.

    The question about the room is blank in 8 responses, every seventh one from 4. Only response 39
    of these is unfinished, so 7 have seen the question.
    """
    columns = studies.columns(
        hotel_stay.SURVEY_ID, seenUnansweredRecode=-99, questionIds=["QID3", "QID13"]
    )
    assert Counter(columns['{"ImportId":"QID3"}']) == {
        "5": 9,
        "4": 9,
        "9": 9,
        "1": 9,
        "-99": 7,
        "": 1,
        "2": 8,
        "3": 8,
    }
    assert Counter(columns['{"ImportId":"QID13"}']) == {"": 48, "2": 6, "4": 6}


def test_labels_are_plain_text(studies: Client) -> None:
    """HTML is removed, recodes become labels, and each loop has the labels of the choices."""
    columns = studies.columns(hotel_stay.SURVEY_ID, useLabels=True, limit=7)
    assert columns['{"ImportId":"QID3"}'] == [
        "1: Very good",
        "Good",
        "Not applicable",
        "Poor",
        "",
        "Poor",
        "Fair",
    ]
    looped = studies.columns(stream_loops.SURVEY_ID, useLabels=True, limit=3)
    assert looped['{"ImportId":"1_QID30"}'] == ["Daily", "", "Never"]
    assert looped['{"ImportId":"2_QID30"}'] == ["Daily", "Weekly", ""]
