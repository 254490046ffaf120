"""The CSV for people: nothing in it runs, and nothing in it is lost."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.bundle.spreadsheet_csv import escape_formula, write_spreadsheet_csv
from smaply_metrics_core.bundle.writer import BundleWriter, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 131_072


def shown(raw: bytes, *blank: str) -> list[list[str]]:
    """Write a CSV for people and read it as a spreadsheet would."""
    out = io.BytesIO()
    write_spreadsheet_csv(io.BytesIO(raw), out, frozenset(blank))
    text = out.getvalue().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "=HYPERLINK(A1)",
        "+1+1",
        "+43 660 123",
        "-1+1",
        "-",
        "-cmd|' /C calc'!A0",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
        "\uff1d1+1",
        "-5 apples",
        "-1-2",
        "--5",
    ],
)
def test_what_could_be_a_formula_is_shown_as_text(cell: str) -> None:
    """An apostrophe stands before it, and the text itself is whole."""
    assert escape_formula(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "5",
        "-5",
        "+5",
        "-5.25",
        "-5,25",
        "-1.234,50",
        "-1e-5",
        " -5 ",
        "-5 %",
        "a=b",
        " a",
        "'x",
    ],
)
def test_everything_else_stays_as_it_is(cell: str) -> None:
    """Numbers with a sign are numbers, and a sign inside of a text does nothing."""
    assert escape_formula(cell) == cell


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=4), max_size=4))
def test_no_cell_of_any_table_is_a_formula(rows: list[list[str]]) -> None:
    """Whatever people wrote, a cell comes back with its text, and begins with nothing that runs."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    found = shown(text.getvalue().encode(errors="replace"))
    assert len(found) == len(rows)
    for row, before in zip(found, rows, strict=True):
        for cell, old in zip(row, before, strict=True):
            old_text = old.encode(errors="replace").decode().removeprefix("\ufeff")
            assert cell.removeprefix("\ufeff").removeprefix("'") == old_text.removeprefix("'")
            harmless = not cell.lstrip(" ")[:1] or cell.lstrip(" ")[0] not in "=+-@\t\r\n"
            assert harmless or cell.strip(" ")[1:].replace(".", "").isdecimal()


def test_the_copy_is_for_spreadsheets() -> None:
    """It begins with a byte order mark, once, and bad bytes are marked, not lost."""
    out = io.BytesIO()
    write_spreadsheet_csv(io.BytesIO(b"\xef\xbb\xbfa,b\nx\xffy,\x00\n"), out)
    assert out.getvalue() == b"\xef\xbb\xbfa,b\r\nx\xef\xbf\xbdy,\x00\r\n"


def test_marks_are_left_empty() -> None:
    """What stands for no answer would be averaged by people; they get an empty cell."""
    assert shown(b"a,b\n-99,-9\n99,-99\n", "-99") == [["a", "b"], ["", "-9"], ["99", ""]]


def test_a_bundle_has_both(tmp_path: Path) -> None:
    """The raw file is byte for byte what came, however odd; the other one is for people."""
    raw = b'\xef\xbb\xbfa,b\r\n"=1+1","x\ny"\n-5,\xff\n\n'
    files = bundle_with(tmp_path, raw)
    assert files["raw/t.csv"] == raw
    text = files["t.csv"].decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["a", "b"],
        ["'=1+1", "x\ny"],
        ["-5", "\ufffd"],
        [],
    ]
    assert "left out" not in files["README.txt"].decode().partition("raw/")[2]


def test_a_cell_beyond_all_measure_leaves_the_raw_file_alone(tmp_path: Path) -> None:
    """With a quote that is left open there is only the raw file, and the note says so."""
    before = csv.field_size_limit(LONGEST)
    raw = b'a,b\n"' + b"x" * (LONGEST + 1)
    files = bundle_with(tmp_path, raw)
    csv.field_size_limit(before)
    assert files["raw/t.csv"] == raw
    assert "t.csv" not in files
    assert "t.csv was left out" in files["README.txt"].decode()


def test_a_large_table_goes_through_row_by_row(tmp_path: Path) -> None:
    """Files of several blocks come out whole, in both forms."""
    raw = b"".join(b"=%d,%d\n" % (row * 7919 % 10**6, row) for row in range(150_000))
    files = bundle_with(tmp_path, raw)
    assert files["raw/t.csv"] == raw
    assert files["t.csv"].decode("utf-8-sig") == raw.decode().replace("=", "'=").replace(
        "\n", "\r\n"
    )


def bundle_with(folder: Path, raw: bytes) -> dict[str, bytes]:
    """Write a bundle with one CSV, and give its files."""

    def fill(bundle: BundleWriter) -> None:
        bundle.add_csv("t.csv", io.BytesIO(raw))

    path = write_bundle(folder / "b.zip", ["a-secret"], include_personal=False, fill=fill)
    with zipfile.ZipFile(path) as files:
        return {name: files.read(name) for name in files.namelist()}
