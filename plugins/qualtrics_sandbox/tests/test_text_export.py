"""Tests of the columns, rows and cells of CSV and TSV exports."""

from __future__ import annotations

import csv
import io
import json

import pytest

from plugins.qualtrics_sandbox.tests.support import COLUMNS, Client, Json


def short(columns: dict[str, list[str]]) -> list[str]:
    """Return the ImportIds of an export, with choices after a colon."""
    names = []
    for raw in columns:
        try:
            key = json.loads(raw)
        except ValueError:
            names.append(raw)
            continue
        names.append(":".join(filter(None, (key["ImportId"], key.get("choiceId")))))
    return names


METADATA = ["startDate", "recordedDate", "status", "finished", "_recordId", "locationLatitude"]
QUESTIONS = [
    "QID1_NPS_GROUP",
    "QID1",
    "QID2",
    "QID2_3_TEXT",
    "QID3_1",
    "QID3_4",
    "QID4_1_1",
    "QID4_1_2",
    "QID5_TEXT",
    "QID6_FIRST_CLICK",
    "1_QID7",
    "2_QID7",
    "QID9",
    "QID12:1",
    "QID12:2",
    "QID12_2_TEXT",
    "QID12:3",
]
NONE: dict[str, Json] = {"embeddedDataIds": [], "surveyMetadataIds": [], "questionIds": []}


def test_an_export_without_filters_has_all_columns(api: Client) -> None:
    """Display orders must be requested, and questions in the trash have no columns."""
    assert short(api.columns()) == [*METADATA, *QUESTIONS, "Region", "SC_abc"]


def test_display_orders_are_exported_on_request(api: Client) -> None:
    """Those of questions and those of the flow are included."""
    found = short(api.columns(includeDisplayOrder=True))
    assert [name for name in found if "_DO" in name] == [
        "QID12_DO:1",
        "QID12_DO:2",
        "FL_4_DO:FL_5",
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["QID1"], ["QID1_NPS_GROUP", "QID1"]),
        (["QID12"], ["QID12:1", "QID12:2", "QID12_2_TEXT", "QID12:3"]),
        (["QID2"], ["QID2", "QID2_3_TEXT"]),
        (["QID3", "QID5"], ["QID3_1", "QID3_4", "QID5_TEXT"]),
        (["QID4"], ["QID4_1_1", "QID4_1_2"]),
        (["QID6"], ["QID6_FIRST_CLICK"]),
        (["QID7"], ["1_QID7", "2_QID7"]),
        (["SC_abc"], ["SC_abc"]),
        (["QID8"], []),
        ([], []),
    ],
)
def test_a_question_filter_includes_all_its_columns(
    api: Client, wanted: list[str], found: list[str]
) -> None:
    """QID1 does not match QID12; rows, texts, groups and loops are included."""
    assert short(api.columns(**{**NONE, "questionIds": wanted})) == found


def test_a_question_filter_includes_its_display_order(api: Client) -> None:
    """Those of other questions are excluded; those of the flow are always included."""
    options: Json = {**NONE, "questionIds": ["QID12"], "includeDisplayOrder": True}
    assert short(api.columns(**options))[-3:] == ["QID12_DO:1", "QID12_DO:2", "FL_4_DO:FL_5"]


def test_each_filter_applies_to_its_kind(api: Client) -> None:
    """Other kinds of columns are not filtered."""
    assert short(api.columns(surveyMetadataIds=["recordedDate", "_recordId"])) == [
        "recordedDate",
        "_recordId",
        *QUESTIONS,
        "Region",
        "SC_abc",
    ]
    assert short(api.columns(embeddedDataIds=["Region", "NoSuchField"])) == [
        *METADATA,
        *QUESTIONS,
        "Region",
        "SC_abc",
    ]
    assert short(api.columns(questionIds=[])) == [*METADATA, "Region"]


def test_cells_are_recodes_in_any_file_format(api: Client) -> None:
    """Labels and choice ids in the file are exported as recodes."""
    columns = by_header(api)
    assert columns["Channel"] == ["10", "20", "30", ""]
    assert columns["Rate_1"] == ["-1", "0", "", ""]
    assert columns["Rate_2"] == ["1", "", "", ""]
    assert columns["NPS"] == ["9", "0", "", ""]
    assert columns["Well_9"] == ["", "1", "", ""]


def named(api: Client, **options: Json) -> tuple[list[str], list[list[str]]]:
    """Return the headers of an export and the cells below each."""
    rows = api.rows(**options)
    return rows[0], [list(cells) for cells in zip(*rows[3:], strict=True)]


def by_header(api: Client, **options: Json) -> dict[str, list[str]]:
    """Return the cells of an export by header."""
    headers, cells = named(api, **options)
    return dict(zip(headers, cells, strict=True))


def test_dates_are_in_utc_by_default(api: Client) -> None:
    """The time zone and daylight saving time of the file are applied; row 3 has the time zone."""
    rows = api.rows()
    assert rows[2][0] == '{"ImportId":"startDate","timeZone":"Z"}'
    assert [row[0] for row in rows[3:]] == [
        "2025-04-21 18:11:00",
        "2025-07-01 06:05:00",
        "2026-01-01 06:00:00",
        "2026-01-01 16:00:00",
    ]
    rows = api.rows(timeZone="Europe/Vienna")
    assert rows[2][0] == '{"ImportId":"startDate","timeZone":"Europe/Vienna"}'
    assert [row[0] for row in rows[3:5]] == ["2025-04-21 20:11:00", "2025-07-01 08:05:00"]


