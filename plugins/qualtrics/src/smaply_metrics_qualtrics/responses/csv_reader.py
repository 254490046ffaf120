"""Reading an export's CSV: its header by its own rules, its rows with Polars, as text.

Row 2 holds question texts and so may hold newlines: header rows are records, not lines. Columns
get names of our own, since header names repeat. Nothing is inferred: a column of ``00501`` stays
text, one bad byte spoils nothing. Polars reads what is inflated some megabytes at a time, cut
where a record ends, so memory does not grow with the export and nothing is written to disk.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import polars as pl

from smaply_metrics_core import ExportFailed
from smaply_metrics_qualtrics.export_columns import NEEDED_METADATA, ExportColumn, Header
from smaply_metrics_qualtrics.responses.zip_reader import Allowance, ZipMember, members

_T = TypeVar("_T")

HEADER_RECORDS: Final = 3
BLOCK: Final = 12 * 2**20
"""Bytes of text that are read at a time: fewer take longer, and each more takes six of memory."""

MOST_CODES: Final = 10_000
"""A column with more different texts than this is no longer read as codes."""

_RECORDED: Final = "recordedDate"
_LONGEST_RECORD: Final = 64 * 2**20


class _File(NamedTuple):
    """One file of an export after its header: what was read of it, and the rest."""

    header: Header
    begun: bytes
    rest: ZipMember


class Responses:
    """The responses of an export.

    Attributes:
        header: The header of its first file; ``None`` when it holds no file, so no response.
    """

    def __init__(self, first: _File | None, further: Iterator[ZipMember]) -> None:
        self.header = first.header if first else None
        self._first = first
        self._further = further

    @staticmethod
    def name(column: ExportColumn) -> str:
        """Name a column in ``blocks``."""
        return f"c{column.position}"

    def blocks(self, wanted: Collection[str]) -> Generator[pl.DataFrame]:
        """Read the responses, once: one row for each, in at least one block.

        The cells are text. A column of few different texts is categorical: it is counted faster.

        Args:
            wanted: The names of the columns to read.

        Raises:
            ExportFailed: when the export is damaged, larger than any can be, or its files have
                different columns.
            polars.exceptions.PolarsError: when its rows do not fit its header.
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
                found = pl.scan_csv(
                    text,
                    has_header=False,
                    schema={name: types.get(name, pl.String()) for name in names},
                    raise_if_empty=False,
                )
                rows = found.select(list(types)).collect()
                _give_up_codes(rows, types)
                yield _without_blank_lines(rows, _known(header))
        if rows is None:
            yield nothing

    def _texts(self, first: _File) -> Generator[tuple[list[str], bytes]]:
        """Return the responses as text, each piece with the names of its columns."""
        allowance = Allowance()
        for file in self._files(first):
            names = _names(file.header, first.header)
            for text in _whole_records(file, allowance):
                yield names, _repaired(text)

    def _files(self, first: _File) -> Iterator[_File]:
        yield first
        for member in self._further:
            yield _File(*read_header(member, of=first.header), member)


@contextmanager
def read_export(path: Path) -> Iterator[Responses]:
    """Open a downloaded export. Its rows are read later, while it is open.

    Raises:
        ExportFailed: when it is damaged, or is not what Qualtrics exports.
    """
    with members(path) as found:
        member = next(found, None)
        first = None if member is None else _File(*read_header(member), member)
        yield Responses(first, found)


