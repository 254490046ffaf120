"""Tests of reading and counting exports in blocks, without leaving files on disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.qualtrics.tests.connector.support import (
    NOW,
    SURVEY,
    api_answered_by,
    csv_text,
    envelope,
    mc,
    query,
    read_survey_with,
    survey_definition,
    tally_of,
    zipped,
)
from smaply_metrics_core import (
    Cancelled,
    DeadlineExceeded,
    ExportFailed,
    MetricsError,
    SourceContext,
    Tally,
)
from smaply_metrics_qualtrics.responses import csv_reader, zip_reader
from smaply_metrics_qualtrics.responses.csv_reader import Responses, read_export
from smaply_metrics_qualtrics.responses.fetch import count_export, fetch
from smaply_metrics_qualtrics.responses.query_plan import prepare
from tests.hypothesis_profiles import examples

COLUMNS: dict[str, object] = {
    "Status": {"ImportId": "status"},
    "Finished": {"ImportId": "finished"},
    "RecordedDate": {"ImportId": "recordedDate", "timeZone": "UTC"},
    "Q1": "QID1",
    "Q2": "QID2_TEXT",
}
VALID_NUMBER = {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}}
QUESTIONS = {
    "QID1": mc("Which?", {"1": "A", "2": "B"}),
    "QID2": mc("Much?", {}, QuestionType="TE", Selector="SL", Validation=VALID_NUMBER),
}
QUERIES = (
    query("distribution", "QID1", query_id="answers"),
    query("average", "QID2", query_id="numbers"),
    query("responses", group_by="period:month", query_id="months"),
)
PIECE = st.sampled_from(["a", "é", '"', ",", "\n", "\r\n", " ", "\x00", "00"])
CELL = st.lists(PIECE, max_size=12).map("".join)


def row(choice: str = "1", text: str = "", day: int = 1) -> list[str]:
    """Return a response of February."""
    return ["0", "1", f"2026-02-{day:02} 09:00:00", choice, text]


def written(folder: Path, rows: Sequence[Sequence[str]], *, files: int = 1) -> Path:
    """Write an export with these rows and return its path."""
    parts = {f"{n}.csv": csv_text(COLUMNS, rows[n::files]) for n in range(files)}
    path = folder / "export.zip"
    path.write_bytes(zipped(parts))
    return path


def read_in_blocks(path: Path, size: int) -> list[pl.DataFrame]:
    """Read all columns in blocks of this many bytes."""
    with pytest.MonkeyPatch.context() as patch, read_export(path) as responses:
        patch.setattr(csv_reader, "BLOCK", size)
        assert responses.header is not None
        return list(responses.blocks({Responses.name(c) for c in responses.header.columns}))


def texts(blocks: Sequence[pl.DataFrame]) -> list[tuple[str | None, ...]]:
    """Return the rows of all blocks, with blank cells as ``None``."""
    rows = pl.concat(block.cast(pl.String) for block in blocks).rows()
    return [tuple(cell or None for cell in cells) for cells in rows]


def counted(path: Path, context: SourceContext) -> dict[str, Tally | MetricsError]:
    """Count a saved export."""
    survey = read_survey_with(QUESTIONS)
    parts = [prepare(one, survey) for one in QUERIES]
    return count_export(path, parts, survey.owners, context, seen=None, as_of=NOW)


@examples(sample=20, thorough=60)
@given(cells=st.lists(CELL, max_size=12), size=st.integers(1, 300))
def test_block_boundaries_do_not_change_the_rows(cells: list[str], size: int) -> None:
    """Newlines, quotes and nulls in cells, and rows longer than a block, are preserved."""
    rows = [row(text=cell) for cell in cells]
    with TemporaryDirectory() as folder:
        blocks = read_in_blocks(written(Path(folder), rows), size)
    assert texts(blocks) == [tuple(cell or None for cell in one) for one in rows]


def test_blocks_have_the_requested_size(tmp_path: Path) -> None:
    """A large export is never in memory as a whole."""
    blocks = read_in_blocks(written(tmp_path, [row() for _ in range(1000)]), 1000)
    assert sum(block.height for block in blocks) == 1000
    assert max(block.height for block in blocks) < 50


def test_a_header_longer_than_a_block_and_blank_lines_are_read(tmp_path: Path) -> None:
    """The header is read separately, and a block of blank lines has no responses."""
    text = csv_text(COLUMNS, [row("1"), row("2")]).replace("Text of", "Text of " * 500)
    path = tmp_path / "export.zip"
    path.write_bytes(zipped({"a.csv": b"\xef\xbb\xbf" + (text + "\n" * 300).encode()}))
    assert [cells[3] for cells in texts(read_in_blocks(path, 100))] == ["1", "2"]


def test_a_record_without_end_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unclosed quote must not fill the memory."""
    monkeypatch.setattr(csv_reader, "_LONGEST_RECORD", 10_000)
    path = tmp_path / "export.zip"
    text = csv_text(COLUMNS, []) + '0,1,"' + "never closed,\n" * 5000
    path.write_bytes(zipped({"a.csv": text}))
    with pytest.raises(ExportFailed, match="no end"):
        read_in_blocks(path, 1000)


