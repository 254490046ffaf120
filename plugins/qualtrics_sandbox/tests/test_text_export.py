"""CSV and TSV exports: which columns, which rows, which cells."""

from __future__ import annotations

import csv
import io
import json

import pytest

from plugins.qualtrics_sandbox.tests.support import COLUMNS, Client, Json


def short(columns: dict[str, list[str]]) -> list[str]:
    """Return the ImportIds of an export, with their choice after a colon."""
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


def test_everything_comes_without_filters_but_orders_and_trash(api: Client) -> None:
    """Orders of display have to be asked for, and questions in the trash have no columns."""
    assert short(api.columns()) == [*METADATA, *QUESTIONS, "Region", "SC_abc", "Panel", ""]


def test_orders_come_when_asked_for(api: Client) -> None:
    """Those of questions and those of the flow."""
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
def test_a_question_keeps_all_its_columns_and_no_other(
    api: Client, wanted: list[str], found: list[str]
) -> None:
    """QID1 isn't taken for QID12, and rows, texts, groups and loops come with their question."""
    assert short(api.columns(**{**NONE, "questionIds": wanted})) == found


def test_orders_of_a_question_come_with_it(api: Client) -> None:
    """With a filter on questions, the orders of the flow stay away."""
    options: Json = {**NONE, "questionIds": ["QID12"], "includeDisplayOrder": True}
    assert short(api.columns(**options))[-2:] == ["QID12_DO:1", "QID12_DO:2"]


def test_each_filter_is_for_its_own_kind(api: Client) -> None:
    """A filter on one kind keeps the others whole."""
    assert short(api.columns(surveyMetadataIds=["recordedDate", "_recordId"])) == [
        "recordedDate",
        "_recordId",
        *QUESTIONS,
        "Region",
        "SC_abc",
        "Panel",
    ]
    assert short(api.columns(embeddedDataIds=["Region", "NoSuchField"])) == [
        *METADATA,
        *QUESTIONS,
        "Region",
        "SC_abc",
    ]
    assert short(api.columns(questionIds=[])) == [*METADATA, "Region", "Panel"]


def test_cells_are_recodes_whatever_the_file_writes(api: Client) -> None:
    """Labels and choice ids of the file become the numbers that the API exports."""
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


def test_dates_are_utc_unless_a_zone_is_asked_for(api: Client) -> None:
    """The file's own zone, summer time too, is taken into account; row 3 names the zone."""
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
    """Both compare the moment of recording."""
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


def test_a_range_without_responses_is_a_file_of_headers(api: Client) -> None:
    """Nothing recorded leaves the three header rows."""
    assert len(api.rows(startDate="2030-01-01T00:00:00Z")) == 3


def test_labels_replace_numbers(api: Client) -> None:
    """Variable names go before texts, texts lose their HTML, ticks become the choice."""
    columns = by_header(api, useLabels=True)
    assert columns["Channel"] == ["Web shop", "Shop", "Other", ""]
    assert columns["Rate_1"] == ["Bad", "Fair", "", ""]
    assert columns["Well_2"] == ["Other", "", "", ""]
    assert columns["NPS_NPS_GROUP"] == ["Promoter", "Detractor", "", ""]
    assert columns["NPS"] == ["9", "0", "", ""]
    assert columns["Status"] == ["IP Address", "IP Address", "Survey Preview", "IP Address"]
    assert columns["Finished"] == ["True", "True", "True", "False"]
    assert columns["More"][1] == "3.5"


def test_choices_can_stay_in_one_column(api: Client) -> None:
    """Without breakoutSets a set of choices is one column, its numbers joined by commas."""
    rows = api.rows(**{**NONE, "questionIds": ["QID12", "QID4"]}, breakoutSets=False)
    assert rows[0] == ["Tick_1", "Well", "Well_2_TEXT"]
    assert rows[1][1] == "What went well? - Selected Choice"
    assert rows[2][:2] == ['{"ImportId":"QID4_1"}', '{"ImportId":"QID12"}']
    assert [row[1] for row in rows[3:]] == ["1,2", "9", "", ""]
    assert [row[0] for row in rows[3:]] == ["1,2", "2", "", ""]
    labelled = by_header(api, breakoutSets=False, useLabels=True)
    assert labelled["Well"] == ["Advice,Other", "None", "", ""]


def test_seen_but_unanswered_is_told_apart_from_not_shown(api: Client) -> None:
    """R_3 finished and skipped all; R_4 didn't finish; Why has display logic; loops are loops."""
    columns = by_header(api, seenUnansweredRecode=-99)
    assert columns["NPS"] == ["9", "0", "-99", ""]
    assert columns["Rate_2"] == ["1", "-99", "-99", ""]
    assert columns["Why"] == ["", "1", "", ""]
    assert columns["1_Loop"] == ["1", "", "", ""]
    assert columns["NPS_NPS_GROUP"] == ["3", "1", "", ""]
    assert columns["More"][2] == ""
    assert columns["Well_1"] == ["1", "-99", "-99", ""]


def test_multiple_answers_have_a_recode_of_their_own(api: Client) -> None:
    """It fills the choices that a person saw and didn't tick."""
    columns = by_header(api, seenUnansweredRecode=-99, multiselectSeenUnansweredRecode=0)
    assert columns["Well_9"] == ["0", "1", "0", ""]
    assert columns["NPS"] == ["9", "0", "-99", ""]
    columns = by_header(api, multiselectSeenUnansweredRecode=-50, breakoutSets=False)
    assert columns["Well"] == ["1,2", "9", "-50", ""]
    assert columns["NPS"] == ["9", "0", "", ""]


def test_decimals_can_have_a_comma(api: Client) -> None:
    """In numbers only: a text that looks like one stays."""
    columns = by_header(api, formatDecimalAsComma=True)
    assert columns["Time_Click"][0] == "1,25"
    assert columns["LocationLatitude"][0] == "48,5"
    assert columns["SC0"][0] == "7,5"
    assert columns["More"][1] == "3.5"
    assert columns["Region"][3] == "1.5"


def test_newlines_can_be_replaced(api: Client) -> None:
    """Everywhere in the file, and only when asked for."""
    assert by_header(api)["More"][0] == 'one\r\ntwo, "three"'
    rows = api.rows(newlineReplacement=" / ")
    place = rows[0].index("More")
    assert rows[1][place] == "Say / more"
    assert rows[3][place] == 'one / two, "three"'
    assert by_header(api, newlineReplacement="\\1")["More"][0] == 'one\\1two, "three"'


def test_a_tsv_holds_the_same_cells(api: Client) -> None:
    """Only the delimiter differs."""
    text = api.text({"format": "tsv"})
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    assert rows == api.rows()


def test_the_second_row_is_the_file_s_own(api: Client) -> None:
    """Question texts are served as they stand."""
    rows = api.rows(includeDisplayOrder=True)
    expected = [text for _, text, key, _ in COLUMNS if key != {"ImportId": "QID8"}]
    assert rows[1] == expected
