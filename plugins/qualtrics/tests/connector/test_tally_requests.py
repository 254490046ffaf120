"""Tests of exports in formats that the sandbox does not produce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugins.qualtrics.tests.connector.support import (
    SURVEY,
    api_answered_by,
    csv_text,
    envelope,
    mc,
    query,
    survey_definition,
    zipped,
)
from smaply_metrics_core import ExportFailed, MetricQuery, MetricsError, Tally, Window, WindowTally
from smaply_metrics_qualtrics.responses.fetch import fetch

QUESTIONS = {
    "QID1": mc("Rate", {"1": "Bad", "2": "Good"}),
    "QID2": mc("Tick", {"1": "A", "2": "B"}, Selector="MAVR"),
}
RECORDED = {"ImportId": "recordedDate", "timeZone": "UTC"}
COLUMNS: dict[str, object] = {
    "Status": "status",
    "Finished": "finished",
    "RecordedDate": RECORDED,
    "Rate": "QID1",
}
TICKS: dict[str, object] = {
    "RecordedDate": RECORDED,
    "Tick_1": {"ImportId": "QID2", "choiceId": "1"},
    "Tick_2": {"ImportId": "QID2", "choiceId": "2"},
}
DATE = "2026-02-01 09:00:00"
JANUARY = Window(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 2, 1, tzinfo=UTC))
SEEN = "-99887766"


def counted(
    folder: Path,
    metric_query: MetricQuery,
    columns: Mapping[str, object],
    rows: Sequence[Sequence[str]],
    *,
    more: str = "",
    questions: Mapping[str, Mapping[str, Any]] = QUESTIONS,
) -> WindowTally:
    """Answer a query from an export with these rows, or raise its error."""
    file = zipped({"a.csv": csv_text(columns, rows) + more})

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/file"):
            return httpx.Response(200, content=file)
        if "survey-definitions" in path:
            return httpx.Response(200, json=envelope(survey_definition(questions)))
        done = {"progressId": "ES_1", "status": "complete", "fileId": "f", "percentComplete": 100}
        return httpx.Response(200, json=envelope(done))

    with api_answered_by(answer, folder) as (api, context, _):
        ((_, outcome),) = fetch(api, context, SURVEY, [metric_query])
    if isinstance(outcome, MetricsError):
        raise outcome
    assert isinstance(outcome, Tally)
    return outcome.window("current")


def test_status_and_finished_can_be_labels(tmp_path: Path) -> None:
    """Labels are equivalent to codes."""
    words = [
        ("IP Address", "True"),
        ("Imported", "True"),
        ("Survey Preview", "True"),
        ("Survey Test", "True"),
        ("Spam", "False"),
        ("IP Address", "False"),
    ]
    rows = [[status, finished, DATE, "1"] for status, finished in words]
    window = counted(tmp_path, query("responses"), COLUMNS, rows)
    assert window.total.responses == 2
    assert window.excluded == {"preview": 1, "test": 1, "spam": 1, "unfinished": 1}


def test_without_a_status_column_no_response_is_excluded_by_status(tmp_path: Path) -> None:
    """Unfinished responses are excluded only if the column exists."""
    some = {name: COLUMNS[name] for name in ("Finished", "RecordedDate", "Rate")}
    rows = [["0", DATE, "1"], ["1", DATE, "1"]]
    assert counted(tmp_path, query("responses"), some, rows).excluded == {"unfinished": 1}
    few = {name: COLUMNS[name] for name in ("RecordedDate", "Rate")}
    window = counted(tmp_path, query("responses"), few, [[DATE, "1"], [DATE, "1"]])
    assert (window.total.responses, window.excluded) == (2, {})


@pytest.mark.parametrize(
    "date",
    [
        "2026-01-31 23:30:00",
        "2026-01-31T23:30:00Z",
        "2026-01-31T23:30:00.123Z",
        "2026-01-31 23:30:00.5",
    ],
)
def test_dates_are_read_in_both_formats(tmp_path: Path, date: str) -> None:
    """The Qualtrics format and ISO 8601 are equivalent."""
    metric_query = query("responses", windows=[JANUARY])
    rows = [["0", "1", date, "1"], ["0", "1", DATE, "1"], ["0", "1", "", "1"]]
    assert counted(tmp_path, metric_query, COLUMNS, rows).total.responses == 1
    everything = counted(tmp_path, query("responses"), COLUMNS, rows)
    assert everything.total.responses == 3


def test_dates_are_in_the_time_zone_of_the_header(tmp_path: Path) -> None:
    """It can differ from the requested time zone."""
    columns = {**COLUMNS, "RecordedDate": {**RECORDED, "timeZone": "America/New_York"}}
    rows = [["0", "1", "2026-01-31 18:59:59", "1"], ["0", "1", "2026-01-31 19:00:00", "1"]]
    window = counted(tmp_path, query("responses", windows=[JANUARY]), columns, rows)
    assert window.total.responses == 1
    z = {**COLUMNS, "RecordedDate": {**RECORDED, "timeZone": "Z"}}
    assert counted(tmp_path, query("responses", windows=[JANUARY]), z, rows).total.responses == 2


@pytest.mark.parametrize(
    ("zone", "date"),
    [
        ("UTC", "31.01.2026 09:00"),
        ("UTC", "2026-01-31T09:00:00+02:00"),
        ("America/New_York", "2026-01-31T09:00:00Z"),
        ("Middle/Earth", DATE),
        ("../etc", DATE),
        ("", DATE),
    ],
)
def test_an_invalid_date_is_an_error(tmp_path: Path, zone: str, date: str) -> None:
    """An unknown format or time zone fails the export."""
    columns = {**COLUMNS, "RecordedDate": {**RECORDED, "timeZone": zone}}
    with pytest.raises(ExportFailed):
        counted(tmp_path, query("responses", windows=[JANUARY]), columns, [["0", "1", date, "1"]])


def test_a_row_with_too_many_cells_is_an_error(tmp_path: Path) -> None:
    """Rows that do not match the header are damage."""
    with pytest.raises(ExportFailed, match="damaged"):
        counted(tmp_path, query("average", "QID1"), COLUMNS, [], more=f"0,1,{DATE},1,5\n")


def test_without_dates_only_all_time_can_be_counted(tmp_path: Path) -> None:
    """A date range or group by period is an error."""
    columns = {"Status": "status", "Rate": "QID1"}
    rows = [["0", "1"], ["0", "2"]]
    assert counted(tmp_path, query("average", "QID1"), columns, rows).total.answered == 2
    for metric_query in (
        query("average", "QID1", windows=[JANUARY]),
        query("average", "QID1", group_by="period:month"),
    ):
        with pytest.raises(ExportFailed, match="lacks the dates"):
            counted(tmp_path, metric_query, columns, rows)


def test_a_filled_cell_is_a_selected_choice(tmp_path: Path) -> None:
    """Blank, 0 and the mark for seen but not answered are not."""
    rows = [
        [DATE, "1", SEEN],
        [DATE, "Yes", "1"],
        [DATE, SEEN, SEEN],
        [DATE, "0", "0"],
        [DATE, "", ""],
    ]
    window = counted(tmp_path, query("distribution", "QID2"), TICKS, rows)
    assert window.total.answers == {"1": 2, "2": 1}
    assert window.total.answered == 2
    assert window.total.unanswered == {"not_answered": 1, "not_shown": 2}


@pytest.mark.parametrize(("recodes", "cells"), [(None, "12"), ({"1": "10", "2": "20"}, "1020")])
def test_answers_joined_in_one_cell_are_split(
    tmp_path: Path, recodes: dict[str, str] | None, cells: str
) -> None:
    """A server may list recodes or ids, separated by commas."""
    one, two = cells[: len(cells) // 2], cells[len(cells) // 2 :]
    columns = {"RecordedDate": RECORDED, "Tick": "QID2"}
    given = [f"{one},{two}", two, "1", "", SEEN, f"{one}{two}"]
    questions = {**QUESTIONS, "QID2": {**QUESTIONS["QID2"], "RecodeValues": recodes}}
    window = counted(
        tmp_path,
        query("distribution", "QID2"),
        columns,
        [[DATE, cell] for cell in given],
        questions=questions,
    )
    assert window.total.answers == {one: 2, two: 2}
    assert window.total.unanswered == {"not_answered": 1, "not_shown": 1, "unreadable": 1}


def test_joined_recodes_that_repeat_are_an_error(tmp_path: Path) -> None:
    """The answers are ambiguous."""
    questions = {**QUESTIONS, "QID2": {**QUESTIONS["QID2"], "RecodeValues": {"1": "1", "2": "1"}}}
    columns = {"RecordedDate": RECORDED, "Tick": "QID2"}
    with pytest.raises(MetricsError, match="answer 1"):
        counted(
            tmp_path,
            query("distribution", "QID2"),
            columns,
            [[DATE, "1"]],
            questions=questions,
        )


def test_a_marked_cell_is_not_an_answer(tmp_path: Path) -> None:
    """The mark is not counted as a number, choice or group."""
    rows = [["0", "1", DATE, "2"], ["0", "1", DATE, SEEN], ["0", "1", DATE, ""]]
    window = counted(tmp_path, query("distribution", "QID1"), COLUMNS, rows)
    assert window.total.answers == {"2": 1}
    assert window.total.unanswered == {"not_answered": 1, "not_shown": 1}
    grouped = counted(tmp_path, query("responses", group_by="question:QID1"), COLUMNS, rows)
    assert [group.key for group in grouped.groups] == ["2"]
    assert grouped.ungrouped == 2


def test_an_unknown_answer_has_its_own_key(tmp_path: Path) -> None:
    """It is not counted as another choice."""
    rows = [["0", "1", DATE, "2"], ["0", "1", DATE, "7"]]
    window = counted(tmp_path, query("distribution", "QID1"), COLUMNS, rows)
    assert window.total.answers == {"2": 1, "7": 1}


def test_a_choice_without_a_column_is_an_error(tmp_path: Path) -> None:
    """Shares without one of the choices would be wrong."""
    columns = {name: key for name, key in TICKS.items() if name != "Tick_2"}
    with pytest.raises(MetricsError, match="answer 2"):
        counted(tmp_path, query("distribution", "QID2"), columns, [[DATE, "1"]])
