"""What is recognised in text files, what is asked, and which cells are refused."""

from __future__ import annotations

import io

import polars as pl
import pytest

from smaply_metrics_core import CsvLimits, DeadlineExceeded, ExportFailed
from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.files import (
    DateOrder,
    FileColumnRole,
    FileMapping,
    FileTable,
    read_file_table,
    responses_as_csv,
)
from smaply_metrics_core.files.response_columns import ResponseColumns, roles_of


def table(content: bytes | str, **mapping: object) -> FileTable:
    """Read a file."""
    data = content.encode() if isinstance(content, str) else content
    return read_file_table(io.BytesIO(data), FileMapping.model_validate(mapping))


def cells(content: bytes | str, column: str, **mapping: object) -> list[str | None]:
    """Return the responses' cells of a column."""
    return table(content, **mapping).responses()[column].to_list()


CITIES = "recorded_at;Ort\n2026-01-31;Köln\n2026-01-31;Graz-Straßgang\n2026-01-31;Gmünd\n"


@pytest.mark.parametrize(
    ("encoding", "recognised"),
    [
        ("utf-8", "utf_8"),
        ("utf-8-sig", "utf_8"),
        ("utf-16", "utf_16"),
        ("utf-16-le", "utf_16_le"),
        ("utf-16-be", "utf_16_be"),
        ("cp1252", "cp1252"),
        ("latin-1", "cp1252"),
    ],
)
def test_encodings_are_recognised(encoding: str, recognised: str) -> None:
    """Letters are read as they were written, with every line ending."""
    for text in (CITIES, CITIES.replace("\n", "\r\n")):
        read = table(text.encode(encoding))
        assert read.mapping.encoding == recognised
        assert read.responses()["Ort"].to_list() == ["Köln", "Graz-Straßgang", "Gmünd"]


@pytest.mark.parametrize(
    ("encoding", "text", "recognised"),
    [
        ("cp1251", "Москва;хорошо\nпочти всегда\n", "cp1251"),  # noqa: RUF001  # Cyrillic.
        ("shift_jis", "東京;良い\nとても満足\n", "shift_jis"),
        ("cp1252", "Größe;schön\nfür 20 €\n", "cp1252"),
    ],
)
def test_other_encodings_are_recognised(encoding: str, text: str, recognised: str) -> None:
    """Letters of other scripts are recognised by what is likely."""
    read = table(f"recorded_at;a\n{text}".encode(encoding))
    assert (read.mapping.encoding, read.open_questions) == (recognised, ())


def test_an_ambiguous_encoding_is_asked() -> None:
    """The same byte is ñ in the West and ń in the East of Europe."""
    text = "recorded_at;Pa\u00eds\n2026-01-31;España\n".encode("cp1252")
    (question,) = table(text).open_questions
    assert question.name == "encoding"
    assert question.excerpt == "“2026-01-31;España” or “2026-01-31;Espańa”"
    assert cells(text, "País", encoding="cp1252") == ["España"]


def test_a_stated_encoding_is_used() -> None:
    """It is validated, so that no letter is replaced silently."""
    text = "recorded_at;Ort\n2026-01-31;Łódź\n".encode("cp1250")
    assert cells(text, "Ort", encoding="cp1250") == ["Łódź"]
    with pytest.raises(ExportFailed, match="not in the encoding utf-8"):
        table(text, encoding="utf_8")
    with pytest.raises(ExportFailed, match="encoding “latin” is not supported"):
        table(text, encoding="latin")


def test_mixed_encodings_are_refused() -> None:
    """The error names the line with the other encoding."""
    with pytest.raises(ExportFailed, match="Line 3 is not in the encoding of the other lines"):
        table("recorded_at,a\n2026-01-01,Köln\n".encode() + b"2026-01-01,K\xf6ln\n")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\0\0\1\0\0\0", b"a\0\0\0\0b,c\n"])
def test_other_files_are_refused(data: bytes) -> None:
    """A picture is neither text nor a workbook."""
    with pytest.raises(ExportFailed, match="neither text nor an Excel workbook"):
        table(data)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_recognised(delimiter: str) -> None:
    """Other delimiters in names and cells do not matter."""
    rows = [
        ["recorded_at", '"How likely, from 0; to 10?"', "Extras[]"],
        ["2026-01-01", "9", '"a;b"'],
        ["2026-01-02", "8", '"c;a"'],
        ["2026-01-02", "7", '"He said ""no, never"", twice"'],
    ]
    read = table("\n".join(delimiter.join(row) for row in rows))
    assert read.mapping.delimiter == delimiter
    assert read.responses().columns == [
        "recorded_at",
        "status",
        "How likely, from 0; to 10?",
        "Extras[]",
    ]
    assert read.responses()["Extras[]"].to_list()[2] == 'He said "no, never", twice'


