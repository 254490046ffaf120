"""Tests of what the ImportIds of a file name."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests.support import DEFINITION, SURVEY, Json, running, write_survey
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind, ImportIdParser


def definition_with(fields: list[str], **questions: Json) -> dict[str, Any]:
    """Return the definition with additional embedded fields and questions."""
    definition = copy.deepcopy(DEFINITION)
    definition["SurveyFlow"]["Flow"][0]["EmbeddedData"] += [{"Field": name} for name in fields]
    definition["Questions"] |= questions
    return definition


@pytest.mark.parametrize(
    ("import_id", "loop", "question", "rest"),
    [
        ("QID1", "", "QID1", ""),
        ("QID1_NPS_GROUP", "", "QID1", "_NPS_GROUP"),
        ("QID12_3", "", "QID12", "_3"),
        ("QID3_x4", "", "QID3", "_x4"),
        ("QID2_3_TEXT", "", "QID2", "_3_TEXT"),
        (
            "QID2_TEXT_0123456789abcdef01234567Topics",
            "",
            "QID2",
            "_TEXT_0123456789abcdef01234567Topics",
        ),
        ("QID3#1_2_1", "", "QID3", "#1_2_1"),
        ("QID3_G0_2_RANK", "", "QID3", "_G0_2_RANK"),
        ("QID6_FIRST_CLICK", "", "QID6", "_FIRST_CLICK"),
        ("QID12_DO", "", "QID12", "_DO"),
        ("QIDIntro", "", "QIDIntro", ""),
        ("QIDIntro_4_TEXT", "", "QIDIntro", "_4_TEXT"),
        ("greeting", "", "greeting", ""),
        ("QID1_7", "", "QID1_7", ""),
        ("1_QID7", "1", "QID7", ""),
        ("x2_QID7_4", "x2", "QID7", "_4"),
        ("2_QID8", "2", "QID8", ""),  # In the trash, which is in no loop.
        ("QID77_OS", "", "QID77", "_OS"),  # Deleted.
        ("1_QID77", "1", "QID77", ""),
    ],
)
def test_questions_are_those_of_the_definition(
    import_id: str, loop: str, question: str, rest: str
) -> None:
    """Ids need not be numbers; loops are those of blocks with loop and merge."""
    extra: Json = {name: {"QuestionType": "DB"} for name in ("QIDIntro", "greeting", "QID1_7")}
    found = ImportIdParser(definition_with([], **extra)).parse(import_id, "header")
    assert found.kind is ColumnKind.QUESTION
    assert (found.loop, found.question, found.rest) == (loop, question, rest)


@pytest.mark.parametrize(
    "name",
    [
        "x_QID1",
        "old_QID1",
        "Wave1_QID1",
        "Wave1_QID7",
        "1_QID1",
        "QID1_old",
        "QID1 copy",
        "QIDx",
        "QID",
        "x_QID77",
        "SC_points",
        "SC_0",
        "FL_plan_DO",
        "BL_x_DO",
        "StartDate",
    ],
)
def test_other_names_are_embedded_data(name: str) -> None:
    """Fields can be called like questions, loops, scores and orders, and need not be declared."""
    assert ImportIdParser(DEFINITION).parse(name, name).kind is ColumnKind.EMBEDDED


@pytest.mark.parametrize("name", ["status", "QID1", "1_QID7", "SC_abc", "FL_4_DO", "QID77"])
def test_a_declared_field_takes_precedence(name: str) -> None:
    """The flow declares it, so it is embedded data, whatever its name is."""
    assert ImportIdParser(definition_with([name])).parse(name, name).kind is ColumnKind.EMBEDDED


def test_metadata_keeps_its_column_beside_a_field_of_that_name(tmp_path: Path) -> None:
    """The header distinguishes the two."""
    columns: list[Json] = [
        ("Status", "Response Type", {"ImportId": "status"}, ("0",)),
        ("status", "status", {"ImportId": "status"}, ("gold",)),
    ]
    write_survey(tmp_path / "one", definition_with(["status"]), columns)
    with running(tmp_path) as client:
        assert client.rows(embeddedDataIds=["status"], surveyMetadataIds=[])[3] == ["gold"]
        assert client.rows(embeddedDataIds=[], surveyMetadataIds=["status"])[3] == ["0"]


def test_scores_and_orders_have_assigned_ids() -> None:
    """They are known from the definition, or have an id as Qualtrics assigns them."""
    parser = ImportIdParser(DEFINITION)
    kinds = {
        "SC_abc": ColumnKind.SCORE,
        "SC_9B899jEEz66h0rA": ColumnKind.SCORE,
        "FL_4_DO": ColumnKind.ORDER,
        "FL_99_DO": ColumnKind.ORDER,
        "BL_1_DO": ColumnKind.ORDER,
        "BL_9z6tnZPkYBL62LH_DO": ColumnKind.ORDER,
    }
    assert {name: parser.parse(name, name).kind for name in kinds} == kinds


def test_a_field_that_looks_like_a_question_is_exported_as_a_field(tmp_path: Path) -> None:
    """It is selected by embeddedDataIds, and its cells are not recodes."""
    columns: list[Json] = [
        ("Channel", "Which channel?", {"ImportId": "QID2"}, ("1",)),
        ("x_QID2", "x_QID2", {"ImportId": "x_QID2"}, ("1",)),
        ("SC_points", "SC_points", {"ImportId": "SC_points"}, ("1",)),
    ]
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        assert client.rows()[3] == ["10", "1", "1"]
        assert client.rows(questionIds=["QID2"], embeddedDataIds=[])[0] == ["Channel"]
        assert client.rows(questionIds=[])[0] == ["x_QID2", "SC_points"]
        schema = client.get(f"/surveys/{SURVEY}/response-schema").json()["result"]
    values = schema["properties"]["values"]["properties"]
    assert values["x_QID2"]["dataType"] == values["SC_points"]["dataType"] == "embeddedData"