@pytest.mark.parametrize(
    "unit", [b"\n", b",", b'"', b'""', b'"\n', b'\n"', b"0\n", b'"",', b"\x00", b"0,1,\n"]
)
def test_a_bomb_after_a_valid_header_ends(tmp_path: Path, unit: bytes) -> None:
    """Whatever the rows are, little memory is taken until they are rejected or read."""
    columns = COLUMNS | {f"Q{n}": f"QID{n}" for n in range(3, 1000)}
    path = tmp_path / "export.zip"
    path.write_bytes(zipped({"a.csv": csv_text(columns, []).encode() + unit * 2**19}))
    cells = 0
    with suppress(ExportFailed, pl.exceptions.PolarsError), read_export(path) as responses:
        assert responses.header is not None
        for block in responses.blocks({Responses.name(c) for c in responses.header.columns}):
            cells += block.height * block.width
    assert cells <= 2 * csv_reader.BLOCK


@pytest.mark.parametrize("row", ["names", "keys"])
def test_too_many_columns_are_rejected(tmp_path: Path, row: str) -> None:
    """The limit is checked in the header, before Polars creates the columns."""
    few, many = ["status", "finished"], [str(n) for n in range(csv_reader.MOST_COLUMNS + 1)]
    names, keys = (many, few) if row == "names" else (few, many)
    path = tmp_path / "export.zip"
    quoted = ",".join(f'"{{""ImportId"":""{key}""}}"' for key in keys)
    path.write_bytes(zipped({"a.csv": f"{','.join(names)}\ntexts\n{quoted}\n"}))
    with pytest.raises(ExportFailed, match="more than 10,000 columns"):
        read_in_blocks(path, 1000)


def test_a_quote_that_is_never_closed_is_found_after_some_lines(tmp_path: Path) -> None:
    """The rest of the file is not collected as one answer."""
    path = tmp_path / "export.zip"
    path.write_bytes(zipped({"a.csv": csv_text(COLUMNS, []) + '0,1,"' + "\n" * 3_000_000}))
    with pytest.raises(ExportFailed, match="no end"):
        read_in_blocks(path, 1000)


def test_a_column_with_many_distinct_texts_is_read_as_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops being categorical from the next block on; its cells do not change."""
    monkeypatch.setattr(csv_reader, "MOST_CODES", 5)
    rows = [row(text=f"text {number}") for number in range(100)]
    blocks = read_in_blocks(written(tmp_path, rows), 1000)
    assert isinstance(blocks[0].dtypes[4], pl.Categorical)
    assert blocks[-1].dtypes[4] == pl.String
    assert isinstance(blocks[-1].dtypes[3], pl.Categorical)
    assert texts(blocks) == [tuple(one) for one in rows]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_members_are_read(tmp_path: Path, method: int) -> None:
    """Deflated members use a faster reader than that of the standard library."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        made.writestr("a.csv", csv_text(COLUMNS, [row(str(n % 2), f"{n}") for n in range(500)]))
    path = tmp_path / "export.zip"
    path.write_bytes(out.getvalue())
    assert [cells[4] for cells in texts(read_in_blocks(path, 777))] == [str(n) for n in range(500)]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_with_another_compression_are_rejected(tmp_path: Path, method: int) -> None:
    """Qualtrics sends none, and 1 kB of them can be gigabytes."""
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("a.csv", csv_text(COLUMNS, [row()]))
    with pytest.raises(ExportFailed, match="unsupported compression"):
        read_in_blocks(path, 1000)


def test_a_highly_compressed_member_is_read_completely(tmp_path: Path) -> None:
    """Few compressed bytes can contain many blocks, and none is lost."""
    text = csv_text(COLUMNS, [row(text="0" * 1000)] * 5000)
    path = tmp_path / "export.zip"
    path.write_bytes(zipped({"a.csv": text}))
    with zip_reader.members(path) as found:
        (content,) = [member.read() for member in found]
    assert content == text.encode()
    assert path.stat().st_size < len(text) / 100