@pytest.mark.parametrize(
    ("written", "order"),
    [
        (["2026-01-31"], DateOrder.YEAR_FIRST),
        (["2026/01/31 14:30", "2026-01-31T14:30:00+02:00"], DateOrder.YEAR_FIRST),
        (["31.01.2026"], DateOrder.DAY_FIRST),
        (["03.10.2026"], DateOrder.DAY_FIRST),
        (["03/10/2026", "31/10/2026"], DateOrder.DAY_FIRST),
        (["03/10/2026 2:30 PM", "10/31/2026 12:05 am"], DateOrder.MONTH_FIRST),
        (["03/03/2026"], DateOrder.DAY_FIRST),
    ],
)
def test_date_orders_are_recognised(written: list[str], order: DateOrder) -> None:
    """Any date with one meaning decides for all."""
    read = table("Datum;a\n" + "".join(f"{cell};1\n" for cell in written))
    assert (read.mapping.dates, read.open_questions) == (order, ())
    assert read.mapping.columns["Datum"] is FileColumnRole.DATE
    assert read.responses()["recorded_at"].null_count() == 0


def test_ambiguous_dates_are_asked() -> None:
    """A date is never guessed; the answer decides, and the time counts."""
    text = "Datum;a\n03/10/2026 2:30 PM;1\n"
    (question,) = table(text).open_questions
    assert question.name == "dates"
    assert question.message == "Is the day or the month first in the dates of column Datum?"
    assert question.excerpt == "“03/10/2026 2:30 PM”"
    with pytest.raises(ExportFailed, match="day or the month first"):
        table(text).responses()
    for order, expected in (("day_first", "2026-10-03"), ("month_first", "2026-03-10")):
        (read,) = cells(text, "recorded_at", dates=order)
        assert str(read) == f"{expected} 14:30:00+00:00"


def test_contradicting_dates_are_asked_and_refused_by_row() -> None:
    """No order fits both dates, so the error names the row of the other."""
    text = "recorded_at\n31/01/2026\n01/31/2026\n"
    assert [one.name for one in table(text).open_questions] == ["dates"]
    with pytest.raises(ExportFailed, match="in row 3 must be a date such as 31") as caught:
        table(text, dates="day_first").responses()
    assert caught.value.excerpt == "“01/31/2026”"


@pytest.mark.parametrize("cell", ["31.02.2026", "31.01.26", "1/2/2026 25:00", "13:00 PM", "soon"])
def test_what_is_no_date_is_refused(cell: str) -> None:
    """The error names the column, the row, the cell and a date that is read."""
    with pytest.raises(ExportFailed, match="recorded_at in row 2 must be a date") as caught:
        table(f"recorded_at\n{cell}\n", dates="day_first").responses()
    assert caught.value.excerpt == f"“{cell}”"


def test_the_date_is_asked_if_several_columns_may_be() -> None:
    """The question names them."""
    text = "Begun;Ended;a\n2026-01-01;2026-01-02;1\n"
    (question,) = table(text).open_questions
    assert (question.name, question.message) == (
        "columns",
        "Which column has the date of the response: “Begun” or “Ended”?",
    )
    read = table(text, columns={"Ended": "date"})
    assert (read.open_questions, read.responses().columns) == (
        (),
        ["recorded_at", "status", "Begun", "a"],
    )


@pytest.mark.parametrize(
    ("written", "decimal", "read"),
    [
        (["4,5", "5"], ",", ["4.5", "5"]),
        (["1.234,5", "-2"], ",", ["1234.5", "-2"]),
        (["1,234.5", "7.25"], ".", ["1234.5", "7.25"]),
        (["1,234", "4,5"], ",", ["1.234", "4.5"]),
        (["4", "5"], None, ["4", "5"]),
        (["4,5", "about 5"], None, ["4,5", "about 5"]),
        (["00501", "1.2.3"], None, ["00501", "1.2.3"]),
    ],
)
def test_decimal_signs_are_recognised(
    written: list[str], decimal: str | None, read: list[str]
) -> None:
    """Numbers get a decimal point; a column with other texts is not changed."""
    text = "Datum;a\n" + "".join(f"2026-01-01;{cell}\n" for cell in written)
    assert (table(text).mapping.decimal, cells(text, "a")) == (decimal, read)


def test_ambiguous_numbers_are_asked() -> None:
    """“1,234” is a number of thousands, or one with decimals."""
    text = "Datum;a\n2026-01-01;1,234\n"
    (question,) = table(text).open_questions
    assert (question.name, question.excerpt) == ("decimal", "“1,234”")
    assert cells(text, "a", decimal=",") == ["1.234"]
    assert cells(text, "a", decimal=".") == ["1234"]


