"""Reads a debug bundle from an untrusted sender, within limits of size and memory."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from pydantic import TypeAdapter

from smaply_metrics_core.bundle.contents import FAILURE, MANIFEST, PROBLEMS, PROBLEMS_FILE, Manifest
from smaply_metrics_core.errors import ExportFailed, InputError
from smaply_metrics_core.input_limits.json_value import JsonRefused, parse_json
from smaply_metrics_core.input_limits.model_validation import DataRefused, validate_data
from smaply_metrics_core.input_limits.zip_archive import open_zip
from smaply_metrics_core.models.problem import Problem

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

MOST_BYTES: Final = 16 * 2**30
"""The maximum inflated size of all files together, which is that of an export."""
MOST_JSON: Final = 16 * 2**20
"""The maximum size of a JSON file, which is read into memory."""
ROOMY: Final = 32 * 2**20
MOST_RATIO: Final = 300
"""The maximum compression ratio of a file with more than ``ROOMY`` bytes. Responses compress less
than this; deflate reaches 1:1,000 on zeros only."""

_BLOCK: Final = 1 << 20
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""The errors of the standard library for damaged, encrypted and unsupported ZIP files."""
_MANIFEST: Final = TypeAdapter(Manifest)


class BundleReader:
    """The files of a debug bundle; ``open_bundle`` returns it.

    Attributes:
        names: The names of its files, unchanged. They are never used as paths.
        manifest: What the bundle is about.
    """

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self._copies = 0
        self._files = {info.filename: info for info in archive.infolist()}
        self.names: Final = tuple(self._files)
        self.manifest: Final = self.read(MANIFEST, _MANIFEST)

    @contextmanager
    def open(self, name: str) -> Generator[BinaryIO, None, None]:
        """Open one file for reading, in a ``with`` statement.

        Raises:
            InputError: when it does not exist, and on reading when it is damaged.
        """
        if name not in self._files:
            raise InputError(
                f"The debug bundle has no file {name}.",
                remedy="See problem.json and failure.json in it for the reason.",
            )
        with _no_damage(name):
            stream = self._archive.open(self._files[name])
        with stream, io.BufferedReader(_BundleMember(stream, name), _BLOCK) as member:
            yield member

    def extract(self, name: str) -> Path:
        """Copy one file, of any size, to a temporary file that only this user can read.

        Raises:
            InputError: when it does not exist or is damaged.
        """
        self._copies += 1
        target = self._folder / f"{self._copies}.part"
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as out, self.open(name) as stream:
            shutil.copyfileobj(stream, out, _BLOCK)
        return target

    def read_json(self, name: str) -> Any:  # noqa: ANN401  # Whatever the file holds.
        """Return the content of a JSON file; its numbers are finite and its texts valid Unicode.

        Raises:
            InputError: when it does not exist, is damaged, larger than 16 MiB, or not JSON.
        """
        with self.open(name) as stream:
            text = stream.read(MOST_JSON + 1)
        try:
            content = parse_json(text, most_bytes=MOST_JSON)
            json.dumps(content, ensure_ascii=False).encode()  # Half a surrogate pair is refused.
        except JsonRefused as error:
            raise _broken(name, f"it has {error}") from None
        except UnicodeEncodeError:
            raise _broken(name, "it has a text that is not valid Unicode") from None
        return content

    def read(self, name: str, adapter: TypeAdapter[T]) -> T:
        """Return a JSON file as a model.

        Raises:
            InputError: as for ``read_json``, and when the content does not match the model.
        """
        content = self.read_json(name)
        try:
            return validate_data(adapter, content)
        except DataRefused as error:
            raise _broken(name, str(error)) from None


class _BundleMember(io.RawIOBase):
    """A file of the bundle that raises ``InputError`` when it is damaged."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        with _no_damage(self._name):
            block = self._stream.read(len(view))
        view[: len(block)] = block
        return len(block)


@contextmanager
def open_bundle(path: Path, folder: Path) -> Generator[BundleReader, None, None]:
    """Open a debug bundle in a ``with`` statement.

    Args:
        path: The file.
        folder: A private temporary folder for copies of its files; the caller removes it.

    Raises:
        InputError: when it is not a debug bundle, has too many files, or files that would inflate
            too much. This is checked before any of them is read.
    """
    if not path.is_file():
        raise InputError(
            f"There is no file {path}.",
            remedy="Use the ZIP file that `smaply-metrics bundle export` wrote.",
        )
    with ExitStack() as opened:
        try:
            archive = opened.enter_context(open_zip(path))
        except ExportFailed as error:
            raise _no_bundle(error.message.removesuffix(".").replace("The", "the", 1)) from None
        _check(archive.infolist())
        yield BundleReader(archive, folder)


def problems_in(reader: BundleReader) -> Iterator[Problem]:
    """Yield the problems that occurred while the bundle was written, the fatal one first.

    Raises:
        InputError: when one of the files with problems is damaged or not valid.
    """
    for name in (FAILURE, PROBLEMS):
        if name in reader.names:
            found = reader.read(name, PROBLEMS_FILE)
            yield from (found,) if isinstance(found, Problem) else found


def _check(files: list[zipfile.ZipInfo]) -> None:
    if len({info.filename for info in files}) != len(files):
        raise _no_bundle("it has two files with the same name")
    if MANIFEST not in {info.filename for info in files}:
        raise _no_bundle(f"it has no {MANIFEST}")
    if sum(info.file_size for info in files) > MOST_BYTES:
        raise _no_bundle(f"its files would inflate to more than {MOST_BYTES // 2**30} GiB")
    for info in files:
        if info.file_size > max(ROOMY, MOST_RATIO * info.compress_size):
            raise _no_bundle(f"it has a file with a compression ratio of more than {MOST_RATIO}")


@contextmanager
def _no_damage(name: str) -> Generator[None, None, None]:
    """Translate the errors of a damaged file into ``InputError``."""
    try:
        yield
    except _DAMAGE:
        raise _broken(name, "it is damaged") from None


def _broken(name: str, why: str) -> InputError:
    return InputError(
        f"The file {name} of the debug bundle cannot be used: {why}.",
        remedy="Request the original file again, and check it with the release that wrote it.",
    )


def _no_bundle(why: str) -> InputError:
    return InputError(
        f"This is not a valid debug bundle: {why}.",
        remedy="Use the unchanged ZIP file that `smaply-metrics bundle export` wrote.",
    )
