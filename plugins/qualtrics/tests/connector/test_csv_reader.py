"""Tests of reading export files: headers, unusual cells, archive members and damage."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.qualtrics.tests.connector.support import csv_text, zipped
from smaply_metrics_core import ExportFailed
from smaply_metrics_qualtrics.export_columns import ColumnKey, Header
from smaply_metrics_qualtrics.responses import zip_reader
from smaply_metrics_qualtrics.responses.csv_reader import Responses, read_export

COLUMNS: dict[str, object] = {
    "RecordedDate": {"ImportId": "recordedDate", "timeZone": "UTC"},
    "Q1": "QID1",
    "Q1 again": "QID1_TEXT",
}
DATE = "2026-02-01 09:00:00"


def saved(tmp_path: Path, content: bytes) -> Path:
    """Save a downloaded export."""
    path = tmp_path / "export.zip"
    path.write_bytes(content)
    return path


class Read(NamedTuple):
    """The header and all rows of an export."""

    header: Header | None
    rows: pl.DataFrame


def read_all(path: Path) -> Read:
    """Read all columns of a saved export."""
    with read_export(path) as responses:
        header = responses.header
        names = {Responses.name(column) for column in header.columns} if header else set()
        blocks = [block.cast(pl.String) for block in responses.blocks(names)]
    return Read(header, pl.concat(blocks))


def read(tmp_path: Path, *files: str | bytes) -> Read:
    """Read an export with these files."""
    return read_all(
        saved(tmp_path, zipped({f"part {number}.csv": file for number, file in enumerate(files)}))
    )


def cells(responses: Read, import_id: str) -> list[str | None]:
    """Return the cells of one column."""
    assert responses.header is not None
    (column,) = responses.header.all(ColumnKey(import_id))
    return responses.rows[Responses.name(column)].to_list()


def test_cells_are_read_as_unchanged_text(tmp_path: Path) -> None:
    """Leading zeros, decimal commas, quotes, newlines, commas and late texts are preserved."""
    texts = [
        "00501",
        "N/A",
        "1,5",
        'say "hi"',
        "two\nlines",
        "two\r\nlines",
        " spaced ",
        "=1+1",
        "é漢",
    ]
    text = csv_text(COLUMNS, [[DATE, "1", value] for value in texts])
    assert cells(read(tmp_path, text), "QID1_TEXT") == texts


def test_a_byte_order_mark_newlines_in_row_2_and_crlf_are_read(tmp_path: Path) -> None:
    """The header consists of three records, which can span several lines."""
    text = csv_text(COLUMNS, [[DATE, "1", "a"], [DATE, "2", ""]])
    assert "\n“" in text
    for content in (b"\xef\xbb\xbf" + text.encode(), text.replace("\n", "\r\n").encode()):
        responses = read(tmp_path, content)
        assert cells(responses, "QID1") == ["1", "2"]
        assert cells(responses, "QID1_TEXT") == ["a", None]


def test_invalid_utf8_changes_only_one_cell(tmp_path: Path) -> None:
    """Invalid bytes and nulls do not affect other cells."""
    text = csv_text(COLUMNS, [[DATE, "1", "?"], [DATE, "2", "fine"]]).encode()
    responses = read(tmp_path, text.replace(b"?", b"\xff\x00"))
    assert cells(responses, "QID1") == ["1", "2"]
    assert cells(responses, "QID1_TEXT")[1] == "fine"


def test_a_header_without_responses_is_an_empty_survey(tmp_path: Path) -> None:
    """An export with only a header has no responses."""
    assert cells(read(tmp_path, csv_text(COLUMNS, [])), "QID1") == []


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    """Every response has at least a date, so a blank line is not a response."""
    text = csv_text(COLUMNS, [[DATE, "1", ""]])
    assert cells(read(tmp_path, text + "\n\n" + f"{DATE},2,\n"), "QID1") == ["1", "2"]


def test_an_archive_without_any_file_is_an_empty_survey(tmp_path: Path) -> None:
    """An export without responses can be an empty ZIP archive."""
    assert read(tmp_path).header is None


def test_several_files_are_one_export(tmp_path: Path) -> None:
    """Columns are matched by key, so their order can differ between files."""
    swapped = {name: COLUMNS[name] for name in ("Q1", "RecordedDate", "Q1 again")}
    responses = read(
        tmp_path,
        csv_text(COLUMNS, [[DATE, "1", "a"]]),
        csv_text(swapped, [["2", DATE, "b"]]),
        csv_text(COLUMNS, []),
    )
    assert cells(responses, "QID1") == ["1", "2"]
    assert cells(responses, "QID1_TEXT") == ["a", "b"]


def test_a_further_file_may_lack_a_header(tmp_path: Path) -> None:
    """The rows of a further file are counted with or without a header."""
    rows = f'{DATE},2,"b\nb"\n{DATE},3,c\n{DATE},4,d\n{DATE},5,e\n'
    responses = read(tmp_path, csv_text(COLUMNS, [[DATE, "1", "a"]]), rows)
    assert cells(responses, "QID1") == ["1", "2", "3", "4", "5"]


def test_files_with_different_columns_are_rejected(tmp_path: Path) -> None:
    """All files of an export must have the same columns."""
    other = {"RecordedDate": COLUMNS["RecordedDate"], "Q2": "QID2", "Q3": "QID3"}
    with pytest.raises(ExportFailed, match="different columns"):
        read(tmp_path, csv_text(COLUMNS, []), csv_text(other, []))


def test_columns_without_an_import_id_are_ignored_and_reported(tmp_path: Path) -> None:
    """A column that a user added is not a question."""
    text = csv_text(COLUMNS, [[DATE, "1", "a"]]).splitlines(keepends=True)
    lines = [line.rstrip("\n") for line in text]
    lines[0] += ",TWIN_ID"
    lines[-2] += ",TWIN_ID"
    lines[-1] += ",77"
    # Row 2 contains newlines, so its last line is the one before row 3.
    lines[-3] += ",TWIN_ID"
    responses = read(tmp_path, "\n".join(lines) + "\n")
    assert responses.header is not None
    assert responses.header.ignored == ["TWIN_ID"]
    assert cells(responses, "QID1_TEXT") == ["a"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"StartDate,Q1\n",
        b"StartDate,Q1\nStart,Question\n2026-01-01,5\n",
        b"V1,V2\nResponseID,Q1\nR_1,5\nR_2,6\n",
        b"<html><body>Access Denied</body></html>",
        b'"never closed',
        b'a,b\nc,d\n"{""ImportId"":""QID1""}"\n',
        b'a\nb\n"{""ImportId"":""QID1""}"\n5\n\n6\n',
    ],
)
def test_a_file_that_is_not_an_export_is_rejected(tmp_path: Path, content: bytes) -> None:
    """Missing header rows, old formats, web pages and a single column are rejected."""
    with pytest.raises(ExportFailed):
        read(tmp_path, content)


def test_a_damaged_archive_is_rejected(tmp_path: Path) -> None:
    """A truncated, changed or invalid ZIP archive is rejected as a whole."""
    text = csv_text(COLUMNS, [[DATE, str(number % 7), f"text {number}"] for number in range(500)])
    good = zipped({"a.csv": text})
    changed = bytearray(good)
    changed[len(good) // 2] ^= 0xFF
    for content in (good[: len(good) // 2], good[:-30], bytes(changed), b"", b"<html></html>"):
        with pytest.raises(ExportFailed):
            read_all(saved(tmp_path, content))


WHOLE = zipped(
    {f"{part}.csv": csv_text(COLUMNS, [[DATE, str(n), "x"] for n in range(9)]) for part in "ab"}
)


@given(place=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_damage_to_one_byte_never_loses_a_response(place: int, byte: int, *, cut: bool) -> None:
    """A changed or truncated archive results in all responses or in an error."""
    content = WHOLE[:place] + (b"" if cut else bytes([byte]) + WHOLE[place + 1 :])
    with TemporaryDirectory() as folder:
        try:
            responses = read_all(saved(Path(folder), content))
        except ExportFailed:
            return
        assert responses.rows.height == 18


def test_an_archive_that_exceeds_the_size_limit_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decompression bomb is not read to its end."""
    monkeypatch.setattr(zip_reader.Allowance, "__init__", _small_allowance)
    with pytest.raises(ExportFailed, match="larger than any"):
        read(tmp_path, csv_text(COLUMNS, [[DATE, "1", "a" * 1000] for _ in range(100)]))