def test_the_start_is_inclusive_and_the_end_exclusive(api: Client) -> None:
    """Both apply to the recorded date."""
    moment, later = "2025-07-01T06:07:00Z", "2025-07-01T06:07:01Z"
    ids = {"surveyMetadataIds": ["_recordId"], "questionIds": ["QID1"], "embeddedDataIds": []}

    def found(**options: Json) -> list[str]:
        return by_header(api, **ids, **options)["ResponseId"]

    assert found(startDate=moment) == ["R_2", "R_3", "R_4"]
    assert found(startDate=later) == ["R_3", "R_4"]
    assert found(endDate=moment) == ["R_1"]
    assert found(endDate=later) == ["R_1", "R_2"]
    assert found(startDate="2025-07-01T08:07:00+02:00", endDate=later) == ["R_2"]
    assert found(limit=2) == ["R_1", "R_2"]
    assert found(startDate=moment, limit=1) == ["R_2"]


def test_a_range_without_responses_has_only_header_rows(api: Client) -> None:
    """The file contains the three header rows."""
    assert len(api.rows(startDate="2030-01-01T00:00:00Z")) == 3


def test_labels_replace_recodes(api: Client) -> None:
    """Variable names take precedence over texts, HTML is removed, and ticks become labels."""
    columns = by_header(api, useLabels=True)
    assert columns["Channel"] == ["Web shop", "Shop", "Other", ""]
    assert columns["Rate_1"] == ["Bad", "Fair", "", ""]
    assert columns["Well_2"] == ["Other", "", "", ""]
    assert columns["NPS_NPS_GROUP"] == ["Promoter", "Detractor", "", ""]
    assert columns["NPS"] == ["9", "0", "", ""]
    assert columns["Status"] == ["IP Address", "IP Address", "Survey Preview", "IP Address"]
    assert columns["Finished"] == ["True", "True", "True", "False"]
    assert columns["More"][1] == "3.5"


def test_choices_can_be_in_one_column(api: Client) -> None:
    """Without breakoutSets a cell contains all selected recodes, joined by commas."""
    rows = api.rows(**{**NONE, "questionIds": ["QID12", "QID4"]}, breakoutSets=False)
    assert rows[0] == ["Tick_1", "Well", "Well_2_TEXT"]
    assert rows[1][1] == "What went well? - Selected Choice"
    assert rows[2][:2] == ['{"ImportId":"QID4_1"}', '{"ImportId":"QID12"}']
    assert [row[1] for row in rows[3:]] == ["1,2", "9", "", ""]
    assert [row[0] for row in rows[3:]] == ["1,2", "2", "", ""]
    labelled = by_header(api, breakoutSets=False, useLabels=True)
    assert labelled["Well"] == ["Advice,Other", "None", "", ""]


def test_seen_but_unanswered_differs_from_not_shown(api: Client) -> None:
    """Unfinished responses, display logic and loops determine what was not shown."""
    columns = by_header(api, seenUnansweredRecode=-99)
    assert columns["NPS"] == ["9", "0", "-99", ""]
    assert columns["Rate_2"] == ["1", "-99", "-99", ""]
    assert columns["Why"] == ["", "1", "", ""]
    assert columns["1_Loop"] == ["1", "", "", ""]
    assert columns["NPS_NPS_GROUP"] == ["3", "1", "", ""]
    assert columns["More"][2] == ""
    assert columns["Well_1"] == ["1", "-99", "-99", ""]


def test_multiple_answers_have_a_separate_recode(api: Client) -> None:
    """It marks the choices that were seen but not selected."""
    columns = by_header(api, seenUnansweredRecode=-99, multiselectSeenUnansweredRecode=0)
    assert columns["Well_9"] == ["0", "1", "0", ""]
    assert columns["NPS"] == ["9", "0", "-99", ""]
    columns = by_header(api, multiselectSeenUnansweredRecode=-50, breakoutSets=False)
    assert columns["Well"] == ["1,2", "9", "-50", ""]
    assert columns["NPS"] == ["9", "0", "", ""]


def test_decimals_can_have_a_comma(api: Client) -> None:
    """Only numbers are converted; similar texts are not."""
    columns = by_header(api, formatDecimalAsComma=True)
    assert columns["Time_Click"][0] == "1,25"
    assert columns["LocationLatitude"][0] == "48,5"
    assert columns["SC0"][0] == "7,5"
    assert columns["More"][1] == "3.5"
    assert columns["Region"][3] == "1.5"


def test_newlines_can_be_replaced(api: Client) -> None:
    """They are replaced in the whole file on request."""
    assert by_header(api)["More"][0] == 'one\r\ntwo, "three"'
    rows = api.rows(newlineReplacement=" / ")
    place = rows[0].index("More")
    assert rows[1][place] == "Say / more"
    assert rows[3][place] == 'one / two, "three"'
    assert by_header(api, newlineReplacement="\\1")["More"][0] == 'one\\1two, "three"'


def test_a_tsv_file_has_the_same_cells(api: Client) -> None:
    """Only the delimiter differs."""
    text = api.text({"format": "tsv"})
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    assert rows == api.rows()


def test_the_second_row_equals_the_file(api: Client) -> None:
    """Question texts are exported unchanged."""
    rows = api.rows(includeDisplayOrder=True)
    kept = [(text, key) for _, text, key, _ in COLUMNS if isinstance(key, dict)]
    expected = [text for text, key in kept if key != {"ImportId": "QID8"}]
    assert rows[1] == expected
