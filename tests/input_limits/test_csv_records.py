"""CSV from untrusted senders: records within limits of columns, rows, cells and characters."""

from __future__ import annotations

import csv
import io
import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core import (
    Cancelled,
    CsvLimits,
    Deadline,
    DeadlineExceeded,
    ExportFailed,
    SystemClock,
    csv_records,
)
from smaply_metrics_core.calculations import read_csv

from .traced_memory import traced_memory

CELL = st.text(alphabet='ab",;\n\r é\x00', max_size=6)
SMALL = CsvLimits(columns=5, rows=10, cells=30, characters=250, record=200, cell=100)


def records(text: str | bytes, limits: CsvLimits | None = None) -> list[list[str]]:
    """Return the records of a text."""
    content = text.encode() if isinstance(text, str) else text
    return list(csv_records(io.BytesIO(content), limits))


def refusal(text: str | bytes, limits: CsvLimits | None = SMALL) -> str:
    """Return the message with which a text is refused."""
    with pytest.raises(ExportFailed) as caught:
        records(text, limits)
    assert caught.value.remedy
    return caught.value.message


class EndlessFile(io.RawIOBase):
    """A file that repeats a piece for ever, and counts what was read."""

    def __init__(self, begin: bytes, piece: bytes) -> None:
        self._pieces = itertools.chain([begin], itertools.repeat(piece))
        self._rest = b""
        self.taken = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer."""
        while len(self._rest) < len(buffer):
            self._rest += next(self._pieces)
        count = len(buffer)
        buffer[:], self._rest = self._rest[:count], self._rest[count:]
        self.taken += count
        return count


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=6))
def test_written_records_are_read_back(rows: list[list[str]]) -> None:
    """Quotes, commas, NUL characters and newlines in cells are preserved."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    assert records(out.getvalue()) == rows


def test_the_file_stays_open_and_its_mark_is_skipped() -> None:
    """Invalid UTF-8 is replaced, and any line end is accepted."""
    file = io.BytesIO(b"\xef\xbb\xbfa,b\r\nc,\xff\rd,e\n\nf,g")
    assert list(csv_records(file)) == [["a", "b"], ["c", "�"], ["d", "e"], [], ["f", "g"]]
    assert not file.closed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c,d,e,f\n1", "Row 1 has more than 5 columns"),
        ("a,b\n1,2,3,4,5,6", "Row 2 has more than 5 columns"),
        ("a\n" * 11, "more than 10 rows"),
        ("\n" * 11, "more than 10 rows"),
        ("a,b,c,d,e\n" * 7, "more than 30 cells"),
        ("a,b,c,d,e\n" + "a\n" * 6, "more than 30 cells"),
        ("a" * 90 + "\n" + "a" * 90 + "\n" + "a" * 90, "more than 250 characters"),
        ("a,b\n1," + "x" * 101, "Row 2 has a cell of more than 100 characters"),
        ("a,b\n1," + "x" * 200, "Row 2 has more than 200 characters"),
        ('a,b\n1,"' + "x\n" * 100, "Row 2 has more than 200 characters"),
        ('a,b\n1,"open', "Row 2 is not valid CSV"),
        ('a,b\n1,"open" not', "Row 2 is not valid CSV"),
    ],
)
def test_what_exceeds_a_limit_is_refused(text: str, message: str) -> None:
    """The message says what was found, where, and what the limit is."""
    assert message in refusal(text)
    assert records("a,b,c,d,e\n" * 6, SMALL)


@pytest.mark.parametrize(
    ("begin", "piece", "message"),
    [
        (b"a,b\n", b",", "characters"),
        (b"a,b\n", b"x", "characters"),
        (b"a,b\n", b"\n", "rows"),
        (b"a,b\n1,", b'"\n', "rows"),
        (b'a,b\n"', b"x\n", "Row 2"),
        (b'a,b\n"', b'""', "characters"),
        (b"a,b\n", b"\x00", "characters"),
        (b"a,b\n", b"1,2\n", "rows"),
        (b",".join([b"a"] * 1000) + b"\n", b"1\n", "cells"),
    ],
)
def test_an_endless_file_ends(begin: bytes, piece: bytes, message: str) -> None:
    """Memory and time are bounded, however a file goes on."""
    limits = CsvLimits(columns=1_000, rows=4_000, cells=16_000, record=8_000)
    file = EndlessFile(begin, piece * 200)
    with traced_memory() as memory, pytest.raises(ExportFailed, match=message):
        for _ in csv_records(io.BufferedReader(file), limits):
            pass
    assert file.taken < 100_000
    assert memory.peak < 10**6


def test_work_ends_at_the_deadline_and_when_it_is_cancelled() -> None:
    """The deadline is checked at each line, also within a record."""
    deadline = Deadline.after(0, SystemClock())
    with pytest.raises(DeadlineExceeded):
        list(csv_records(io.BytesIO(b"a\n"), deadline=deadline))
    stop = threading.Event()
    found = csv_records(io.BytesIO(b"a\nb\nc\n"), deadline=Deadline.after(60, SystemClock(), stop))
    assert next(found) == ["a"]
    stop.set()
    with pytest.raises(Cancelled):
        next(found)


def test_a_data_frame_is_all_text() -> None:
    """Blank cells and those that are missing are null, and no type is inferred."""
    frame = read_csv(io.BytesIO(b"\xef\xbb\xbf a ,b\n00501,\n\n1\n"))
    assert frame.rows() == [("00501", None), (None, None), ("1", None)]
    assert frame.columns == ["a", "b"]
    assert read_csv(io.BytesIO(b"a,b\n")).rows() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "first row"),
        (b"\n1,2", "first row"),
        (b"a,b, a\n", "2 columns are named “a”"),
        (b"a,b\n1,2\n1,2,3\n", "Row 3 has more cells than the header"),
    ],
)
def test_an_invalid_table_is_refused(text: bytes, message: str) -> None:
    """The header names each column once, and no record is longer."""
    with pytest.raises(ExportFailed, match=message):
        read_csv(io.BytesIO(text))


def test_a_data_frame_is_built_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of cells that are converted at once does not change the rows."""
    monkeypatch.setattr("smaply_metrics_core.calculations.csv_frame._CELLS", 7)
    text = "a,b,c\n" + "".join(f"{n},,x\n" for n in range(100))
    frame = read_csv(io.BytesIO(text.encode()))
    assert frame.rows() == [(str(n), None, "x") for n in range(100)]
    with pytest.raises(ExportFailed, match="Row 101 has more"):
        read_csv(io.BytesIO(text.replace("99,", "99,,").encode()))
