"""Tests of the generated surveys."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests import recorded_http
from plugins.qualtrics_sandbox.tests.recorded_http import Recordings
from plugins.qualtrics_sandbox.tests.support import running
from smaply_metrics_qualtrics_sandbox import generate

UNTIL = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated surveys, for tests that only read."""
    folder = tmp_path_factory.mktemp("generated")
    generate(folder, seed=1, until=UNTIL)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def records(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the responses of a generated survey by header."""
    with (folder / name / "responses.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[3:]]


def nps(scores: list[int]) -> float:
    """Return the NPS of some answers."""
    promoters = sum(score >= 9 for score in scores)
    detractors = sum(score <= 6 for score in scores)
    return 100 * (promoters - detractors) / len(scores)


def test_the_output_is_deterministic(folder: Path, tmp_path: Path) -> None:
    """The same seed and time write the same files, in any time zone."""
    elsewhere = UNTIL.astimezone(timezone(timedelta(hours=5)))
    generate(tmp_path / "made" / "on demand", seed=1, until=elsewhere)
    assert contents(tmp_path / "made" / "on demand") == contents(folder)


def test_another_seed_or_time_writes_other_responses(folder: Path, tmp_path: Path) -> None:
    """The survey definitions differ only in dates."""
    generate(tmp_path / "seed", seed=2, until=UNTIL)
    generate(tmp_path / "day", seed=1, until=UNTIL - timedelta(days=1))
    for other in ("seed", "day"):
        changed = contents(tmp_path / other)
        same = {name for name, content in contents(folder).items() if changed[name] == content}
        assert not any(name.endswith("responses.csv") for name in same)
    seeded = contents(tmp_path / "seed")["relationship/survey.json"]
    assert seeded == contents(folder)["relationship/survey.json"]


def test_a_time_without_a_time_zone_is_rejected(tmp_path: Path) -> None:
    """It would depend on the machine."""
    with pytest.raises(ValueError, match="time zone"):
        generate(tmp_path, seed=1, until=datetime(2026, 1, 1))  # noqa: DTZ001 - the invalid argument


def test_the_surveys_resemble_an_account(folder: Path) -> None:
    """Three surveys of different sizes have all kinds of excluded responses."""
    sizes = {name: len(records(folder, name)) for name in ("relationship", "support", "store")}
    assert sizes == {"relationship": 1200, "support": 800, "store": 60}
    for name in sizes:
        found = records(folder, name)
        assert {"0", "1", "2", "4", "8"} == {record["Status"] for record in found}
        assert {"0", "1"} == {record["Finished"] for record in found}
        normal = sum(record["Status"] == "0" and record["Finished"] == "1" for record in found)
        assert normal > 0.7 * len(found)
        assert len({record["ResponseId"] for record in found}) == len(found)


def test_responses_span_eighteen_months(folder: Path) -> None:
    """They are in order, and some are in the last week."""
    for name in ("relationship", "support"):
        dates = [record["RecordedDate"] for record in records(folder, name)]
        assert dates == sorted(dates)
        assert dates[0] >= "2024-11-30"
        assert dates[-1] <= "2026-06-01 14:00:00"
        assert dates[-1] >= "2026-05-25"
        assert len({date[:7] for date in dates}) >= 18


def test_the_nps_rises(folder: Path) -> None:
    """The NPS of the last six months is well above that of the first six."""
    scores = [int(r["NPS"]) for r in records(folder, "relationship") if r["NPS"]]
    third = len(scores) // 3
    assert nps(scores[-third:]) > nps(scores[:third]) + 10
    assert 0 < nps(scores) < 60
    assert set(scores) >= set(range(3, 11))


def test_answers_are_realistic(folder: Path) -> None:
    """There are blanks, not applicable, recodes, exclusive choices, groups and comments."""
    found = records(folder, "relationship")
    satisfaction = Counter(record["Satisfaction"] for record in found)
    assert set(satisfaction) == {"", "1", "2", "3", "4", "5", "99"}
    assert set(Counter(record["Channel"] for record in found)) == {"", "10", "20", "30", "40"}
    groups = {"": "", **{str(s): "1" for s in range(7)}, "7": "2", "8": "2", "9": "3", "10": "3"}
    for record in found:
        assert record["NPS_NPS_GROUP"] == groups[record["NPS"]]
        others = [record[f"Went_well_{choice}"] for choice in range(1, 6)]
        assert not (record["Went_well_6"] and any(others))
        if record["NPS_reason"]:
            assert int(record["NPS"]) <= 6
    comments = "".join(record["Comment"] for record in found)
    assert all(sign in comments for sign in '\n",äöü')
    assert {record["Region"] for record in found} == {"", "North", "South", "East", "West"}


def test_unfinished_responses_are_recorded_a_week_after_their_end(folder: Path) -> None:
    """Their later answers are blank."""
    unfinished = [r for r in records(folder, "relationship") if r["Finished"] == "0"]
    for record in unfinished:
        assert int(record["Progress"]) < 100
        ended = datetime.fromisoformat(record["EndDate"])
        assert datetime.fromisoformat(record["RecordedDate"]) - ended == timedelta(days=7)


def test_the_surveys_can_be_served(folder: Path) -> None:
    """An export equals the file, without questions in the trash."""
    with running(folder, export_polls=0) as client:
        elements = client.get("/surveys").json()["result"]["elements"]
        assert [element["name"] for element in elements] == [
            "Relationship survey",
            "Store pilot: “Grüß Gott” kiosk",
            "Support after-contact survey",
        ]
        rows = client.rows("SV_RelationshipA01", timeZone="Europe/Vienna")
        definition = client.get("/survey-definitions/SV_RelationshipA01").json()["result"]
    with (folder / "relationship" / "responses.csv").open(encoding="utf-8", newline="") as stream:
        assert rows == list(csv.reader(stream))
    assert "QID9" in definition["Questions"]
    assert not any("QID9" in raw for raw in rows[2])


@recorded_http.both
def test_definitions_have_the_format_of_the_recorded_one(
    folder: Path, recordings: Recordings
) -> None:
    """They have the same keys, including those that all questions have."""
    recorded: dict[str, Any] = recordings.body("definition")["result"]
    common = set.intersection(*(set(question) for question in recorded["Questions"].values()))
    for name in ("relationship", "support", "store"):
        ours = json.loads((folder / name / "survey.json").read_text(encoding="utf-8"))
        assert list(ours) == list(recorded)
        for key, value in recorded.items():
            assert isinstance(ours[key], type(value))
        assert set(ours["SurveyOptions"]) <= set(recorded["SurveyOptions"])
        for question in ours["Questions"].values():
            assert common <= set(question)
