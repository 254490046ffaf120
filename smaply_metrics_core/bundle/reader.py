"""Reading a debug bundle that anybody may have sent: within bounds, and never out of them."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from smaply_metrics_core.bundle.contents import FAILURE, MANIFEST, PROBLEMS, PROBLEMS_FILE, Manifest
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.problem import Problem

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

MOST_FILES: Final = 1_000
MOST_BYTES: Final = 16 * 2**30
"""Of all files together, inflated: as much as any export may have."""
MOST_JSON: Final = 16 * 2**20
"""Of one JSON file, which is read as a whole."""
ROOMY: Final = 32 * 2**20
MOST_RATIO: Final = 300
"""A file of more than ``ROOMY`` bytes that shrank further than this holds no responses: deflate
gets to 1:1,000 on nothing but zeros."""

_BLOCK: Final = 1 << 20
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
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
"""What the standard library raises for damaged, encrypted and unknown ZIPs."""


class BundleReader:
    """The files of a debug bundle, read one by one; ``open_bundle`` makes it.

    Attributes:
        names: Of its files, as they stand there. None is ever used as a path.
        manifest: What the bundle is about.
    """

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self._copies = 0
        self._files = {info.filename: info for info in archive.infolist()}
        self.names: Final = tuple(self._files)
        self.manifest: Final = self.read(MANIFEST, TypeAdapter(Manifest))

    @contextmanager
    def open(self, name: str) -> Generator[BinaryIO, None, None]:
        """Read one file in a ``with`` statement.

        Raises:
            InputError: when it is not there; and where it is read, when it is damaged.
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
        """Copy one file, of any size, to a path that only this user can read; it goes by itself.

        Raises:
            InputError: when it is not there, or damaged.
        """
        self._copies += 1
        target = self._folder / f"{self._copies}.part"
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as out, self.open(name) as stream:
            shutil.copyfileobj(stream, out, _BLOCK)
        return target

    def read_json(self, name: str) -> Any:  # noqa: ANN401  # Whatever the file holds.
        """Read a JSON file; numbers in it are finite, and texts are whole.

        Raises:
            InputError: when it is not there, damaged, larger than 16 MiB, or no JSON.
        """
        with self.open(name) as stream:
            if self._files[name].file_size > MOST_JSON:
                raise _broken(name, f"it has more than {MOST_JSON // 2**20} MiB")
            text = stream.read()
        try:
            content = from_json(text, allow_inf_nan=False)
            json.dumps(content, allow_nan=False)  # 1e999 is infinite, too.
        except (ValueError, RecursionError):
            raise _broken(name, "it is no JSON") from None
        return content

    def read(self, name: str, adapter: TypeAdapter[T]) -> T:
        """Read a JSON file as a model.

        Raises:
            InputError: as ``read_json``, and when it holds something else.
        """
        content = self.read_json(name)
        try:
            return adapter.validate_python(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise _broken(name, f"{where}: {first['msg']}") from None


class _BundleMember(io.RawIOBase):
    """A file of the bundle whose damage is told as our error."""

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
        folder: A private one for copies of its files, which goes afterwards.

    Raises:
        InputError: when it is no debug bundle, or no sane one: too many files, or files that would
            inflate beyond all measure. That is seen before any of them is read.
    """
    if not path.is_file():
        raise InputError(
            f"There is no file {path}.",
            remedy="Give the zip that `smaply-metrics bundle export` writes.",
        )
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGE:
        raise _no_bundle("it is no zip, or is cut short") from None
    with archive:
        _check(archive.infolist())
        yield BundleReader(archive, folder)


def problems_in(reader: BundleReader) -> Iterator[Problem]:
    """Return what went wrong while the bundle was made: what kept its source from more comes first.

    Raises:
        InputError: when one of the files that say so is damaged, or holds something else.
    """
    for name in (FAILURE, PROBLEMS):
        if name in reader.names:
            found = reader.read(name, PROBLEMS_FILE)
            yield from (found,) if isinstance(found, Problem) else found


def _check(files: list[zipfile.ZipInfo]) -> None:
    if len(files) > MOST_FILES:
        raise _no_bundle(f"it has more than {MOST_FILES:,} files")
    if len({info.filename for info in files}) != len(files):
        raise _no_bundle("it has two files of one name")
    if MANIFEST not in {info.filename for info in files}:
        raise _no_bundle(f"it has no {MANIFEST}")
    if sum(info.file_size for info in files) > MOST_BYTES:
        raise _no_bundle(f"its files would inflate to more than {MOST_BYTES // 2**30} GiB")
    for info in files:
        if info.compress_type not in _METHODS or info.flag_bits & _ENCRYPTED:
            raise _no_bundle("it has files that are encrypted or packed in another way")
        if info.file_size > max(ROOMY, MOST_RATIO * info.compress_size):
            raise _no_bundle("it has a file that would inflate beyond all measure")


@contextmanager
def _no_damage(name: str) -> Generator[None, None, None]:
    """Turn what a damaged file raises into our error."""
    try:
        yield
    except _DAMAGE:
        raise _broken(name, "it is damaged") from None


def _broken(name: str, why: str) -> InputError:
    return InputError(
        f"The file {name} of the debug bundle cannot be used: {why}.",
        remedy="Ask for the bundle again as it was written, and use the release named in it.",
    )


def _no_bundle(why: str) -> InputError:
    return InputError(
        f"This is no debug bundle that can be read: {why}.",
        remedy="Give the zip that `smaply-metrics bundle export` writes, as it is.",
    )
