"""The downloaded ZIP: its members as streams, none of them ever extracted by its name.

The standard library finds and checks the members; what they hold is inflated by ``isal``, which
takes a third of the time.
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

from smaply_metrics_core import ExportFailed

MOST_MEMBERS: Final = 1_000
MOST_BYTES: Final = 16 * 2**30
"""Inflated, all members together. Qualtrics itself fails beyond some 2 GB."""

_BLOCK: Final = 1 << 20
_COMPRESSED: Final = 1 << 17
_LOCAL: Final = struct.Struct("<26xHH")
"""A member's local header: how long its name and the extra field are that follow."""
_END: Final = b"PK\x05\x06"
_LONGEST_END: Final = 22 + 2**16
_MANY: Final = 0xFFFF
"""Stands in the end record when another one, for large archives, tells the number of members."""

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
"""What the standard library raises for damaged, encrypted and unknown ZIPs."""


class ZipMember:
    """One file in an export's ZIP, from its beginning."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Read some of it, or the rest.

        Raises:
            ExportFailed: when it is damaged or cut short.
        """
        with _no_damage():
            return self._stream.read(size)

    def readline(self, size: int = -1) -> bytes:
        """Read to the end of a line.

        Raises:
            ExportFailed: when it is damaged or cut short.
        """
        with _no_damage():
            return self._stream.readline(size)


class Allowance:
    """How many bytes may still come out of an archive."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._left = most

    def take(self, count: int) -> None:
        """Use some of it.

        Raises:
            ExportFailed: when that is more than is left.
        """
        self._left -= count
        if self._left < 0:
            raise ExportFailed(
                "The export is far larger than any export of Qualtrics can be.",
                remedy="Choose a shorter date range.",
            )


@contextmanager
def members(path: Path) -> Iterator[Iterator[ZipMember]]:
    """Open each file in an export's ZIP, one after the other, in the order of the ZIP.

    None at all is an export without responses.

    Raises:
        ExportFailed: when the ZIP is damaged or cut short.
    """
    with ExitStack() as opened:
        with _no_damage():
            archive = opened.enter_context(zipfile.ZipFile(path))
            found = [info for info in archive.infolist() if info.file_size or not info.is_dir()]
            complete = _count(path) in {len(archive.infolist()), _MANY}
        if not complete:
            raise _damaged()
        if len(found) > MOST_MEMBERS:
            raise ExportFailed(f"The export has more than {MOST_MEMBERS:,} files.")
        yield opened.enter_context(closing(_opened(path, archive, found)))


def copy(member: ZipMember, out: IO[bytes], allowance: Allowance) -> None:
    """Write the rest of a member, in blocks.

    Raises:
        ExportFailed: when it is damaged, or larger than what is allowed.
    """
    while block := member.read(_BLOCK):
        allowance.take(len(block))
        out.write(block)


def _opened(
    path: Path, archive: zipfile.ZipFile, found: list[zipfile.ZipInfo]
) -> Generator[ZipMember]:
    for info in found:
        with ExitStack() as opened:
            with _no_damage():
                # In any case: this compares the member's own header with the directory.
                stream: IO[bytes] = opened.enter_context(archive.open(info))
                if info.compress_type == zipfile.ZIP_DEFLATED:
                    file = opened.enter_context(path.open("rb"))
                    stream = opened.enter_context(io.BufferedReader(_Inflated(file, info), _BLOCK))
            yield ZipMember(stream)


class _Inflated(io.RawIOBase):
    """What a deflated member holds, inflated as it is read and checked at its end."""

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

    # The stubs want a Buffer, which Python 3.11 has no name for.
    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        block = b""
        while not block and not self._inflate.eof:
            compressed = self._inflate.unconsumed_tail or self._compressed()
            block = self._inflate.decompress(compressed, len(target))
            # At the end some may be inflated and not handed out yet.
            if not (block or compressed or self._inflate.eof):
                raise EOFError("a member is cut short")
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
            raise zipfile.BadZipFile("a member is not what the directory says")


def _count(path: Path) -> int:
    """Read how many members there are to be: the standard library does not compare."""
    with path.open("rb") as file:
        file.seek(-min(_LONGEST_END, path.stat().st_size), 2)
        tail = file.read()
    count: int = struct.unpack_from("<H", tail, tail.rindex(_END) + 10)[0]
    return count


@contextmanager
def _no_damage() -> Iterator[None]:
    """Turn what a damaged ZIP raises into our error."""
    try:
        yield
    except _DAMAGE as error:
        raise _damaged() from error


def _damaged() -> ExportFailed:
    return ExportFailed("The export arrived damaged or incomplete, so nothing was read from it.")
