"""Tests of reading folders of surveys."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests.support import (
    COLUMNS,
    DEFINITION,
    SURVEY,
    Json,
    running,
    write_survey,
)
from smaply_metrics_qualtrics_sandbox import SandboxError, SandboxServer, SurveyFolderError

QSF: dict[str, Any] = {
    "SurveyEntry": {
        "SurveyID": SURVEY,
        "SurveyName": "From a QSF file",
        "SurveyOwnerID": "UR_1",
        "SurveyBrandID": "brand",
        "DivisionID": "DV_1",
        "SurveyLanguage": "EN",
        "SurveyActiveResponseSet": "RS_1",
        "SurveyStatus": "Inactive",
        "SurveyStartDate": "0000-00-00 00:00:00",
        "SurveyExpirationDate": "0000-00-00 00:00:00",
        "SurveyCreationDate": "2025-03-21 12:05:44",
        "CreatorID": "UR_2",
        "LastModified": "2025-07-09 15:47:21",
        "LastAccessed": "0000-00-00 00:00:00",
        "LastActivated": "2025-06-13 03:27:32",
    },
    "SurveyElements": [
        {
            "Element": "BL",
            "PrimaryAttribute": "Survey Blocks",
            "Payload": [
                {
                    "Type": "Default",
                    "ID": "BL_1",
                    "BlockElements": [{"Type": "Question", "QuestionID": "QID1"}],
                },
                {"Type": "Trash", "ID": "BL_2"},
            ],
        },
        {"Element": "FL", "Payload": {"Type": "Root", "FlowID": "FL_1", "Flow": []}},
        {"Element": "QC", "SecondaryAttribute": "12", "Payload": None},
        {"Element": "SO", "Payload": {"BackButton": "false"}},
        {
            "Element": "SQ",
            "PrimaryAttribute": "QID1",
            "Payload": DEFINITION["Questions"]["QID1"],
        },
    ],
}


def refused(folder: Path) -> str:
    """Return the error for an invalid folder."""
    with pytest.raises(SurveyFolderError) as failure:
        SandboxServer(folder, token="token")
    assert str(failure.value.path) in str(failure.value)
    return str(failure.value)


def test_a_qsf_file_becomes_a_definition(tmp_path: Path) -> None:
    """Its elements and dates are converted to the format of the API."""
    write_survey(tmp_path / "one", QSF, COLUMNS[:8], name="survey.qsf")
    with running(tmp_path) as client:
        result = client.get(f"/survey-definitions/{SURVEY}").json()["result"]
    assert result["SurveyName"] == "From a QSF file"
    assert result["QuestionCount"] == "12"
    assert result["LastModified"] == "2025-07-09T15:47:21Z"
    assert result["LastAccessed"] is None
    assert result["SurveyOptions"]["SurveyCreationDate"] == "2025-03-21T12:05:44Z"
    assert result["SurveyOptions"]["BackButton"] == "false"
    assert result["Blocks"]["BL_2"]["BlockElements"] == []
    assert list(result["Questions"]) == ["QID1"]
    assert result["DivisionID"] == "DV_1"
    assert result["BrandBaseURL"] == "https://brand.qualtrics.com"


def test_a_definition_can_have_an_envelope(tmp_path: Path) -> None:
    """A saved response is served without its envelope."""
    envelope = {"result": DEFINITION, "meta": {"httpStatus": "200 - OK"}}
    write_survey(tmp_path / "one", envelope)
    with running(tmp_path) as client:
        assert client.get(f"/surveys/{SURVEY}").status_code == 200


def test_other_files_are_ignored(tmp_path: Path) -> None:
    """Other files and folders have no effect."""
    write_survey(tmp_path / "one")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "three_header_rows.csv").write_text("a,b")
    (tmp_path / "empty").mkdir()
    with running(tmp_path) as client:
        assert len(client.get("/surveys").json()["result"]["elements"]) == 1


def test_a_byte_order_mark_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    """Spreadsheets add both."""
    folder = write_survey(tmp_path / "one")
    responses = folder / "responses.csv"
    text = responses.read_text(encoding="utf-8")
    responses.write_text(text + "\r\n\r\n", encoding="utf-8-sig")
    with running(tmp_path) as client:
        rows = client.rows()
    assert rows[0][0] == "StartDate"
    assert len(rows) == 7


def test_a_missing_status_column_stays_missing(tmp_path: Path) -> None:
    """Exports have no status, and responses can be added."""
    columns = [column for column in COLUMNS if column[0] not in {"Status", "ResponseId"}]
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        client.state.add_responses(SURVEY, [{"QID1": 3}])
        rows = client.rows(surveyMetadataIds=["status", "recordedDate"])
        (response, *_) = json.loads(client.text({"format": "json"}))["responses"]
    assert rows[0][0] == "RecordedDate"
    assert "Status" not in rows[0]
    assert len(rows) == 8
    assert response["responseId"].startswith("R_")


@pytest.mark.parametrize(
    ("cell", "utc"),
    [
        ("4/21/25 12:11", "2025-04-21 18:11:00"),
        ("4/21/2025 12:11:30", "2025-04-21 18:11:30"),
        ("12/1/2025 1:05", "2025-12-01 08:05:00"),
        ("4/21/25 12:11 AM", "2025-04-21 06:11:00"),
        ("4/21/25 12:11 pm", "2025-04-21 18:11:00"),
        ("2025-04-21 12:11:30", "2025-04-21 18:11:30"),
        ("2025-04-21 12:11", "2025-04-21 18:11:00"),
        ("2025-04-21T12:11:30Z", "2025-04-21 12:11:30"),
        ("2025-04-21T12:11:30.123+02:00", "2025-04-21 10:11:30"),
        (" 2025-04-21 ", "2025-04-21 06:00:00"),
        ("", ""),
    ],
)
def test_dates_of_spreadsheets_are_normalised(tmp_path: Path, cell: str, utc: str) -> None:
    """All date formats are exported in one format in UTC."""
    columns = [*COLUMNS]
    columns[1] = (*columns[1][:3], (cell, "4/21/25 12:11", "4/21/25 12:11", "4/21/25 12:11"))
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        assert client.rows()[3][1] == utc


@pytest.mark.parametrize(
    ("cells", "recodes"),
    [
        (("10", "20", "30", ""), ["10", "20", "30", ""]),
        (("1", "2", "3", ""), ["10", "20", "30", ""]),
        (("Web shop", "Shop", "Other", ""), ["10", "20", "30", ""]),
        (("Web shop", "Shop", "closed since", "-99"), ["10", "20", "closed since", "-99"]),
    ],
)
def test_the_format_of_answers_is_detected(
    tmp_path: Path, cells: tuple[str, str, str, str], recodes: list[str]
) -> None:
    """Recodes, ids and labels are detected; unknown cells are not converted."""
    columns = [*COLUMNS]
    place = next(i for i, column in enumerate(columns) if column[0] == "Channel")
    columns[place] = (*columns[place][:3], cells)
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        assert [row[place] for row in client.rows()[3:]] == recodes


def test_labels_in_choice_columns_are_ticks(tmp_path: Path) -> None:
    """The label of a choice in its own column is a tick."""
    columns = [*COLUMNS]
    place = next(i for i, column in enumerate(columns) if column[0] == "Well_9")
    columns[place] = (*columns[place][:3], ("None", "9", "3", ""))
    write_survey(tmp_path / "one", DEFINITION, columns)
    with running(tmp_path) as client:
        assert client.columns()['{"ImportId": "QID12", "choiceId": "3"}'] == ["1", "1", "1", ""]


def test_questions_under_a_branch_are_not_always_seen(tmp_path: Path) -> None:
    """The same applies to a randomizer that shows only a subset."""
    question = {"QuestionType": "MC", "Selector": "SAVR", "Choices": {"1": {"Display": "Yes"}}}
    definition = copy.deepcopy(DEFINITION)
    definition["Questions"] = {f"QID{n}": {**question} for n in range(1, 5)}
    definition["Blocks"] = {
        f"BL_{n}": {
            "Type": "Standard",
            "ID": f"BL_{n}",
            "BlockElements": [{"Type": "Question", "QuestionID": f"QID{n}"}],
        }
        for n in range(1, 5)
    }

    def block(number: int) -> Json:
        return {"Type": "Standard", "ID": f"BL_{number}", "FlowID": f"FL_{number}"}

    def part(subset: object, *children: Json) -> Json:
        return {"Type": "BlockRandomizer", "SubSet": subset, "Flow": list(children)}

    definition["SurveyFlow"]["Flow"] = [
        {"Type": "Group", "Flow": [block(1)]},
        {"Type": "Branch", "Flow": [{"Type": "Group", "Flow": [block(2)]}]},
        part("1", block(3), block(3)),
        part(2, block(4), block(4)),
    ]
    columns: list[Json] = [("Finished", "Finished", {"ImportId": "finished"}, ("1",))]
    columns += [(f"Q{n}", "Q", {"ImportId": f"QID{n}"}, ("",)) for n in range(1, 5)]
    write_survey(tmp_path / "one", definition, columns)
    with running(tmp_path) as client:
        assert client.rows(seenUnansweredRecode=-99)[3] == ["1", "-99", "", "", "-99"]


def test_unusual_questions_and_columns_are_served(tmp_path: Path) -> None:
    """Side by side, matrix texts, sliders, deleted questions, unusual recodes, carried choices."""
    definition = copy.deepcopy(DEFINITION)
    matrix = {"QuestionType": "Matrix", "Selector": "Likert", "SubSelector": "SingleAnswer"}
    definition["Questions"] = {
        "QID1": {
            "QuestionType": "SBS",
            "Selector": "SBSMatrix",
            "AdditionalQuestions": {
                "1": {
                    **matrix,
                    "Choices": {"1": {"Display": "Row"}},
                    "Answers": {"1": {"Display": "Low"}, "2": {"Display": "High"}},
                    "RecodeValues": {"1": "a", "2": "b"},
                }
            },
        },
        "QID2": {**matrix, "Selector": "TE", "Choices": {"1": {"Display": "Row"}}},
        "QID3": {"QuestionType": "Slider", "Choices": {"1": {"Display": "Warmth"}}},
        "QID4": {
            "QuestionType": "MC",
            "Selector": "MAVR",
            "Choices": [],
            "QuestionDescription": "carried",
            "Configuration": {"QuestionDescriptionOption": "SpecifyLabel"},
        },
    }
    definition["Blocks"] = {}
    columns: list[Json] = [
        ("S#1_1", "S", {"ImportId": "QID1#1_1"}, ("High",)),
        ("T_1_1", "T", {"ImportId": "QID2_1_1"}, ("2.5",)),
        ("L_1", "L", {"ImportId": "QID3_1"}, ("2.5",)),
        ("C_x1", "C", {"ImportId": "QID4", "choiceId": "x1"}, ("1",)),
        ("Gone", "G", {"ImportId": "QID77"}, ("4",)),
        ("B_OS", "B", {"ImportId": "QID77_OS"}, ("12.5",)),
        ("Quoted", "Q", "{'ImportId': 'QID78'}", ("old",)),
    ]
    write_survey(tmp_path / "one", definition, columns)
    with running(tmp_path) as client:
        assert client.rows()[3] == ["b", "2.5", "2.5", "1", "4", "12.5"]
        commas = client.rows(useLabels=True, formatDecimalAsComma=True, breakoutSets=False)
        assert commas[0] == ["S#1_1", "T_1_1", "L_1", "C", "Gone", "B_OS"]
        assert commas[3] == ["High", "2.5", "2,5", "x1", "4", "12.5"]
        (response,) = json.loads(client.text({"format": "json"}))["responses"]
        assert response["values"]["QID1#1_1"] == "b"
        assert response["values"]["QID4"] == ["x1"]
        assert response["values"]["QID3_1"] == 2.5
        schema = client.get(f"/surveys/{SURVEY}/response-schema").json()["result"]
        answers = schema["properties"]["values"]["properties"]["QID1#1_1"]["oneOf"]
        assert answers[1] == {"label": "High", "const": "b"}
        view = client.get(f"/surveys/{SURVEY}").json()["result"]
        assert view["questions"]["QID4"]["questionLabel"] == "carried"
        client.state.delete_question(SURVEY, "QID3", to_trash=True)
        blocks = client.get(f"/survey-definitions/{SURVEY}").json()["result"]["Blocks"]
        assert [block["Type"] for block in blocks.values()] == ["Trash"]


def test_a_folder_must_contain_a_survey(tmp_path: Path) -> None:
    """The error lists the required files."""
    assert "NAME/survey.qsf" in refused(tmp_path)
    assert "not a folder" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "not a JSON file"),
        ("[]", "is not a survey"),
        ("{}", "SurveyID is missing"),
        ('{"SurveyID": 5, "SurveyName": "x", "Questions": {}}', "SurveyID is missing or"),
        ('{"SurveyID": "SV_1", "SurveyName": "x", "Questions": []}', "Questions is missing or"),
        ('{"SurveyID": "SV_1", "SurveyName": "x", "Questions": {"QID1": 1}}', "question QID1"),
        ('{"SurveyElements": [], "SurveyEntry": null}', "SurveyEntry"),
        ('{"SurveyElements": [1], "SurveyEntry": {}}', "an element of SurveyElements"),
        (
            '{"SurveyID": "SV_1", "SurveyName": "x", "Questions": {}, "Blocks": []}',
            "Blocks is not an object",
        ),
    ],
)
def test_an_invalid_definition_is_rejected(tmp_path: Path, content: str, expected: str) -> None:
    """The error states what is wrong."""
    folder = write_survey(tmp_path / "one")
    (folder / "survey.json").write_text(content)
    message = refused(tmp_path)
    assert "survey.json" in message
    assert expected in message


def test_conflicting_files_are_rejected(tmp_path: Path) -> None:
    """Two surveys with one id, two definitions, responses without a survey."""
    write_survey(tmp_path / "one")
    write_survey(tmp_path / "two")
    assert f"survey {SURVEY} is already in" in refused(tmp_path)
    (tmp_path / "two" / "survey.json").unlink()
    assert "no survey.qsf or survey.json" in refused(tmp_path)
    (tmp_path / "two" / "responses.csv").unlink()
    (tmp_path / "one" / "survey.qsf").write_text("{}")
    assert "keep one" in refused(tmp_path)
    (tmp_path / "one" / "survey.qsf").unlink()
    (tmp_path / "one" / "responses.csv").unlink()
    assert "this file is missing" in refused(tmp_path)


def test_invalid_responses_are_rejected(tmp_path: Path) -> None:
    """Missing header rows, ragged rows, invalid UTF-8, invalid dates."""
    responses = write_survey(tmp_path / "one") / "responses.csv"
    good = responses.read_bytes().decode()
    for content, expected in (
        ("", "three header rows"),
        ("A,B\nA,B\n", "three header rows"),
        ("A,B\nA,B\nA\n1,2\n", "three header rows"),
        ("A,B\nA,B\nA,B\n1,2\n", "no {"),
        (good + "1,2\r\n", "has 2 cells instead of 31"),
        (good.replace("4/21/25 12:13", "at noon"), "column RecordedDate: 'at noon' is not a date"),
        (good.replace("America/Denver", "Mars/Base"), "not an IANA time zone"),
        (good.replace('""status""', '""finished""'), "two columns have the ImportId finished"),
    ):
        responses.write_text(content, encoding="utf-8", newline="")
        message = refused(tmp_path)
        assert "responses.csv" in message
        assert expected in message
    responses.write_bytes(b"\xff\xfe\x00")
    assert "not a UTF-8 CSV file" in refused(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": " "},
        {"token": "tokén"},
        {"page_size": 0},
        {"export_polls": -1},
        {"port": 70000},
    ],
)
def test_invalid_arguments_are_rejected(wrong: Json) -> None:
    """Nothing is served."""
    with pytest.raises(SandboxError):
        SandboxServer(None, **{"token": "token", **wrong})


def test_a_port_in_use_is_rejected(tmp_path: Path) -> None:
    """The error names the port."""
    with running(None) as client:
        port = int(client.server.host.rpartition(":")[2])
        with pytest.raises(SandboxError, match=f"port {port} cannot be used"):
            SandboxServer(None, token="token", port=port).__enter__()


def test_a_sandbox_runs_once() -> None:
    """A stopped sandbox cannot be started again."""
    with running(None) as client:
        pass
    with pytest.raises(SandboxError, match="only run once"):
        client.server.__enter__()