def _small_allowance(self: zip_reader.Allowance) -> None:
    self._left = 50_000


def test_names_inside_the_archive_are_never_used(tmp_path: Path) -> None:
    """Members are read as streams, whatever their names, and nothing is written to disk."""
    inside = tmp_path / "private"
    inside.mkdir()
    text = csv_text(COLUMNS, [[DATE, "1", "a"]])
    names = ["../../evil.csv", "/etc/x.csv", "Survey: “a/b?” *.csv", "folder/"]
    path = inside / "export.zip"
    path.write_bytes(zipped({name: "" if name.endswith("/") else text for name in names}))
    assert cells(read_all(path), "QID1") == ["1", "1", "1"]
    assert [one.name for one in inside.iterdir()] == ["export.zip"]
    assert [one.name for one in tmp_path.iterdir()] == ["private"]


def test_an_encrypted_member_is_rejected(tmp_path: Path) -> None:
    """An archive that requires a password is rejected."""
    content = bytearray(zipped({"a.csv": csv_text(COLUMNS, [])}))
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ExportFailed):
        read_all(saved(tmp_path, bytes(content)))


def test_too_many_members_are_rejected(tmp_path: Path) -> None:
    """The number of files in an archive is limited."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as many:
        for number in range(1_001):
            many.writestr(f"{number}.csv", "")
    with pytest.raises(ExportFailed, match="files"):
        read_all(path)
