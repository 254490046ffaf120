"""Read the CSV files of an export: parse the header, and read the rows as text with Polars.

Row 2 contains question texts, which can contain newlines, so the header is read as records, not as
lines. Columns are renamed by position because header names can repeat. Type inference is off, and
invalid UTF-8 is replaced. The decompressed text is passed to Polars in blocks of some megabytes
that end at a record, so memory use does not grow with the export and nothing is written to disk.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import polars as pl

from smaply_metrics_core import Audience, ExportFailed
from smaply_metrics_qualtrics.export_columns import NEEDED_METADATA, ExportColumn, Header
from smaply_metrics_qualtrics.responses.zip_reader import Allowance, ZipMember, members

_T = TypeVar("_T")

HEADER_RECORDS: Final = 3
BLOCK: Final = 8 * 2**20
"""The number of bytes to read at a time. Each byte takes about six bytes of memory."""

FIRST_BLOCK: Final = 2 * 2**20
"""The size of the first block; each further one is twice as large, up to ``BLOCK``. A block is
counted while the next one is read, so that small exports need several."""

MOST_CODES: Final = 10_000
"""A column with more distinct texts than this is no longer read as categorical."""

MOST_COLUMNS: Final = 10_000
"""The largest exports have a few thousand columns. Polars takes minutes for a hundred thousand."""

_RECORDED: Final = "recordedDate"
_LONGEST_RECORD: Final = 8 * 2**20
_MOST_LINES: Final = 100_000
"""The maximum number of lines in a record. More are the rest of a file after an unclosed quote."""

_MOST_CELLS: Final = 1_000_000
_CELLS_PER_BYTE: Final = 2
"""The maximum number of cells in a block with more than ``_MOST_CELLS``. A row of the header's
width takes at least a byte per cell, but Polars also fills up the rows that are shorter."""
_MOST_COMMAS: Final = 250_000
"""The maximum number of commas in the first row of a block, of which Polars counts the columns."""
_QUOTED: Final = re.compile(rb'"[^"]*"')


class _File(NamedTuple):
    """One file of an export after its header: the text already read, and the rest."""

    header: Header
    begun: bytes
    rest: ZipMember


class Responses:
    """The responses of an export.

    Attributes:
        header: The header of the first file; ``None`` if there are no files and so no responses.
    """

    def __init__(self, first: _File | None, further: Iterator[ZipMember]) -> None:
        self.header = first.header if first else None
        self._first = first
        self._further = further

    @staticmethod
    def name(column: ExportColumn) -> str:
        """Return the name of a column in ``blocks``."""
        return f"c{column.position}"

    def blocks(self, wanted: Collection[str]) -> Generator[pl.DataFrame]:
        """Yield the responses in at least one block, one row each. Can be called only once.

        The cells are text. Columns with few distinct texts are categorical, which speeds up
        counting.

        Args:
            wanted: The names of the columns to read.

        Raises:
            ExportFailed: if the export is damaged or too large, or its files have different
                columns.
            polars.exceptions.PolarsError: if a row does not match the header.
        """
        return _ahead(self._read(wanted))

    def _read(self, wanted: Collection[str]) -> Generator[pl.DataFrame]:
        if self._first is None:
            yield pl.DataFrame()
            return
        header = self._first.header
        types = _types(header, wanted)
        nothing = pl.DataFrame(schema=dict.fromkeys(types, pl.String))
        rows: pl.DataFrame | None = None
        with closing(_ahead(self._texts(self._first))) as texts:
            for names, text in texts:
                _check_rows(text, len(types))
                found = pl.scan_csv(
                    text,
                    has_header=False,
                    schema={name: types.get(name, pl.String()) for name in names},
                    raise_if_empty=False,
                )
                rows = found.select(list(types)).collect()
                _disable_codes(rows, types)
                yield _without_blank_lines(rows, _known(header))
        if rows is None:
            yield nothing

    def _texts(self, first: _File) -> Generator[tuple[list[str], bytes]]:
        """Yield the responses as blocks of text, each with the names of its columns."""
        allowance = Allowance()
        for file in self._files(first):
            names = _names(file.header, first.header)
            for text in _whole_records(file, allowance):
                yield names, _valid_utf8(text)

    def _files(self, first: _File) -> Iterator[_File]:
        yield first
        for member in self._further:
            yield _File(*read_header(member, of=first.header), member)


@contextmanager
def read_export(path: Path) -> Iterator[Responses]:
    """Open a downloaded export and read its first header. The rows are read on demand.

    Raises:
        ExportFailed: if the file is damaged or is not a Qualtrics export.
    """
    with members(path) as found:
        member = next(found, None)
        first = None if member is None else _File(*read_header(member), member)
        yield Responses(first, found)


def read_header(stream: ZipMember, *, of: Header | None = None) -> tuple[Header, bytes]:
    """Read the header and leave the stream at the first response.

    Args:
        stream: One file of an export.
        of: The header of the first file of the export. If given, this file may lack a header: it
            is undocumented whether the further files have one.

    Returns:
        The header, and the bytes of responses that were read from the stream.

    Raises:
        ExportFailed: if there is no header, row 3 contains no ImportId, or there are too many
            columns.
    """
    records = [_record(stream) for _ in range(HEADER_RECORDS)]
    names, keys = _cells(records[0].removeprefix(codecs.BOM_UTF8)), _cells(records[2])
    if len(names) > MOST_COLUMNS or len(keys) > MOST_COLUMNS:
        raise ExportFailed(
            f"The export has more than {MOST_COLUMNS:,} columns.",
            remedy="Delete embedded data that is no longer needed from the survey.",
        )
    header = Header(names, keys)
    if header.columns and len(names) == len(keys):
        if header.width == 1:
            raise ExportFailed(
                "The export has only one column, so blank answers cannot be distinguished from "
                "empty lines."
            )
        return header, b""
    if of is not None and len(names) == of.width:
        return of, b"".join(records)
    raise ExportFailed(
        "The export does not begin with the three header rows of a Qualtrics export.",
        remedy="Send the debug bundle to support.",
        audience=Audience.ADMIN,
    )


def _record(stream: ZipMember | io.BytesIO, *, quoted: bool = False) -> bytes:
    """Return one record or the rest of one: all lines until no quote is open.

    Args:
        stream: The file to read from.
        quoted: Whether a quote is open at the current position.

    Raises:
        ExportFailed: if the record is too long or has too many lines.
    """
    record = bytearray()
    for _ in range(_MOST_LINES):
        line = stream.readline(_LONGEST_RECORD + 1)
        record += line
        quoted ^= _opens(line)
        if len(record) > _LONGEST_RECORD:
            break
        if not line or not quoted:
            return bytes(record)
    raise ExportFailed("The export is damaged: a record has no end.")


def _opens(text: bytes) -> bool:
    """Whether the text opens or closes a quote: it contains an odd number of quote characters."""
    return text.count(b'"') % 2 == 1


def _cells(record: bytes) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record.decode(errors="replace"), newline="")), [])
    except csv.Error:  # A cell is longer than any name or key.
        return []


def _types(header: Header, wanted: Collection[str]) -> dict[str, pl.DataType]:
    """Return the types of the columns to read: the wanted ones and those of every response."""
    always = _known(header)
    types: dict[str, pl.DataType] = {}
    for column in header.columns:
        name = Responses.name(column)
        if name in wanted or name in always:
            codes = pl.Categorical(pl.Categories.random())
            types[name] = pl.String() if column.key.import_id == _RECORDED else codes
    return types


def _disable_codes(rows: pl.DataFrame, types: dict[str, pl.DataType]) -> None:
    """Change categorical columns with many distinct texts to plain text, from the next block on."""
    coded = [name for name, kind in types.items() if isinstance(kind, pl.Categorical)]
    highest = rows.select(pl.col(coded).to_physical().max())
    for name in coded:
        if (highest[name].item() or 0) > MOST_CODES:
            types[name] = pl.String()


def _names(own: Header, first: Header) -> list[str]:
    """Return the name of each column of a file, matched by key to the first file."""
    names = [f"x{position}" for position in range(own.width)]
    places: dict[object, list[ExportColumn]] = {}
    for column in own.columns:
        places.setdefault(column.key, []).append(column)
    try:
        for column in first.columns:
            names[places[column.key].pop(0).position] = Responses.name(column)
    except (KeyError, IndexError):
        raise ExportFailed("The files of the export have different columns.") from None
    return names


def _whole_records(file: _File, allowance: Allowance) -> Iterator[bytes]:
    """Yield the text of a file in blocks that end at a record."""
    begun, size = file.begun, FIRST_BLOCK
    while text := file.rest.read(min(size, BLOCK)):
        size *= 2
        text = b"".join((begun, text, _record(file.rest, quoted=_opens(text))))
        allowance.take(len(text) - len(begun))
        begun = b""
        # Strip leading blank lines, because Polars counts the columns in the first line.
        if text := text.lstrip(b"\r\n"):
            yield text
    if begun := begun.lstrip(b"\r\n"):
        yield begun


def _check_rows(text: bytes, columns: int) -> None:
    """Check that the rows of a block are not much longer or shorter than the header.

    Raises:
        ExportFailed: if they are.
    """
    if _record(io.BytesIO(text)).count(b",") > _MOST_COMMAS:
        raise ExportFailed("The export is damaged: a row is longer than the header.")
    most = max(_MOST_CELLS, _CELLS_PER_BYTE * len(text))
    if text.count(b"\n") * columns <= most:  # Includes newlines in cells.
        return
    if _QUOTED.sub(b"", text).count(b"\n") * columns > most:
        raise ExportFailed("The export is damaged: many rows are shorter than the header.")


def _ahead(blocks: Generator[_T]) -> Generator[_T]:
    """Yield the blocks, preparing the next one in a thread while the current one is used."""
    with closing(blocks), ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = worker.submit(next, blocks, None)
            yield block


def _valid_utf8(text: bytes) -> bytes:
    """Replace invalid UTF-8, from which Polars cannot read categorical columns."""
    try:
        _ = text.isascii() or text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text


def _known(header: Header) -> list[str]:
    """Return the names of the columns that are never blank; none if the date is missing."""
    found = [header.metadata(name) for name in (_RECORDED, *NEEDED_METADATA)]
    return [] if found[0] is None else [Responses.name(column) for column in found if column]


def _without_blank_lines(rows: pl.DataFrame, known: Collection[str]) -> pl.DataFrame:
    """Drop empty lines. Every response has at least a recorded date."""
    if not known or not any(rows[name].null_count() for name in known):
        return rows
    return rows.filter(~pl.all_horizontal(pl.col(known).is_null()))
