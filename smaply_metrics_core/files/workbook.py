"""The rows of a sheet of an Excel workbook from an untrusted sender, as text.

A workbook is checked as a ZIP file of limited size before it is parsed, and its rows are read one
at a time: a sheet may declare any number of cells.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core.errors import ExportFailed
from smaply_metrics_core.extras import require_extra
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


class Workbook:
    """A workbook with at least one visible sheet.

    Args:
        data: The file.

    Raises:
        ExportFailed: if it is not a workbook, or exceeds a limit.
        InputError: if the extra ``files`` is not installed.
    """

    def __init__(self, data: bytes) -> None:
        require_extra("files", "openpyxl")
        files = dict(unpack_zip(data, most_bytes=MOST_UNPACKED))
        if "xl/workbook.xml" not in files:
            raise ExportFailed(
                "The file is a ZIP file but not an Excel workbook.",
                remedy="Save the table as .xlsx or as “CSV UTF-8”.",
            )
        if any(b"<!DOCTYPE" in content for content in files.values()):
            raise _damaged("has a document type")
        self._formulas = any(
            b"<f" in content for name, content in files.items() if "/worksheets/" in name
        )
        self._data = data
        with closing(self._open(values=True)) as book:
            self.sheets = tuple(
                str(one.title) for one in book.worksheets if one.sheet_state == "visible"
            )
        if not self.sheets:
            raise ExportFailed(
                "The workbook has no visible sheet.", remedy="Show the sheet with the responses."
            )

    def records(
        self, sheet: str, limits: CsvLimits, *, deadline: Deadline | None = None
    ) -> Iterator[list[str]]:
        """Yield the rows of a sheet. Rows at the end that are blank are left out.

        Raises:
            ExportFailed: if a cell has an error or a formula without a stored value, which the
                message names, or if the sheet exceeds a limit.
        """
        with closing(self._open(values=True)) as values, closing(self._open(values=False)) as texts:
            rows = _all_rows(values[sheet])
            formulas: Iterable[Any] = _all_rows(texts[sheet]) if self._formulas else ()
            blank = 0
            for number, (row, sources) in enumerate(_pairs(rows, formulas), start=1):
                if deadline is not None:
                    deadline.check()
                record = [_text(cell, source) for cell, source in zip_longest(row, sources or ())]
                while record and not record[-1].strip():
                    record.pop()
                if not record:
                    blank += 1
                    continue
                _check(number, record, limits)
                yield from ([] for _ in range(blank))
                blank = 0
                yield record

    def _open(self, *, values: bool) -> Any:  # noqa: ANN401  # Its classes differ by mode.
        from openpyxl import load_workbook

        try:
            return load_workbook(io.BytesIO(self._data), read_only=True, data_only=values)
        except Exception:  # noqa: BLE001  # openpyxl raises anything for a damaged workbook.
            raise _damaged("is damaged") from None


def _all_rows(sheet: Any) -> Iterator[Any]:  # noqa: ANN401  # As above.
    """Return the rows of a sheet, including those outside of the area that it claims to have."""
    sheet.reset_dimensions()
    rows: Iterator[Any] = sheet.iter_rows()
    return rows


def _pairs(rows: Iterable[Any], formulas: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    pairs = zip_longest(rows, formulas)
    while True:
        try:
            yield next(pairs)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001  # As above.
            raise _damaged("is damaged") from None


def _check(number: int, record: list[str], limits: CsvLimits) -> None:
    if number > limits.rows or number * len(record) > limits.cells:
        raise ExportFailed(
            f"The sheet has more than {limits.rows:,} rows or {limits.cells:,} cells.",
            remedy="Split the file by time, or remove columns.",
        )
    if len(record) > limits.columns:
        raise ExportFailed(
            f"Row {number:,} has more than {limits.columns:,} columns.",
            remedy="Remove columns.",
        )


def _text(cell: Any, source: Any) -> str:  # noqa: ANN401  # As above.
    value = None if cell is None else cell.value
    if value is None:
        if source is not None and source.data_type == "f":
            raise ExportFailed(
                f"Cell {source.coordinate} has a formula without a stored value.",
                remedy="Open the workbook in your spreadsheet program, save it, and try again.",
            )
        return ""
    if cell.data_type == "e":
        raise ExportFailed(
            f"Cell {cell.coordinate} has the error {value}.",
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


def _damaged(why: str) -> ExportFailed:
    return ExportFailed(
        f"The workbook {why}.",
        remedy="Open it in your spreadsheet program, save it again as .xlsx, and try again.",
    )
