"""What is proposed for a file, and what its columns contain."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from smaply_metrics_core import ExportFailed
from smaply_metrics_core.files import (
    FileColumnRole,
    FileMapping,
    FileTable,
    ResponseSummary,
    read_file_table,
    summarise_responses,
)

EARLIER = FileMapping.model_validate(
    {
        "encoding": "cp1250",
        "delimiter": "|",
        "sheet": "Antworten",
        "dates": "month_first",
        "decimal": ",",
        "columns": {"Ort": "field", "Ended": "date", "Stadt": "ignore"},
    }
)


def proposed(text: str, encoding: str = "utf_8", **stated: object) -> FileTable:
    """Read a file with the proposal of an earlier one."""
    mapping = FileMapping.model_validate(stated)
    return read_file_table(io.BytesIO(text.encode(encoding)), mapping, proposal=EARLIER)


def test_an_earlier_mapping_answers_what_is_ambiguous() -> None:
    """The roles are those of columns that the file has; other columns are recognised."""
    text = "Begun;Ended;Ort;Note\n03/10/2026;03/11/2026;Espańa;1,234\n"
    table = proposed(text, "cp1250")
    assert table.open_questions == ()
    assert table.mapping == FileMapping(
        encoding="cp1250",
        delimiter=";",
        dates=EARLIER.dates,
        decimal=",",
        columns={
            "Begun": FileColumnRole.QUESTION,
            "Ended": FileColumnRole.DATE,
            "Ort": FileColumnRole.FIELD,
            "Note": FileColumnRole.QUESTION,
        },
    )
    assert table.responses()["Note"].to_list() == ["1.234"]


def test_an_earlier_mapping_overrides_neither_facts_nor_statements() -> None:
    """The file may have been exported by another program, so what has one meaning is recognised."""
    text = "Ended;Ort;Note\n31.10.2026;Köln;4.5\n"
    table = proposed(text, columns={"Ort": "question"})
    mapping = table.mapping
    assert (mapping.encoding, mapping.dates, mapping.decimal) == ("utf_8", "day_first", ".")
    assert mapping.columns["Ort"] is FileColumnRole.QUESTION
    ambiguous = "Ended;Note\n03/10/2026;1,234\n"
    mapping = proposed(ambiguous, dates="day_first", decimal=".").mapping
    assert (mapping.dates, mapping.decimal) == ("day_first", ".")


def test_columns_state_what_they_contain() -> None:
    """A column of numbers with one text is text, so the text and its row are stated."""
    table = proposed("Ended;Ort;Note\n31.10.2026;Köln;4,5\n31.10.2026;;k. A.\n31.10.2026;;5\n")
    date, place, mark = table.columns()
    assert (date.name, date.role, date.samples[0]) == ("Ended", FileColumnRole.DATE, "31.10.2026")
    assert (place.samples, place.filled, place.numbers, place.other) == (
        ("Köln",),
        1,
        0,
        (2, "Köln"),
    )
    assert (mark.samples, mark.filled, mark.numbers, mark.other) == (
        ("4,5", "k. A.", "5"),
        3,
        2,
        (3, "k. A."),
    )


def test_responses_are_summarised() -> None:
    """Excluded responses are counted, and those without a date are stated."""
    text = "recorded_at,status,finished,a\n2026-02-01,,1,x\n2026-01-01,test,1,\n,,0,y\n,test,1,z\n"
    responses = read_file_table(io.BytesIO(text.encode())).responses()
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    assert summarise_responses(responses, 2) == ResponseSummary(
        count=4,
        excluded={"test": 2, "unfinished": 1},
        undated=2,
        first=first,
        last=last,
        columns=("recorded_at", "status", "a"),
        rows=((last, None, "x"), (first, "test", None)),
    )
    none = summarise_responses(responses.clear(), 2)
    assert (none.count, none.first, none.last, none.rows) == (0, None, None, ())


def test_a_response_counts_once() -> None:
    """The id is not returned; a duplicate is an error that names both rows."""
    text = "recorded_at,response_id,nps\n2026-01-01,R_1,9\n2026-01-01,,8\n2026-01-01,,7\n"
    read = read_file_table(io.BytesIO(text.encode()))
    assert read.mapping.columns["response_id"] is FileColumnRole.RESPONSE_ID
    assert read.responses().columns == ["recorded_at", "status", "nps"]
    twice = read_file_table(io.BytesIO(f"{text}2026-01-02,R_1,9\n".encode()))
    with pytest.raises(
        ExportFailed, match="response_id in row 5 is the same as in row 2"
    ) as caught:
        twice.responses()
    assert caught.value.excerpt == "“R_1”"
    assert "R_1" not in str(caught.value)
