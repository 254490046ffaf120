"""Read the members of a downloaded ZIP as streams, without extracting them to disk.

The core checks the archive and lists the members. ``isal`` decompresses them in a third of the
time.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Final

from isal import isal_zlib

from smaply_metrics_core import ExportFailed, open_zip

MOST_BYTES: Final = 16 * 2**30
"""The limit for the decompressed size of all members. Qualtrics itself fails above about 2 GB."""

_BLOCK: Final = 1 << 20
_COMPRESSED: Final = 1 << 17
_LOCAL: Final = struct.Struct("<26xHH")
"""The local header of a member. It ends with the lengths of the name and the extra field."""
_END: Final = b"PK\x05\x06"
_LONGEST_END: Final = 22 + 2**16
_MANY: Final = 0xFFFF
"""The number of members in the end record if the ZIP64 end record contains the real number."""

_DAMAGE: Final[tuple[type[Exception], ...]] = (
    zipfile.BadZipFile,
    zlib.error,
    isal_zlib.error,  # type: ignore[assignment,unused-ignore]
    struct.error,
    EOFError,
    IndexError,
    OSError,
    RuntimeError,
    ValueError,
)
"""The exceptions that the libraries raise for damaged, encrypted and unsupported ZIPs."""


class ZipMember:
    """A readable stream for one file in an export."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, or all remaining ones.

        Raises:
            ExportFailed: if the file is damaged or truncated.
        """
        with _zip_errors():
            return self._stream.read(size)

    def readline(self, size: int = -1) -> bytes:
        """Return one line of up to ``size`` bytes.

        Raises:
            ExportFailed: if the file is damaged or truncated.
        """
        with _zip_errors():
            return self._stream.readline(size)


class Allowance:
    """Limits the decompressed size of an archive."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """Subtract a number of bytes from the remaining allowance.

        Raises:
            ExportFailed: if the limit is exceeded.
        """
        self._left -= count
        if self._left < 0:
            raise ExportFailed(
                "The export is larger than any Qualtrics export can be.",
                remedy="Choose a shorter date range.",
            )


@contextmanager
def members(path: Path) -> Iterator[Iterator[ZipMember]]:
    """Open an export and return an iterator over its files, in archive order.

    Only one file is open at a time. An export without files has no responses.

    Raises:
        ExportFailed: if the archive is damaged, truncated, or exceeds a limit of ``open_zip``.
    """
    with ExitStack() as opened:
        with _zip_errors():
            archive = opened.enter_context(open_zip(path))
            found = [info for info in archive.infolist() if info.file_size or not info.is_dir()]
            complete = _count(path) in {len(archive.infolist()), _MANY}
        if not complete:
            raise _damaged()
        yield opened.enter_context(closing(_opened(path, archive, found)))


def copy(member: ZipMember, out: IO[bytes], allowance: Allowance) -> None:
    """Write the rest of a member to a file in blocks.

    Raises:
        ExportFailed: if the member is damaged or exceeds the allowance.
    """
    while block := member.read(_BLOCK):
        allowance.take(len(block))
        out.write(block)


def _opened(
    path: Path, archive: zipfile.ZipFile, found: list[zipfile.ZipInfo]
) -> Generator[ZipMember]:
    for info in found:
        with ExitStack() as opened:
            with _zip_errors():
                # Opening also compares the local header with the central directory.
                stream: IO[bytes] = opened.enter_context(archive.open(info))
                if info.compress_type == zipfile.ZIP_DEFLATED:
                    file = opened.enter_context(path.open("rb"))
                    stream = opened.enter_context(io.BufferedReader(_Inflated(file, info), _BLOCK))
            yield ZipMember(stream)


class _Inflated(io.RawIOBase):
    """The content of a deflated member, decompressed on demand and verified at the end."""

    def __init__(self, file: IO[bytes], info: zipfile.ZipInfo) -> None:
        self._info = info
        self._inflate = isal_zlib.decompressobj(-15)
        self._left = info.compress_size
        self._size = self._crc = 0
        self._file = file
        self._file.seek(info.header_offset)
        name, extra = _LOCAL.unpack(self._file.read(_LOCAL.size))
        self._file.seek(name + extra, 1)

    def readable(self) -> bool:
        return True

    # The type stubs require a Buffer, which Python 3.11 does not define.
    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        block = b""
        while not block and not self._inflate.eof:
            compressed = self._inflate.unconsumed_tail or self._compressed()
            block = self._inflate.decompress(compressed, len(target))
            # At the end, decompressed data may remain that was not returned yet.
            if not (block or compressed or self._inflate.eof):
                raise EOFError("a member is truncated")
        if not block:
            self._check_end()
        self._size += len(block)
        self._crc = isal_zlib.crc32(block, self._crc)
        target[: len(block)] = block
        return len(block)

    def _compressed(self) -> bytes:
        block = self._file.read(min(self._left, _COMPRESSED))
        self._left -= len(block)
        return block

    def _check_end(self) -> None:
        if (self._size, self._crc) != (self._info.file_size, self._info.CRC):
            raise zipfile.BadZipFile("the size or checksum of a member does not match")


def _count(path: Path) -> int:
    """Return the number of members in the end record, which the standard library ignores."""
    with path.open("rb") as file:
        file.seek(-min(_LONGEST_END, path.stat().st_size), 2)
        tail = file.read()
    count: int = struct.unpack_from("<H", tail, tail.rindex(_END) + 10)[0]
    return count


@contextmanager
def _zip_errors() -> Iterator[None]:
    """Convert the exceptions of a damaged ZIP to ``ExportFailed``."""
    try:
        yield
    except _DAMAGE as error:
        raise _damaged() from error


def _damaged() -> ExportFailed:
    return ExportFailed("The export is damaged or incomplete.")