def test_a_member_with_a_wrong_checksum_or_size_is_rejected(tmp_path: Path) -> None:
    """Data that decompresses but does not match the directory is damaged."""
    whole = zipped({"a.csv": csv_text(COLUMNS, [row()])})
    place = whole.rindex(b"PK\x01\x02")
    for offset in (16, 24):  # The checksum; the size.
        changed = bytearray(whole)
        changed[place + offset] ^= 1
        path = tmp_path / "export.zip"
        path.write_bytes(bytes(changed))
        with pytest.raises(ExportFailed, match="damaged"):
            read_in_blocks(path, 1000)


def server_error(_: httpx.Request) -> httpx.Response:
    """Return HTTP 500: counting a saved export sends no requests."""
    return httpx.Response(500)


def test_blocks_and_files_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts of all blocks and files are combined."""
    numbers = ["1,5", "2.5", "", "x", "-3"]
    rows = [row(str(1 + n % 2), numbers[n % 5], 1 + n % 28) for n in range(200)]
    with api_answered_by(server_error, tmp_path) as (_, context, _):
        whole = counted(written(tmp_path, rows), context)
        monkeypatch.setattr(csv_reader, "BLOCK", 500)
        assert counted(written(tmp_path, rows, files=3), context) == whole
    total = tally_of(whole, "numbers").window("current").total
    assert total.unanswered == {"unreadable": 80, "not_answered": 40}
    assert total.answers == {"-3": 40, "2.5": 40}
    assert tally_of(whole, "answers").window("current").total.answers == {"1": 100, "2": 100}
    assert [g.key for g in tally_of(whole, "months").window("current").groups] == ["2026-02"]


@pytest.mark.parametrize("reason", [Cancelled, DeadlineExceeded])
def test_counting_stops_between_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: type[MetricsError]
) -> None:
    """Cancellation and the deadline take effect before the export is read completely."""
    monkeypatch.setattr(csv_reader, "BLOCK", 500)
    path = written(tmp_path, [row() for _ in range(1000)])
    seen: list[float] = []
    with api_answered_by(server_error, tmp_path, seconds=60) as (_, context, clock):

        def report(done: float, _total: float | None, _what: str) -> None:
            seen.append(done)
            if len(seen) == 3:
                if reason is Cancelled:
                    context.deadline.cancelled.set()
                else:
                    clock.wait(61, context.deadline.cancelled)

        object.__setattr__(context, "report", report)
        with pytest.raises(reason):
            counted(path, context)
    assert len(seen) == 3
    assert 0 < seen[-1] < 1000


@pytest.mark.parametrize("content", ["good", "damaged", "empty"])
def test_the_downloaded_file_is_always_deleted(tmp_path: Path, content: str) -> None:
    """The private folder has no responses after they were counted or rejected."""
    good = zipped({"a.csv": csv_text(COLUMNS, [row()])})
    file = {"good": good, "damaged": good[:-40], "empty": zipped({})}[content]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/file"):
            return httpx.Response(200, content=file)
        if "survey-definitions" in request.url.path:
            return httpx.Response(200, json=envelope(survey_definition(QUESTIONS)))
        return httpx.Response(
            200, json=envelope({"progressId": "ES_1", "status": "complete", "fileId": "f-def"})
        )

    with api_answered_by(answer, tmp_path) as (api, context, _):
        if content == "damaged":
            with pytest.raises(ExportFailed, match="damaged"):
                dict(fetch(api, context, SURVEY, QUERIES))
        else:
            outcomes = dict(fetch(api, context, SURVEY, QUERIES))
            total = tally_of(outcomes, "months").window("current").total
            assert total.responses == (1 if content == "good" else 0)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_the_size_limit_applies_to_all_files_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several small files are limited like one large file."""

    def small(self: zip_reader.Allowance) -> None:
        self._left = 30_000

    monkeypatch.setattr(zip_reader.Allowance, "__init__", small)
    path = written(tmp_path, [row(text="x" * 500) for _ in range(100)], files=4)
    with pytest.raises(ExportFailed, match="larger than any"):
        read_in_blocks(path, 5000)


def test_an_invalid_date_in_any_block_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A date that is not valid never results in a wrong number."""
    monkeypatch.setattr(csv_reader, "BLOCK", 300)
    rows = [row() for _ in range(50)]
    rows[40][2] = "yesterday"
    with (
        api_answered_by(server_error, tmp_path) as (_, context, _),
        pytest.raises(ExportFailed, match="date is not valid"),
    ):
        counted(written(tmp_path, rows), context)
