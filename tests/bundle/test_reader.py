"""Reading untrusted bundles: within limits, and with a readable error when it fails."""

from __future__ import annotations

import json
import struct
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.bundle.contents import METRICS, METRICS_FILE
from smaply_metrics_core.bundle.reader import MOST_JSON, ROOMY, open_bundle
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.input_limits.zip_archive import MOST_FILES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MANIFEST: dict[str, Any] = {
    "source": "shop",
    "survey_id": "S1",
    "zone": "UTC",
    "week_start": 1,
    "include_personal": False,
    "made_at": "2026-04-01T12:00:00Z",
}


def bundle(path: Path, files: Mapping[str, bytes] | None = None, **manifest: object) -> Path:
    """Write a bundle with these files in addition to its manifest."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", json.dumps(MANIFEST | manifest))
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a bundle to write."""
    return tmp_path / "bundle.zip"


def refusal(path: Path) -> str:
    """Return the message with which opening is refused; no file was written."""
    folder = path.parent / "private"
    folder.mkdir(exist_ok=True)
    with pytest.raises(InputError) as caught, open_bundle(path, folder):
        pass
    assert caught.value.remedy
    assert list(folder.iterdir()) == []
    return caught.value.message


def test_files_are_read_and_copied(path: Path, tmp_path: Path) -> None:
    """Names, JSON, streams and copies; a copy is readable by its owner only."""
    bundle(path, {"raw/a.csv": b"x" * 100_000, "b.json": b'{"a": [1, null]}', "../up": b"!"})
    with open_bundle(path, tmp_path) as reader:
        assert reader.names == ("bundle.json", "raw/a.csv", "b.json", "../up")
        assert reader.manifest.survey_id == "S1"
        assert reader.read_json("b.json") == {"a": [1, None]}
        copies = [reader.extract("raw/a.csv"), reader.extract("../up")]
        with reader.open("raw/a.csv") as stream:
            assert stream.read(3) == b"xxx"
            assert len(stream.read()) == 99_997
    assert copies[0].read_bytes() == b"x" * 100_000
    assert {copy.parent for copy in copies} == {tmp_path}
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}


def test_an_invalid_bundle_is_refused(path: Path) -> None:
    """A missing file, a folder, another file, another ZIP file or an incomplete one."""
    assert "no file" in refusal(path)
    assert "no file" in refusal(path.parent)
    path.write_text("hello")
    assert "not a ZIP file" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday.jpg", b"")
    assert "bundle.json" in refusal(path)
    bundle(path)
    path.write_bytes(path.read_bytes()[:-30])
    assert "incomplete" in refusal(path)


@pytest.mark.parametrize(
    "manifest",
    [
        {"format": 2},
        {"made_at": "2026-04-01T12:00:00"},
        {"made_at": "0001-01-01T00:00:00Z"},
        {"made_at": 10**30},
        {"source": ["x"]},
        {"zone": "Mars/Olympus"},
        {"zone": "../UTC"},
        {"week_start": 8},
        {"more": 1},
    ],
)
def test_an_invalid_manifest_is_refused(path: Path, manifest: dict[str, object]) -> None:
    """A later format, a date out of range and an unknown field are rejected."""
    assert "bundle.json" in refusal(bundle(path, None, **manifest))


def test_a_zip_bomb_is_not_inflated(path: Path) -> None:
    """A file with an implausible compression ratio is rejected before it is read."""
    bundle(path, {"raw/responses.csv": bytes(ROOMY + 1)})
    assert "compression ratio" in refusal(path)


def test_files_that_are_too_large_together_are_refused(path: Path) -> None:
    """The declared sizes are summed before any file is opened."""
    content = bytearray(bundle(path, {str(number): b"" for number in range(5)}).read_bytes())
    at = content.index(b"PK\x01\x02")
    while (at := content.find(b"PK\x01\x02", at + 1)) > 0:
        struct.pack_into("<I", content, at + 24, 2**32 - 2)
    path.write_bytes(content)
    assert "more than 16 GiB" in refusal(path)


def test_too_many_files_are_refused(path: Path) -> None:
    """A bundle with more than 1,000 files is rejected."""
    bundle(path, {str(number): b"" for number in range(MOST_FILES)})
    assert "more than 1,000 files" in refusal(path)


