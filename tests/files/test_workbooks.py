"""Excel workbooks: their sheets, cells and formulas, and those that are hostile."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from smaply_metrics_core import CsvLimits, ExportFailed
from smaply_metrics_core.files import FileMapping, FileTable, read_file_table

HEADER = ("Datum", "Note", "Ort")


def first(book: Workbook) -> Worksheet:
    """Return the only sheet of a new workbook."""
    return book.worksheets[0]


def written(*rows: tuple[Any, ...], change: Callable[[Workbook], None] | None = None) -> bytes:
    """Return a workbook with these rows."""
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
    rows = table(data, columns={"Ort": "field"}).responses()
    assert rows["recorded_at"].dt.strftime("%d %H:%M").to_list() == [
        "31 14:30", "01 00:00", "02 00:00",
    ]  # fmt: skip
    assert rows["Note"].to_list() == ["4.5", "1.234", "0.0000001"]
    assert rows["Text"].to_list() == ["4.5", "1234.5", "7"]
    assert rows["field:Ort"].to_list() == ["Köln", None, "Wien"]
    assert rows["Ja"].to_list() == ["1", "0", None]


def test_sheets_are_chosen_among_the_visible() -> None:
    """Hidden sheets are never read."""

    def change(book: Workbook) -> None:
        first(book).sheet_state = "hidden"
        book.create_sheet("Notes").append(("recorded_at", "a"))
        book.create_sheet("2026").append(("recorded_at", "b"))

    data = written(HEADER, change=change)
    assert table(data).sheets == ("Notes", "2026")
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
    with pytest.raises(ExportFailed, match=r"Cell B2 has the error #DIV/0!"):
        table(written(HEADER, (date(2026, 1, 1), "#DIV/0!", "Wien")))


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
