"""The XML of an Excel workbook from an untrusted sender, read in bounded memory and time.

openpyxl interprets cells, dates and texts. It is given one row or text at a time, and whole trees
only of small files, because it builds objects of all that a file declares.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from smaply_metrics_core.errors import ExportFailed

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from smaply_metrics_core.context import Deadline
    from smaply_metrics_core.input_limits.csv_records import CsvLimits

LARGEST_TREE: Final = 8 * 2**20
"""The maximum size in bytes of a file that is read as a whole, such as that of the styles."""
MOST_ELEMENTS: Final = 2**18
"""The maximum number of XML elements of a row or a text: 16 for each column that Excel allows."""
LAST_ROW: Final = 2**20
"""The last row that Excel allows."""
_CHECKED: Final = 1 << 12
"""The number of XML elements between two looks at the deadline."""
_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class SheetRow(NamedTuple):
    """A row of a sheet: its number, its XML, and what openpyxl reads from each element in it."""

    number: int
    element: Element
    cells: list[dict[str, Any]]


class _Archive(zipfile.ZipFile):
    """A ZIP file of which openpyxl reads only small files as a whole."""

    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        """Return the content of a file.

        Raises:
            ExportFailed: if it is too large.
        """
        info = name if isinstance(name, zipfile.ZipInfo) else self.getinfo(name)
        if info.file_size > LARGEST_TREE:
            raise ExportFailed(
                f"{info.filename} in the workbook has more than {LARGEST_TREE // 2**20} MiB.",
                remedy="Copy the responses into a new workbook, or save them as “CSV UTF-8”.",
            )
        return super().read(info, pwd)


class WorkbookXml:
    """The sheets of a workbook.

    Args:
        data: The file, which is a ZIP file of limited size.
        limits: The limits of its texts.
        deadline: Checked at each row and text, and between many elements.

    Raises:
        Exception: any, if the workbook is damaged.
    """

    def __init__(self, data: bytes, limits: CsvLimits, deadline: Deadline | None) -> None:
        from openpyxl.reader.excel import ExcelReader
        from openpyxl.styles.stylesheet import apply_stylesheet

        # Its warnings have the content of cells, which does not belong into logs.
        warnings.filterwarnings("ignore", module=r"openpyxl\.")
        self._deadline = deadline
        self._archive = _Archive(io.BytesIO(data))
        reader: Any = ExcelReader(
            io.BytesIO(data), read_only=True, data_only=True, keep_links=False
        )
        reader.archive = self._archive
        reader.read_manifest()
        self._texts = self._shared_texts(reader.package, limits)
        reader.read_workbook()
        apply_stylesheet(self._archive, reader.wb)
        self._book = reader.wb
        self._sheets: dict[str, str] = {}
        for sheet, place in reader.parser.find_sheets():
            known = place.target in reader.valid_files and "chartsheet" not in place.Type
            if known and sheet.state == "visible":
                self._sheets.setdefault(sheet.name, place.target)

    @property
    def visible_sheets(self) -> tuple[str, ...]:
        """The names of the visible sheets that have cells."""
        return tuple(self._sheets)

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Yield the rows of a visible sheet that the file states, which may leave out blank ones.

        Raises:
            ExportFailed: if their numbers are not those of rows in ascending order.
        """
        from openpyxl.worksheet._reader import WorkSheetParser

        parser: Any = WorkSheetParser(
            io.BytesIO(),
            self._texts,
            data_only=True,
            epoch=self._book.epoch,
            date_formats=self._book._date_formats,  # noqa: SLF001  # As its own reader does.
            timedelta_formats=self._book._timedelta_formats,  # noqa: SLF001
        )
        last = 0
        with (
            self._archive.open(self._sheets[sheet]) as file,
            closing(elements(file, "row", self._deadline)) as found,
        ):
            for element in found:
                number, cells = parser.parse_row(element)
                parser.row_dimensions.clear()
                if not last < number <= LAST_ROW:
                    raise ExportFailed(
                        f"After row {last:,} of the sheet is one that cannot follow it.",
                        remedy="Open the workbook in your spreadsheet program, save it again as "
                        ".xlsx, and try again.",
                    )
                last = number
                yield SheetRow(number, element, cells)

    def _shared_texts(self, package: Any, limits: CsvLimits) -> list[str]:  # noqa: ANN401  # Untyped.
        """Return the texts that cells refer to by number.

        Raises:
            ExportFailed: if they exceed a limit.
        """
        from openpyxl.cell.text import Text
        from openpyxl.xml.constants import SHARED_STRINGS

        parser: Any = Text
        part = package.find(SHARED_STRINGS)
        texts: list[str] = []
        if part is None:
            return texts
        characters = 0
        with (
            self._archive.open(part.PartName[1:]) as file,
            closing(elements(file, "si", self._deadline)) as found,
        ):
            for element in found:
                text = str(parser.from_tree(element).content).replace("x005F_", "")
                characters += len(text)
                if len(texts) >= limits.cells or characters > limits.characters:
                    raise ExportFailed(
                        f"The workbook has more than {limits.cells:,} texts, or "
                        f"{limits.characters:,} characters of text.",
                        remedy="Split the file by time, or remove columns.",
                    )
                texts.append(text)
        return texts


def elements(
    file: IO[bytes], name: str, deadline: Deadline | None
) -> Generator[Element, None, None]:
    """Yield the elements with a name, each of which is released before the next one.

    Raises:
        ExportFailed: if one of them, or what is around them, has too many elements.
    """
    from openpyxl.xml.functions import iterparse

    path: list[Element] = []
    found: Element | None = None
    held = 0
    for count, (event, element) in enumerate(iterparse(file, ("start", "end"))):
        if deadline is not None and (count % _CHECKED == 0 or element is found):
            deadline.check()
        if event == "start":
            held += 1
            if held > MOST_ELEMENTS:
                raise ExportFailed(
                    f"A row or text of the workbook has more than {MOST_ELEMENTS:,} parts.",
                    remedy="Copy the responses into a new workbook, or save them as “CSV UTF-8”.",
                )
            path.append(element)
            if found is None and element.tag == _MAIN + name:
                found = element
            continue
        path.pop()
        if found is not None and element is found:
            yield found
            found = None
        if found is None:
            element.clear()
            if path:
                path[-1].clear()
            held = len(path)