def test_duplicate_names_are_refused(path: Path) -> None:
    """Readers would not agree on which of the two files is meant."""
    bundle(path, {"a.json": b"1"})
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.json", b"2")
    assert "two files with the same name" in refusal(path)


def test_other_compressions_are_refused(path: Path) -> None:
    """Only deflated or stored files are read, and none that is encrypted."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("bundle.json", json.dumps(MANIFEST))
    assert "unsupported compression" in refusal(path)
    content = bytearray(bundle(path).read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"NaN",
        b"[1e999]",
        b'"\\ud800"',
        b"\xff",
        b"[" * 100_000,
        b"1" * 10_000,
        b" " * (MOST_JSON + 1),
    ],
)
def test_invalid_json_is_reported(path: Path, tmp_path: Path, content: bytes) -> None:
    """Broken, infinite, endless and deeply nested files end in an error that names the file."""
    bundle(path, {"a.json": content})
    with (
        open_bundle(path, tmp_path) as reader,
        pytest.raises(InputError, match=r"a\.json") as caught,
    ):
        reader.read_json("a.json")
    assert caught.value.remedy


def test_a_damaged_file_is_reported_where_it_is_read(path: Path, tmp_path: Path) -> None:
    """A wrong checksum is not the end of a file; a missing file is named."""
    content = bundle(path, {"raw/a.csv": b"abc" * 1000}).read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("raw/a.csv")
    broken = bytearray(content)
    at = info.header_offset + 30 + len(info.filename)
    broken[at : at + info.compress_size] = bytes(info.compress_size)
    path.write_bytes(broken)
    with open_bundle(path, tmp_path) as reader:
        with pytest.raises(InputError, match="damaged"):
            reader.extract("raw/a.csv")
        with pytest.raises(InputError, match=r"no file b\.json"):
            reader.read_json("b.json")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda one: one["result"].update(as_of="2026-04-01T12:00:00"), "time zone"),
        (lambda one: one["result"].update(as_of="9999-12-31T23:59:59Z"), "time zone"),
        (lambda one: one["result"]["current"]["window"].update(end="2026-04-01T00:00:00"), "zone"),
        (lambda one: one["metric"].pop("definition"), "definition"),
        (lambda one: one["result"]["current"].update(answered="many"), "answered"),
    ],
    ids=["no zone", "out of range", "a window", "no definition", "no number"],
)
def test_invalid_metrics_are_refused(
    path: Path,
    tmp_path: Path,
    stored: dict[str, Any],
    change: Any,  # noqa: ANN401  # A function on JSON.
    expected: str,
) -> None:
    """Instants without a zone or out of range, and missing or invalid parts, are rejected."""
    change(stored)
    bundle(path, {METRICS: json.dumps([stored]).encode()})
    with open_bundle(path, tmp_path) as reader, pytest.raises(InputError, match=expected):
        reader.read(METRICS, METRICS_FILE)


@pytest.fixture
def stored() -> dict[str, Any]:
    """A metric with a value, as a bundle contains it."""
    counts = {"responses": 2, "answered": 2, "recorded": 2, "low_sample": True}
    return {
        "metric": {
            "id": "m",
            "workspace": "w",
            "name": "Responses",
            "source": "shop",
            "definition": {"survey_id": "S1", "calculation": "responses"},
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
        },
        "result": {
            "type": "number",
            "calculation": "responses",
            "unit": "count",
            "current": {"window": {}, "value": 2, **counts},
            "as_of": "2026-04-01T12:00:00Z",
        },
    }


@given(st.binary(max_size=40), st.integers(min_value=0, max_value=2**16))
def test_random_damage_never_raises_another_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    """Whatever bytes of a bundle are changed, it is read or rejected with an `InputError`."""
    folder = tmp_path_factory.mktemp("noise")
    path = bundle(folder / "b.zip", {METRICS: b"[]", "raw/a.csv": b"a,b\n" * 50})
    content = bytearray(path.read_bytes())
    start = at % len(content)
    content[start : start + len(noise)] = noise
    path.write_bytes(content)
    with suppress(InputError), open_bundle(path, folder) as reader:
        for name in reader.names:
            reader.extract(name)
        reader.read(METRICS, METRICS_FILE)
