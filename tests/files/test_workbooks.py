"""Excel workbooks: their sheets, cells and formulas, and those that are hostile."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core import CsvLimits, DeadlineExceeded, ExportFailed
from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.files import (
    FileMapping,
    FileTable,
    read_file_table,
    visible_sheets,
    workbook_xml,
)
from smaply_metrics_core.files.workbook_xml import elements

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

HEADER = ("Datum", "Note", "Ort")


def first(book: Workbook) -> Worksheet:
    """Return the only sheet of a new workbook."""
    return book.worksheets[0]


def written(*rows: tuple[Any, ...], change: Callable[[Workbook], None] | None = None) -> bytes:
    """Return a workbook with these rows."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = first(book)
    for row in rows:
        sheet.append(row)
    if change:
        change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def replaced(data: bytes, name: str, pattern: str, by: str) -> bytes:
    """Return a workbook with a changed file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", 8) as new:
        for info in old.infolist():
            content = old.read(info).decode()
            new.writestr(
                info.filename, re.sub(pattern, by, content) if info.filename == name else content
            )
    return stream.getvalue()


def table(data: bytes, **mapping: object) -> FileTable:
    """Read a workbook."""
    return read_file_table(io.BytesIO(data), FileMapping.model_validate(mapping))


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_are_read_as_text() -> None:
    """Dates are dates, numbers have a point, and numbers stored as text have their own sign."""
    data = written(
        (*HEADER, "Text", "Ja"),
        (datetime.fromisoformat("2026-01-31T14:30"), 4.5, " Köln ", "4,5", True),
        (date(2026, 2, 1), 1.234, None, "1.234,5", False),
        (None, None, None, None, None),
        (date(2026, 2, 2), 1e-7, "Wien", 7, None),
        (None, None, None, None, None),
    )
    read = table(data, columns={"Ort": "field"})
    assert read.first_rows(1) == (("2026-01-31 14:30:00", "4.5", "Köln", "4,5", "1"),)
    assert read.columns()[1].samples == ("4.5", "1.234", "0.0000001")
    rows = read.responses()
    assert rows["recorded_at"].dt.strftime("%d %H:%M").to_list() == [
        "31 14:30", "01 00:00", "02 00:00",
    ]  # fmt: skip
    assert rows["Note"].to_list() == ["4.5", "1.234", "0.0000001"]
    assert rows["Text"].to_list() == ["4.5", "1234.5", "7"]
    assert rows["field:Ort"].to_list() == ["Köln", None, "Wien"]
    assert rows["Ja"].to_list() == ["1", "0", None]


def test_sheets_are_chosen_among_the_visible() -> None:
    """Hidden sheets are never read, nor listed."""

    def change(book: Workbook) -> None:
        first(book).sheet_state = "hidden"
        book.create_sheet("Notes").append(("recorded_at", "a"))
        book.create_sheet("2026").append(("recorded_at", "b"))

    data = written(HEADER, change=change)
    assert table(data).sheets == visible_sheets(io.BytesIO(data)) == ("Notes", "2026")
    assert visible_sheets(io.BytesIO(b"a,b")) == ()
    for proposed, used in (("2026", "2026"), ("gone", "Notes")):
        proposal = FileMapping(sheet=proposed)
        assert read_file_table(io.BytesIO(data), proposal=proposal).mapping.sheet == used
    assert list(table(data).rows.columns) == ["recorded_at", "a"]
    assert list(table(data, sheet="2026").rows.columns) == ["recorded_at", "b"]
    for name in ("Sheet", "none"):
        with pytest.raises(ExportFailed, match=f"no visible sheet “{name}”"):
            table(data, sheet=name)


def test_merged_cells_have_one_value() -> None:
    """The value of merged cells belongs to the first row, and is not repeated."""
    data = written(
        HEADER,
        (date(2026, 1, 1), 5, "Wien"),
        (date(2026, 1, 2), 4, None),
        change=lambda book: first(book).merge_cells("C2:C3"),
    )
    assert table(data).rows["Ort"].to_list() == ["Wien", None]


def test_formulas_have_their_stored_value() -> None:
    """A formula that was never calculated is refused by its cell, as is an error."""
    data = written(HEADER, (date(2026, 1, 1), "=2+3", "Wien"))
    with pytest.raises(ExportFailed, match="Cell B2 has a formula without a stored value"):
        table(data)
    stored = replaced(data, SHEET, r"<v ?/>|<v></v>", "<v>5</v>")
    assert table(stored).rows["Note"].to_list() == ["5"]
    with pytest.raises(ExportFailed, match="Cell B2 has an error, such as #N/A"):
        table(written(HEADER, (date(2026, 1, 1), "#DIV/0!", "Wien")))


def test_cells_are_not_logged(recwarn: pytest.WarningsRecorder) -> None:
    """A number that is no date is refused by its cell, and not shown in a warning."""
    data = replaced(written(HEADER, (date(2026, 1, 1), 5, "Wien")), SHEET, ">46023<", ">99999999<")
    with pytest.raises(ExportFailed, match="Cell A2 has an error") as caught:
        table(data)
    assert "99999999" not in str(caught.value)
    assert not recwarn


def test_hostile_workbooks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bombs, damage, old formats and other ZIP files are refused before they take memory."""
    good = written(HEADER, (date(2026, 1, 1), 5, "Wien"))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("word/document.xml", "")
    entities = replaced(good, SHEET, r"<worksheet", "<!DOCTYPE a><worksheet")
    for data, message in (
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "protected by a password, or has the old format"),
        (good[:-200], "not a ZIP file, or is damaged"),
        (other.getvalue(), "not an Excel workbook"),
        (entities, "has a document type"),
        (replaced(good, SHEET, r"</row>", "</rov>"), "The workbook is damaged"),
        (replaced(good, "xl/workbook.xml", r"<sheets>.*</sheets>", "<sheets/>"), "no visible"),
        (replaced(good, SHEET, r'r="C2"', 'r="XFD2"'), "Row 2 has more than 10,000 columns"),
    ):
        with pytest.raises(ExportFailed, match=message):
            table(data)
    monkeypatch.setattr("smaply_metrics_core.files.workbook.MOST_UNPACKED", 1_000)
    with pytest.raises(ExportFailed, match="too large to be read into memory"):
        table(good)


