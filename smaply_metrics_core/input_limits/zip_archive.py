"""ZIP files from untrusted senders: what is checked before any of their files is inflated."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from smaply_metrics_core.errors import ExportFailed

MOST_FILES: Final = 1_000
LARGEST_DIRECTORY: Final = 2**20
"""The maximum size in bytes of the list of files, which is read into memory. It has room for 1,000
files with long names; a file without a name takes 46 bytes in it and 0.5 kB as an object."""

MOST_UNPACKED: Final = 256 * 2**20
"""The maximum size in bytes of all files together that are read into memory."""

METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""Inflated in pieces of the size that the reader requests. The standard library inflates bzip2 and
LZMA in pieces of any size: 800 bytes become 2 GB at once."""

_ENCRYPTED: Final = 0x1
_PATCH: Final = 0x20
_STRONGLY_ENCRYPTED: Final = 0x40
_UNREADABLE: Final = _ENCRYPTED | _PATCH | _STRONGLY_ENCRYPTED
_LOCAL_HEADER: Final = 30
"""The size in bytes of the header before a file, without its name and extra field."""
_BLOCK: Final = 1 << 16

_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, UnicodeDecodeError)
"""The errors of the standard library when it reads files of a damaged ZIP file."""
_NO_ZIP: Final = (*_DAMAGE, OSError, OverflowError, NotImplementedError, ValueError)
"""Its errors when it opens a damaged or unsupported ZIP file."""


class _LimitedReads(io.BufferedReader):
    """A file that refuses to read more bytes at once than ``most``; ``None`` removes the limit.

    The directory of a ZIP file is read at once, with the size that the file itself declares.
    """

    most: int | None = LARGEST_DIRECTORY

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to ``size`` bytes.

        Raises:
            ExportFailed: if that exceeds the limit.
        """
        if self.most is not None and size is not None and size > self.most:
            raise _refused(f"has a list of files of more than {self.most:,} bytes")
        return super().read(size)


@contextmanager
def open_zip(file: Path | BinaryIO, *, most_files: int = MOST_FILES) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP file from an untrusted sender, in a ``with`` statement.

    Its files are stored or deflated, not encrypted, and do not overlap. Their declared sizes are
    not trusted: read them in blocks, and count what was read.

    Args:
        file: The path of the file, or its content as a stream that can seek.
        most_files: The maximum number of files.

    Raises:
        ExportFailed: if it is not a ZIP file, is damaged, or exceeds a limit; also when a file in
            it turns out to be damaged while the block reads it.
    """
    with ExitStack() as opened:
        raw = io.FileIO(file) if isinstance(file, Path) else file
        limited = _LimitedReads(raw, _BLOCK)  # type: ignore[arg-type]  # Any stream can be wrapped.
        opened.callback(limited.close if isinstance(file, Path) else limited.detach)
        try:
            archive = opened.enter_context(zipfile.ZipFile(limited))
        except _NO_ZIP:
            raise ExportFailed("The file is not a ZIP file, or is damaged or incomplete.") from None
        limited.most = None
        _check(archive, most_files)
        try:
            yield archive
        except _DAMAGE:
            raise _refused("has a damaged file") from None


def unpack_zip(content: bytes, *, most_bytes: int = MOST_UNPACKED) -> list[tuple[str, bytes]]:
    """Return the name and the content of each file of a small ZIP file.

    Raises:
        ExportFailed: as for ``open_zip``, and if the files exceed ``most_bytes`` together.
    """
    found: list[tuple[str, bytes]] = []
    with open_zip(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            with archive.open(info) as file:
                data = file.read(most_bytes + 1)
            most_bytes -= len(data)
            if most_bytes < 0:
                raise _refused("has files that are too large to be read into memory")
            found.append((info.filename, data))
    return found


def _check(archive: zipfile.ZipFile, most_files: int) -> None:
    files = archive.infolist()
    if len(files) > most_files:
        raise _refused(f"has more than {most_files:,} files")
    if any(one.compress_type not in METHODS or one.flag_bits & _UNREADABLE for one in files):
        raise _refused("has files that are encrypted or use an unsupported compression")
    end = 0
    for one in sorted(files, key=lambda one: one.header_offset):
        if one.header_offset < end:
            raise _refused("has files that overlap")
        end = one.header_offset + _LOCAL_HEADER + one.compress_size
    if end > archive.start_dir and files:
        raise _refused("has files that overlap")


def _refused(why: str) -> ExportFailed:
    return ExportFailed(f"The ZIP file {why}.")