def read_header(stream: ZipMember, *, of: Header | None = None) -> tuple[Header, bytes]:
    """Read the three header records, and leave the stream at the first response.

    Args:
        stream: One file of an export.
        of: The header of the export's first file: whether a second one begins with a header of its
            own nobody documents, so it may go without.

    Returns:
        The header, and what was read of the responses.

    Raises:
        ExportFailed: when there is no header, or row 3 has no ImportId at all.
    """
    records = [_record(stream) for _ in range(HEADER_RECORDS)]
    names, keys = _cells(records[0].removeprefix(codecs.BOM_UTF8)), _cells(records[2])
    header = Header(names, keys)
    if header.columns and len(names) == len(keys):
        if header.width == 1:
            raise ExportFailed(
                "The export came with one column alone: a blank answer there cannot be told from "
                "no line at all."
            )
        return header, b""
    if of is not None and len(names) == of.width:
        return of, b"".join(records)
    raise ExportFailed(
        "The export does not begin with the three header rows of a Qualtrics export.",
        remedy="Send the debug bundle to support.",
    )


def _record(stream: ZipMember, *, quoted: bool = False) -> bytes:
    """Read one record, or the rest of it: lines until no quote is open. Takes nothing beyond it.

    Args:
        stream: What to read.
        quoted: Whether a quote is open where it stands.
    """
    record = bytearray()
    while len(record) < _LONGEST_RECORD:
        line = stream.readline(_LONGEST_RECORD)
        record += line
        quoted ^= _opens(line)
        if not line or not quoted:
            return bytes(record)
    raise ExportFailed("A record of the export has no end.")


def _opens(text: bytes) -> bool:
    """Whether text changes if a quote is open: it does with an odd number of quotes."""
    return text.count(b'"') % 2 == 1


def _cells(record: bytes) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(record.decode(errors="replace"), newline="")), [])
    except csv.Error:  # A cell beyond any name or key that there is.
        return []


def _types(header: Header, wanted: Collection[str]) -> dict[str, pl.DataType]:
    """Return how to read the columns that are wanted, and those that every response has."""
    always = _known(header)
    types: dict[str, pl.DataType] = {}
    for column in header.columns:
        name = Responses.name(column)
        if name in wanted or name in always:
            codes = pl.Categorical(pl.Categories.random())
            types[name] = pl.String() if column.key.import_id == _RECORDED else codes
    return types


def _give_up_codes(rows: pl.DataFrame, types: dict[str, pl.DataType]) -> None:
    """Read columns as plain text from the next block on that turn out to have many texts."""
    coded = [name for name, kind in types.items() if isinstance(kind, pl.Categorical)]
    highest = rows.select(pl.col(coded).to_physical().max())
    for name in coded:
        if (highest[name].item() or 0) > MOST_CODES:
            types[name] = pl.String()


def _names(own: Header, first: Header) -> list[str]:
    """Name each column of a file, by the same key as in the first file."""
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
    """Read the text of a file in pieces that end where a record does."""
    begun = file.begun
    while text := file.rest.read(BLOCK):
        text = b"".join((begun, text, _record(file.rest, quoted=_opens(text))))
        allowance.take(len(text) - len(begun))
        begun = b""
        # Without blank lines at its beginning: Polars counts the columns there.
        if text := text.lstrip(b"\r\n"):
            yield text
    if begun := begun.lstrip(b"\r\n"):
        yield begun


def _ahead(blocks: Generator[_T]) -> Generator[_T]:
    """Prepare one block while the one before it is used, so that all cores have work."""
    with closing(blocks), ThreadPoolExecutor(1) as worker:
        coming = worker.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = worker.submit(next, blocks, None)
            yield block


def _repaired(text: bytes) -> bytes:
    """Replace bytes that are no UTF-8: Polars reads no codes from a text with such bytes."""
    try:
        _ = text.isascii() or text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text


def _known(header: Header) -> list[str]:
    """Name the columns that no response leaves blank, if there is a date among them."""
    found = [header.metadata(name) for name in (_RECORDED, *NEEDED_METADATA)]
    return [] if found[0] is None else [Responses.name(column) for column in found if column]


def _without_blank_lines(rows: pl.DataFrame, known: Collection[str]) -> pl.DataFrame:
    """Drop lines without any cell: a response has at least the date when it was recorded."""
    if not known or not any(rows[name].null_count() for name in known):
        return rows
    return rows.filter(~pl.all_horizontal(pl.col(known).is_null()))