def test_sheets_are_limited() -> None:
    """A row far below the others counts as many rows."""
    good = written(HEADER, (date(2026, 1, 1), 5, "Wien"))
    far = replaced(good, SHEET, r'<row r="2"', '<row r="900"')
    far = replaced(far, SHEET, r'r="([ABC])2"', r'r="\g<1>900"')
    with pytest.raises(ExportFailed, match="more than 100 rows"):
        read_file_table(io.BytesIO(far), limits=CsvLimits(rows=100))


STYLES = "xl/styles.xml"
SST = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
MANY = 6_000


@pytest.fixture
def few_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow fewer parts of a row or text than ``MANY``."""
    assert workbook_xml.MOST_ELEMENTS == 262_144, "their objects have to fit into memory"
    monkeypatch.setattr(workbook_xml, "MOST_ELEMENTS", 5_000)


@pytest.mark.usefixtures("few_parts")
@pytest.mark.parametrize(
    ("name", "pattern", "by", "message"),
    [
        (SHEET, r'<row r="2"', '<row r="1000000000000"', "After row 1 of the sheet is one"),
        (SHEET, r'<row r="2"', '<row r="1"', "After row 1 of the sheet is one"),
        (SHEET, r"</row></sheetData>", "<c/>" * MANY + "</row></sheetData>", "more than 5,000"),
        (SHEET, r"<sheetData>", "<a>" * MANY + "</a>" * MANY + "<sheetData>", "more than 5,000"),
        (STYLES, r"</styleSheet>", "<a/>" * 2**21 + "</styleSheet>", "has more than 8 MiB"),
        ("xl/workbook.xml", r"</workbook>", " " * 2**23 + "</workbook>", "has more than 8 MiB"),
    ],
)
def test_bombs_are_refused(name: str, pattern: str, by: str, message: str) -> None:
    """A small file can state any number of rows, cells, texts and styles."""
    data = replaced(written(HEADER, (date(2026, 1, 1), 5, "Wien")), name, pattern, by)
    assert len(data) < 50_000
    with pytest.raises(ExportFailed, match=message):
        table(data)


def test_blank_cells_take_no_room() -> None:
    """Spreadsheets state blank cells with a format; their number is limited too."""
    good = written(HEADER, (date(2026, 1, 1), 5, "Wien"))
    wide = replaced(good, SHEET, r"</sheetData>", '<row><c r="XFD3"/></row>' * 50 + "</sheetData>")
    assert table(wide).rows.shape == (1, 3)
    with pytest.raises(ExportFailed, match="more than 50 cells, blank ones included"):
        read_file_table(io.BytesIO(wide), limits=CsvLimits(cells=10))


@pytest.mark.usefixtures("few_parts")
def test_what_is_beside_the_rows_is_not_built() -> None:
    """Merged cells and the like are not interpreted, so their number takes no memory."""
    good = written(HEADER, (date(2026, 1, 1), 5, "Wien"))
    wide = replaced(good, SHEET, r"</sheetData>", "</sheetData>" + "<hyperlink/>" * MANY)
    assert table(wide).rows.shape == (1, 3)


def shared(texts: str) -> bytes:
    """Return a workbook whose cells share the first of these texts, as Excel writes them."""
    data = written(("recorded_at", "a", "b"), *[(date(2026, 1, 1), 1, 1)] * 50)
    data = replaced(data, SHEET, r't="n"><v>1</v>', 't="s"><v>0</v>')
    part = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{part}"/></Types>'
    stream = io.BytesIO(replaced(data, "[Content_Types].xml", "</Types>", override))
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"{SST}{texts}</sst>")
    return stream.getvalue()


@pytest.mark.usefixtures("few_parts")
def test_texts_that_cells_share_are_limited() -> None:
    """A cell refers to a text by number, so that a small file can repeat a large one."""
    data = shared(f"<si><t>{'x' * 40}</t><r><t>{'y' * 40}</t></r></si><si/>")
    assert table(data).rows["b"].to_list() == ["x" * 40 + "y" * 40] * 50
    for limits, message in (
        (CsvLimits(cell=79), "Row 2 has more than 79 characters in a cell"),
        (CsvLimits(record=169), "Row 2 has more than 169 characters"),
        (CsvLimits(characters=5_000), "The sheet has more than 5,000 characters"),
        (CsvLimits(cells=1), "The workbook has more than 1 texts"),
    ):
        with pytest.raises(ExportFailed, match=message):
            read_file_table(io.BytesIO(data), limits=limits)
    with pytest.raises(ExportFailed, match="A row or text of the workbook has more than 5,000"):
        table(shared("<si>" + "<r/>" * MANY + "</si>"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_document_types_are_refused_in_any_encoding(encoding: str) -> None:
    """An entity repeats its text; UTF-16 must not hide its document type."""
    good = written(HEADER, (date(2026, 1, 1), 5, "Wien"))
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(stream, "w", 8) as new:
        for info in old.infolist():
            content = old.read(info)
            if info.filename == SHEET:
                content = f"<!DOCTYPE worksheet>{content.decode()}".encode(encoding)
            new.writestr(info.filename, content)
    with pytest.raises(ExportFailed, match="has a document type"):
        table(stream.getvalue())


def test_reading_a_workbook_ends_at_the_deadline() -> None:
    """Each row, each text, and many elements beside them check it."""
    late = Deadline.after(0, SystemClock())
    for xml, name in (
        ("<a><row/></a>", "row"),
        ("<a><si><t>x</t></si></a>", "si"),
        ("<a>" + "<b/>" * 5_000 + "</a>", "row"),
    ):
        named = SST.replace("<sst", "<a") + xml.removeprefix("<a>")
        with pytest.raises(DeadlineExceeded):
            list(elements(io.BytesIO(named.encode()), name, late))
