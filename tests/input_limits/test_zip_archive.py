"""ZIP files from untrusted senders: what is refused before anything is inflated."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core import ExportFailed, open_zip
from smaply_metrics_core.input_limits.zip_archive import LARGEST_DIRECTORY, MOST_FILES, unpack_zip

from .traced_memory import traced_memory

DIRECTORY = b"PK\x01\x02"
END = b"PK\x05\x06"


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP file with these files."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def refusal(content: bytes) -> str:
    """Return the message with which opening a ZIP file is refused."""
    with pytest.raises(ExportFailed) as caught, open_zip(io.BytesIO(content)):
        pass
    assert caught.value.message.startswith("The ZIP file has ")
    return caught.value.message


def many_entries(count: int) -> bytes:
    """Return a ZIP file with a directory of many empty files, all at the same place."""
    whole = zipped({"a": b""}, zipfile.ZIP_STORED)
    at, end = whole.index(DIRECTORY), whole.index(END)
    entries = whole[at:end] * count
    tail = bytearray(whole[end:])
    struct.pack_into("<HHI", tail, 8, count & 0xFFFF, count & 0xFFFF, len(entries))
    return whole[:at] + entries + bytes(tail)


def many_zip64_entries(count: int) -> bytes:
    """Return the same with the end record of ZIP64, in which the number is not reduced."""
    plain = many_entries(count)
    at, end = plain.index(DIRECTORY), plain.rindex(END)
    size, zip64 = end - at, end
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, at)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, zip64, 1)
    tail = bytearray(plain[end:])
    struct.pack_into("<HHII", tail, 8, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    return plain[:end] + record + locator + bytes(tail)


@pytest.mark.parametrize("as_path", [True, False])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_files_are_read(tmp_path: Path, method: int, *, as_path: bool) -> None:
    """A path and a stream are accepted; large files are read as usual after opening."""
    data = bytes(range(256)) * 20_000
    content = zipped({"a": data, "folder/": b"", "folder/b": b"b"}, method)
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    stream = io.BytesIO(content)
    with open_zip(path if as_path else stream) as archive:
        assert archive.namelist() == ["a", "folder/", "folder/b"]
        assert archive.read("a") == data
        with archive.open("a") as member:
            assert member.read(3_000_000) == data[:3_000_000]
    assert not stream.closed


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(method: int) -> None:
    """Nothing of a file in bzip2 or LZMA is inflated, of which 1 kB can be gigabytes."""
    content = zipped({"a": bytes(3 * 10**6)}, method)
    with traced_memory() as memory:
        assert "unsupported compression" in refusal(content)
    assert memory.peak < 10**6


@pytest.mark.parametrize("flag", [0x1, 0x20, 0x40])
def test_files_that_cannot_be_read_are_refused(flag: int) -> None:
    """An encrypted or patched file is refused at once, and not where it is read."""
    content = bytearray(zipped({"a": b"b"}))
    content[content.index(DIRECTORY) + 8] |= flag
    assert "encrypted" in refusal(bytes(content))


@pytest.mark.parametrize("make", [many_entries, many_zip64_entries])
def test_a_long_list_of_files_is_not_read(make: Callable[[int], bytes]) -> None:
    """The size of the list is limited before it is read, so 5 MB of it do not become 50 MB."""
    content = make(100_000)
    with traced_memory() as memory:
        assert "a list of files of more than 1,048,576 bytes" in refusal(content)
    assert memory.peak < 10**6


@pytest.mark.parametrize("make", [many_entries, many_zip64_entries])
def test_a_list_within_the_size_limit_takes_little_memory(make: Callable[[int], bytes]) -> None:
    """The shortest possible entries make the largest number of objects.

    A sixteenth of the limit takes a sixteenth of the memory; measuring all of it takes long.
    """
    content = make(LARGEST_DIRECTORY // 16 // 47)
    with traced_memory() as memory:
        assert f"more than {MOST_FILES:,} files" in refusal(content)
    assert memory.peak < 30 * 10**6 // 16


def test_the_number_of_files_is_limited() -> None:
    """The limit itself is accepted, and one file more is not."""
    most = zipped({str(number): b"" for number in range(MOST_FILES)})
    with open_zip(io.BytesIO(most)) as archive:
        assert len(archive.namelist()) == MOST_FILES
    assert "more than 1,000 files" in refusal(zipped({str(n): b"" for n in range(MOST_FILES + 1)}))
    with pytest.raises(ExportFailed, match="more than 1 files"):
        _open_with_limit(zipped({"a": b"", "b": b""}), 1)


def _open_with_limit(content: bytes, most: int) -> None:
    with open_zip(io.BytesIO(content), most_files=most):
        pass


def test_overlapping_files_are_refused() -> None:
    """Files that share their compressed data would inflate the same bytes again and again."""
    content = bytearray(zipped({"a": bytes(100_000), "b": bytes(100_000)}))
    first, second = content.index(DIRECTORY), content.rindex(DIRECTORY)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    assert "overlap" in refusal(bytes(content))


def test_a_file_that_reaches_into_the_list_of_files_is_refused() -> None:
    """Its declared size is larger than what precedes the list."""
    content = bytearray(zipped({"a": b"x" * 100}, zipfile.ZIP_STORED))
    struct.pack_into("<I", content, content.index(DIRECTORY) + 20, 10_000)
    assert "overlap" in refusal(bytes(content))


def test_damage_is_reported_where_it_is_read() -> None:
    """A wrong checksum is an error of the sender, not of the code that reads the file."""
    content = bytearray(zipped({"a": b"x" * 1000}))
    content[content.index(DIRECTORY) + 16] ^= 1
    with pytest.raises(ExportFailed, match="damaged"), open_zip(io.BytesIO(bytes(content))) as one:
        one.read("a")


def test_small_files_are_unpacked() -> None:
    """Files are read into memory up to a limit of all of them, whatever sizes they declare."""
    content = zipped({"a": b"1" * 100, "b": b"2" * 100})
    assert unpack_zip(content, most_bytes=200) == [("a", b"1" * 100), ("b", b"2" * 100)]
    with pytest.raises(ExportFailed, match="too large"):
        unpack_zip(content, most_bytes=199)
    false_size = bytearray(content)
    struct.pack_into("<I", false_size, content.index(DIRECTORY) + 24, 50)
    with pytest.raises(ExportFailed):
        unpack_zip(bytes(false_size))


@given(st.binary(max_size=30), st.integers(min_value=0, max_value=2**16))
def test_random_damage_never_raises_another_error(noise: bytes, at: int) -> None:
    """Whatever bytes are changed, the file is read or refused with an `ExportFailed`."""
    content = bytearray(zipped({"a": b"some text" * 30, "ä": b""}))
    start = at % len(content)
    content[start : start + len(noise)] = noise
    with suppress(ExportFailed), open_zip(io.BytesIO(bytes(content))) as archive:
        for name in archive.namelist():
            archive.read(name)