def test_weights_are_validated() -> None:
    """A weight that cannot be counted is refused by row."""
    text = "Datum;w\n2026-01-01;0,5\n2026-01-01;\n2026-01-01;-1,5\n"
    with pytest.raises(ExportFailed, match="w in row 4 must be a weight"):
        table(text, columns={"w": "weight"}).responses()
    valid = text.replace("-1,5", "2")
    assert cells(valid, "field:w", columns={"w": "weight"}) == ["0.5", None, "2"]


@pytest.mark.parametrize(
    "text",
    [
        "recorded_at\nanna@example.com\n",
        "recorded_at,status\n2026-01-01,anna@example.com\n",
        "recorded_at,finished\n2026-01-01,anna@example.com\n",
        'recorded_at,note\n2026-01-01,"anna@example.com" open\n',
        "recorded_at,note\n2026-01-01,a,anna@example.com\n",
        "recorded_at;note\n31.01.2026;Jiří anna@example.com\n".encode("cp1250"),
        "recorded_at\nanna@example.com\n1/2/2026\n",
    ],
)
def test_problems_have_no_cells(text: str | bytes) -> None:
    """Problems are stored, logged and shown to others, so respondents' texts stay out of them."""
    with pytest.raises(ExportFailed) as caught:
        table(text).responses()
    assert "anna" not in caught.value.to_problem().model_dump_json()
    assert "anna" not in str(caught.value)


def test_reading_columns_ends_at_the_deadline() -> None:
    """Also while cells are recognised as dates, which takes long for many columns."""
    late = Deadline.after(0, SystemClock())
    text = "Datum,a\n2026-01-01,1\n"
    with pytest.raises(DeadlineExceeded):
        ResponseColumns(
            table(text).rows, table(text).mapping.columns, DateOrder.DAY_FIRST, ".", late
        ).read()
    with pytest.raises(DeadlineExceeded):
        roles_of(table(text).rows, {}, late)


def test_roles_make_the_columns() -> None:
    """Columns are renamed by their role, ignored, or refused if two would have one name."""
    text = "Datum;Ort;Extras;Stand;Fertig;Id\n2026-01-01;Wien;a;test;0;7\n2026-01-01;;;;0;8\n"
    roles = {
        "Ort": "field", "Extras": "multiple", "Stand": "status", "Fertig": "finished",
        "Id": "ignore",
    }  # fmt: skip
    rows = table(text, columns=roles).responses()
    assert rows.columns == ["recorded_at", "status", "field:Ort", "Extras[]"]
    assert rows["status"].to_list() == ["test", "unfinished"]
    for wrong, message in (
        ({"Ort": "date"}, "“Datum” and “Ort” have both|“Datum”"),
        ({"Stand": "status", "Id": "status"}, "“Stand” and “Id” both have the role status"),
        ({"Stadt": "field"}, "no column “Stadt”"),
    ):
        with pytest.raises(ExportFailed, match=message):
            table(text, columns={"Datum": "date", **wrong}).responses()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The first row must"),
        ("\n\n", "The first row must"),
        ("Datum;a;a\n", "2 columns are named “a”"),
        ("Datum;a;\n2026-01-01;1;2\n", "Column 3 has no name"),
        ("Datum;a\n2026-01-01;1;2\n", "Row 2 has more cells than the header"),
        ('Datum;a\n2026-01-01;"1\n', "not valid CSV"),
        ("Datum;" + "x" * 301 + "\n", "more than 300 characters"),
    ],
)
def test_broken_tables_are_refused(text: str, message: str) -> None:
    """The error names the place."""
    with pytest.raises(ExportFailed, match=message):
        table(text)


def test_short_rows_and_nameless_empty_columns_are_read() -> None:
    """Spreadsheets write delimiters for columns that were never filled."""
    text = "Datum;a;b;;\n2026-01-01;1\n;;;;\n2026-01-02;2;3;;\n"
    assert table(text).responses().height == 2
    assert cells(text, "b") == [None, "3"]


def test_only_a_header_has_no_responses() -> None:
    """The date is asked, since no cell tells which column has it."""
    assert table("recorded_at;a\n").responses().height == 0
    assert [one.name for one in table("Datum;a\n").open_questions] == ["columns"]


def test_large_files_are_refused() -> None:
    """The limit counts before anything is parsed."""
    with pytest.raises(ExportFailed, match="more than 20 bytes"):
        read_file_table(io.BytesIO(b"x" * 21), limits=CsvLimits(characters=10))


def test_responses_are_read_again_from_csv() -> None:
    """The CSV that is written from responses has the same responses, without a mapping."""
    text = 'Datum;Ort;Note;Text;Zahl\n31.01.2026 10:15;Köln;4,5;"a, ""b""\n;c";1.234,5\n;;;4,5;\n'
    rows = table(text, columns={"Ort": "field"}).responses()
    again = table(responses_as_csv(rows))
    assert again.open_questions == ()
    assert again.responses().equals(rows)
    assert isinstance(again.responses().schema["recorded_at"], pl.Datetime)
