"""The rows of a sheet of an Excel workbook from an untrusted sender, as text.

A workbook is checked as a ZIP file of limited size before it is parsed, and its rows are read one
at a time. What a sheet declares takes no memory or time: a row may have any number, and a cell any
place.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.errors import ExportFailed, MetricsError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.files.workbook_xml import SheetRow, WorkbookXml
from smaply_metrics_core.input_limits.csv_records import CsvLimits
from smaply_metrics_core.input_limits.zip_archive import unpack_zip

if TYPE_CHECKING:
    from smaply_metrics_core.context import Deadline

ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0"
"""Begins old and encrypted workbooks."""
DECIMAL_MARK: Final = "\N{DECIMAL SEPARATOR KEY SYMBOL}"
"""The decimal sign of numbers in numeric cells, which is known without the mapping."""
MOST_UNPACKED: Final = 256 * 2**20
_DOCTYPES: Final = tuple(
    "<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
"""A document type in every encoding that the XML parser reads: all others contain ASCII."""
_BLANKS: Final = 5
"""The maximum number of cells that a sheet states, per cell of the limit: most may be blank."""
_FORMULA: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}f"


class Workbook:
    """A workbook with at least one visible sheet.

    Args:
        data: The file.
        limits: The limits of its texts and sheets.
        deadline: Checked at each text and row.

    Raises:
        ExportFailed: if it is not a workbook, or exceeds a limit.
        InputError: if the extra ``files`` is not installed.
        DeadlineExceeded: when the deadline has passed.
        Cancelled: when the caller cancelled the call.
    """

    def __init__(self, data: bytes, limits: CsvLimits, *, deadline: Deadline | None = None) -> None:
        require_extra("files", "openpyxl")
        self._limits = limits
        _check_files(data)
        with _damage():
            self._xml = WorkbookXml(data, limits, deadline)
        self.sheets = self._xml.visible_sheets
        if not self.sheets:
            raise ExportFailed(
                "The workbook has no visible sheet.", remedy="Show the sheet with the responses."
            )

    def records(self, sheet: str) -> Iterator[list[str]]:
        """Yield the rows of a sheet. Rows at the end that are blank are left out.

        Raises:
            ExportFailed: if a cell has an error or a formula without a stored value, which the
                message names, or if the sheet exceeds a limit.
            DeadlineExceeded: when the deadline has passed.
            Cancelled: when the caller cancelled the call.
        """
        counts = _SheetCounts(self._limits)
        done = 0
        with _damage():
            for row in self._xml.rows(sheet):
                texts = _texts(row)
                counts.add(row, texts)
                if not texts:
                    continue
                yield from ([] for _ in range(done + 1, row.number))
                done = row.number
                yield [texts.get(column, "") for column in range(1, max(texts) + 1)]


class _SheetCounts:
    """What was read of a sheet, within limits."""

    def __init__(self, limits: CsvLimits) -> None:
        self._limits = limits
        self._cells = 0
        self._width = 0
        self._characters = 0

    def add(self, row: SheetRow, texts: dict[int, str]) -> None:
        """Count a row.

        Raises:
            ExportFailed: if it exceeds a limit.
        """
        limits = self._limits
        self._cells += len(row.cells)
        if self._cells > _BLANKS * limits.cells:
            raise _too_large(f"{_BLANKS * limits.cells:,} cells, blank ones included")
        if not texts:
            return
        width = max(texts)
        self._width = max(self._width, width)
        if row.number > limits.rows or row.number * self._width > limits.cells:
            raise _too_large(f"{limits.rows:,} rows or {limits.cells:,} cells")
        if width > limits.columns:
            raise _row_refused(row.number, f"{limits.columns:,} columns")
        lengths = [len(text) for text in texts.values()]
        if max(lengths) > limits.cell:
            raise _row_refused(row.number, f"{limits.cell:,} characters in a cell")
        if sum(lengths) > limits.record:
            raise _row_refused(row.number, f"{limits.record:,} characters")
        self._characters += sum(lengths)
        if self._characters > limits.characters:
            raise _too_large(f"{limits.characters:,} characters")


def _check_files(data: bytes) -> None:
    """Raise if a file is no ZIP file of a workbook, or its XML may define entities.

    Raises:
        ExportFailed: if so.
    """
    files = dict(unpack_zip(data, most_bytes=MOST_UNPACKED))
    if "xl/workbook.xml" not in files:
        raise ExportFailed(
            "The file is a ZIP file but not an Excel workbook.",
            remedy="Save the table as .xlsx or as “CSV UTF-8”.",
        )
    if any(doctype in content for content in files.values() for doctype in _DOCTYPES):
        raise _damaged("has a document type")


@contextmanager
def _damage() -> Generator[None, None, None]:
    try:
        yield
    except MetricsError:
        raise
    except Exception:  # noqa: BLE001  # openpyxl raises anything for a damaged workbook.
        raise _damaged("is damaged") from None


def _texts(row: SheetRow) -> dict[int, str]:
    """Return the texts of the cells that are not blank, by the number of the column."""
    found: dict[int, str] = {}
    for element, cell in zip(row.element, row.cells, strict=True):
        text = _text(cell, is_formula=element.find(_FORMULA) is not None)
        if text.strip():
            found[cell["column"]] = text
    return found


def _too_large(what: str) -> ExportFailed:
    return ExportFailed(
        f"The sheet has more than {what}.", remedy="Split the file by time, or remove columns."
    )


def _row_refused(number: int, what: str) -> ExportFailed:
    return ExportFailed(
        f"Row {number:,} has more than {what}.", remedy="Remove columns, or shorten the text."
    )


def _text(cell: dict[str, Any], *, is_formula: bool) -> str:
    """Return the text of a cell."""
    value = cell["value"]
    if value is None:
        if is_formula:
            raise ExportFailed(
                f"Cell {_place(cell)} has a formula without a stored value.",
                remedy="Open the workbook in your spreadsheet program, save it, and try again.",
            )
        return ""
    if cell["data_type"] == "e":
        raise ExportFailed(
            f"Cell {_place(cell)} has an error, such as #N/A, and no value.",
            remedy="Correct the formula, or clear the cell.",
        )
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        whole = value.is_integer()
        return format(Decimal(repr(value)), ".0f" if whole else "f").replace(".", DECIMAL_MARK)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def _place(cell: dict[str, Any]) -> str:
    from openpyxl.utils import get_column_letter

    return f"{get_column_letter(cell['column'])}{cell['row']}"


def _damaged(why: str) -> ExportFailed:
    return ExportFailed(
        f"The workbook {why}.",
        remedy="Open it in your spreadsheet program, save it again as .xlsx, and try again.",
    )
