"""The CSV file for spreadsheets: no cell runs as a formula, and no text is lost."""

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
    """Write a CSV file for spreadsheets and parse it."""
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
        "\t1+1",
        "\r1+1",
        "\n1+1",
        " =1+1",
        "\uff1d1+1",
        "-5 apples",
        "-1-2",
        "--5",
    ],
)
def test_formulas_are_escaped(cell: str) -> None:
    """The cell begins with an apostrophe and contains the complete text."""
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
def test_everything_else_is_unchanged(cell: str) -> None:
    """Signed numbers are numbers, and a sign within a text is harmless."""
    assert escape_formula(cell) == cell


@pytest.mark.parametrize(
    ("cell", "escaped"),
    [
        ("Graz;=1+1;z", "Graz;'=1+1;z"),
        ("a\n=1+1", "a\n'=1+1"),
        ("a\t @SUM(A1)", "a\t '@SUM(A1)"),
        ('a;"=1+1"', 'a;"\'=1+1"'),
        ("=1;\uff1d1", "'=1;'\uff1d1"),
        ("a;-5", "a;'-5"),
        ("\t=1", "'\t'=1"),
        ("a;b-5,=1", "a;b-5,=1"),
    ],
)
def test_formulas_after_another_separator_are_escaped(cell: str, escaped: str) -> None:
    """A spreadsheet that splits cells at semicolons or tabs runs none, at any place of a row."""
    assert escape_formula(cell) == escaped
    out = io.StringIO(shown_text(["x", cell, "5*A1"]), newline="")
    for delimiter in ",;\t":
        out.seek(0)
        for row in csv.reader(out, delimiter=delimiter):
            assert not [one for one in row if one.strip(' "')[:1] in {*"=+-@\uff1d"}]


def test_a_number_does_not_continue_in_the_next_cell() -> None:
    """Where a comma is the decimal separator, ``-5,5*A1`` would be one cell with a formula."""
    (row,) = csv.reader([shown_text(["-5", "5*A1"])], delimiter=";")
    assert row == ['-5,"5*A1"']


def shown_text(cells: list[str]) -> str:
    """Write one row for spreadsheets, and return the text of the file."""
    text, out = io.StringIO(newline=""), io.BytesIO()
    csv.writer(text).writerow(cells)
    write_spreadsheet_csv(io.BytesIO(text.getvalue().encode()), out)
    return out.getvalue().decode("utf-8-sig")


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=4), max_size=4))
def test_no_cell_of_any_table_is_a_formula(rows: list[list[str]]) -> None:
    """Every cell keeps its text, and none begins with a character that makes it a formula."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    found = shown(text.getvalue().encode(errors="replace"))
    assert len(found) == len(rows)
    for row, before in zip(found, rows, strict=True):
        for cell, old in zip(row, before, strict=True):
            old_text = old.encode(errors="replace").decode().removeprefix("\ufeff")
            assert cell.removeprefix("\ufeff").replace("'", "") == old_text.replace("'", "")
            harmless = not cell.lstrip(" ")[:1] or cell.lstrip(" ")[0] not in "=+-@\t\r\n"
            assert harmless or cell.strip(" ")[1:].replace(".", "").isdecimal()


def test_the_copy_is_for_spreadsheets() -> None:
    """It begins with one byte order mark, and invalid bytes are replaced, not dropped."""
    out = io.BytesIO()
    write_spreadsheet_csv(io.BytesIO(b"\xef\xbb\xbfa,b\nx\xffy,\x00\n"), out)
    assert out.getvalue() == b'\xef\xbb\xbf"a","b"\r\n"x\xef\xbf\xbdy","\x00"\r\n'


def test_marks_for_no_answer_become_empty() -> None:
    """A mark for no answer would be included in averages; the cell is empty instead."""
    assert shown(b"a,b\n-99,-9\n99,-99\n", "-99") == [["a", "b"], ["", "-9"], ["99", ""]]


def test_a_bundle_has_both(tmp_path: Path) -> None:
    """The raw file is unchanged, however malformed; the other one is for spreadsheets."""
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
    assert "was not written" not in files["README.txt"].decode()


def test_an_oversized_cell_leaves_only_the_raw_file(tmp_path: Path) -> None:
    """With an unclosed quote, only the raw file is written, and the README says so."""
    before = csv.field_size_limit(LONGEST)
    raw = b'a,b\n"' + b"x" * (LONGEST + 1)
    files = bundle_with(tmp_path, raw)
    csv.field_size_limit(before)
    assert files["raw/t.csv"] == raw
    assert "t.csv" not in files
    assert "t.csv was not written" in files["README.txt"].decode()


def test_a_large_table_goes_through_row_by_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of several blocks are complete in both forms."""
    monkeypatch.setattr("smaply_metrics_core.bundle.writer._BLOCK", 1 << 14)
    raw = b"".join(b"=%d,%d\n" % (row * 7919 % 10**6, row) for row in range(15_000))
    files = bundle_with(tmp_path, raw)
    assert files["raw/t.csv"] == raw
    lines = raw.decode().replace("=", "'=").replace(",", '","').splitlines()
    assert files["t.csv"].decode("utf-8-sig") == "".join(f'"{line}"\r\n' for line in lines)


def bundle_with(folder: Path, raw: bytes) -> dict[str, bytes]:
    """Write a bundle with one CSV file, and return its files."""

    def fill(bundle: BundleWriter) -> None:
        bundle.add_csv("t.csv", io.BytesIO(raw))

    path = write_bundle(folder / "b.zip", ["a-secret"], include_personal=False, fill=fill)
    with zipfile.ZipFile(path) as files:
        return {name: files.read(name) for name in files.namelist()}
