"""The debug bundle: a zip with what support needs to see, and no credential in it."""

from __future__ import annotations

import csv
import errno
import os
import re
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

from pydantic_core import PydanticSerializationError, to_json

from smaply_metrics_core.bundle.spreadsheet_csv import write_spreadsheet_csv
from smaply_metrics_core.errors import BundleRefused, InputError, PluginError
from smaply_metrics_core.redaction import Readable, find_secrets

__all__ = ["BundleWriter", "find_secrets", "write_bundle"]

README: Final = "README.txt"
LONGEST_NAME: Final = 200
RAW: Final = "raw"
"""The folder of a bundle for what came from the survey tool, byte for byte."""

# What begins like this is compressed (zip, gzip, bzip2, xz, zstd, 7z): nothing in it can be found.
_COMPRESSED: Final = re.compile(
    rb"PK\x03\x04|PK\x05\x06|\x1f\x8b|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c",
    re.DOTALL,
)
_BLOCK: Final = 1 << 20
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class BundleWriter:
    """Takes the files of a bundle; safe to use from several threads.

    Attributes:
        include_personal: Whether columns about the respondents themselves (name, e-mail, IP
            address, location) were asked for; without that they are left out.
    """

    def __init__(
        self,
        archive: zipfile.ZipFile,
        *,
        folder: Path,
        include_personal: bool,
        searched: bool = True,
    ) -> None:
        self.include_personal: Final = include_personal
        self._searched = searched
        self._archive = archive
        self._folder = folder
        self._lock = threading.Lock()
        self._begun: set[str] = {README.casefold()}
        self._names: list[str] = []
        self._missing: list[str] = []
        self._closed = False

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Write one file of any size, in a ``with`` statement.

        It becomes part of the bundle when the block ends well, and not at all when it raises: half
        a file is never taken for a whole one. The content goes in as it is: the bundle compresses
        it, and what is compressed already could not be searched for the credential.

        Args:
            name: A relative path with ``/``, not in the bundle yet, of at most 200 characters.

        Raises:
            PluginError: when the name does not fit, or the bundle is finished already.
        """
        self._reserve(name)
        complete = False
        # Written beside the bundle first: a source that hangs half-way blocks nobody else.
        with tempfile.TemporaryFile(dir=self._folder) as draft:
            try:
                # A copy of the handle: a text wrapper around it may close it.
                with os.fdopen(os.dup(draft.fileno()), "w+b") as file:
                    yield file
                complete = True
            finally:
                self._take(name, draft, complete=complete)

    def add_text(self, name: str, text: str) -> None:
        """Write a text file in UTF-8.

        Raises:
            PluginError: as ``open``.
        """
        with self.open(name) as file:
            file.write(text.encode(errors="backslashreplace"))

    def add_json(self, name: str, value: object) -> None:
        """Write a JSON file from plain values, models, dates and the like; secrets as asterisks.

        Raises:
            PluginError: as ``open``, and when the value has no form in JSON.
        """
        try:
            content = to_json(value, indent=2)
        except (PydanticSerializationError, ValueError):
            content = None
        if content is None:
            raise PluginError(f"The file {name!r} of the debug bundle cannot be written as JSON.")
        with self.open(name) as file:
            file.write(content + b"\n")

    def add_csv(self, name: str, stream: Readable, *, blank: frozenset[str] = frozenset()) -> None:
        """Write a CSV of any size twice: ``raw/NAME`` byte for byte, and ``NAME`` for people.

        In the one for people, no cell can run as a formula when a spreadsheet opens it. It is left
        out, which the note in the bundle says, when the CSV has a cell that is longer than any
        answer; the raw file is there all the same.

        Args:
            name: As in ``open``.
            stream: The CSV in UTF-8.
            blank: Cells that mean no answer and are left empty for people.

        Raises:
            PluginError: as ``open``.
        """
        with self.open(f"{RAW}/{name}") as raw:
            while block := stream.read(_BLOCK):
                raw.write(block)
            raw.seek(0)
            try:
                with self.open(name) as readable:
                    write_spreadsheet_csv(raw, readable, blank)
            except csv.Error:
                with self._lock:
                    self._missing.append(name)

    def finish(self) -> None:
        """Write the note on what the bundle holds, and take nothing more."""
        with self._lock:
            self._closed = True
            note = _readme(
                self._names,
                self._missing,
                include_personal=self.include_personal,
                searched=self._searched,
            )
            self._archive.writestr(_member(README), note)

    def _reserve(self, name: str) -> None:
        with self._lock:
            self._check_open(name)
            self._check_name(name)
            self._begun.add(name.casefold())

    def _take(self, name: str, draft: IO[bytes], *, complete: bool) -> None:
        with self._lock:
            if not complete:
                self._begun.discard(name.casefold())
                return
            self._check_open(name)
            draft.seek(0)
            with self._archive.open(_member(name), "w", force_zip64=True) as file:
                shutil.copyfileobj(draft, file, _BLOCK)
            self._names.append(name)

    def _check_open(self, name: str) -> None:
        if self._closed:
            raise PluginError(
                f"The file {name!r} came after the debug bundle was finished.",
                remedy="The source has to write every file before its hook returns.",
            )

    def _check_name(self, name: str) -> None:
        parts = name.split("/")
        problem = None
        if not name or len(name) > LONGEST_NAME:
            problem = f"has to have between 1 and {LONGEST_NAME} characters"
        elif not name.isprintable() or set(name) & set('\\:*?"<>|'):
            problem = "has characters that not every system allows in a file's name"
        elif any(part in {"", ".", ".."} or part != part.strip(" .") for part in parts):
            problem = "has to be a relative path without “..”, dots or spaces at the edge of a part"
        elif name.casefold() in self._begun:
            problem = "is there already"
        if problem is not None:
            raise PluginError(
                f"The name {name[:LONGEST_NAME]!r} in the debug bundle {problem}.",
                remedy="The source has to give each file a short, plain name of its own.",
            )


def write_bundle(
    path: Path,
    secrets: Sequence[str],
    include_personal: bool,  # noqa: FBT001  # Named by every caller.
    fill: Callable[[BundleWriter], None],
) -> Path:
    """Write a debug bundle, search it for secrets, and only then put it in place.

    Until then it is a file beside ``path`` that only its owner can read; whatever goes wrong, it
    does not stay. A ``README.txt`` in it says what it holds.

    Args:
        path: Where the bundle is to be; nothing may be there yet.
        secrets: What must not be in it, in clear.
        include_personal: Whether personal columns were asked for.
        fill: Writes the files.

    Returns:
        The bundle's absolute path.

    Raises:
        InputError: when there is something at ``path`` already, or its folder cannot be written.
        BundleRefused: when a file holds a secret, or is compressed and cannot be searched.
        MetricsError: what ``fill`` raised.
    """
    path = path.absolute()
    if os.path.lexists(path):
        raise _exists(path)
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".bundle-", suffix=".part")
    except OSError as error:
        raise _unwritable(path, error) from None
    draft = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                writer = BundleWriter(
                    archive,
                    folder=path.parent,
                    include_personal=include_personal,
                    searched=any(secrets),
                )
                fill(writer)
                writer.finish()
            file.seek(0)
            _search(file, secrets)
        _put_in_place(draft, path)
    except OSError as error:  # The disk is full, say.
        raise _unwritable(path, error) from None
    finally:
        draft.unlink(missing_ok=True)
    return path


def _search(file: IO[bytes], secrets: Sequence[str]) -> None:
    """Refuse a bundle with a secret in a file, or in a file's name."""
    with zipfile.ZipFile(file) as archive:
        for number, member in enumerate(archive.infolist(), start=1):
            if find_secrets(_Text(member.filename), secrets):
                raise _refused(f"the name of file {number} holds the credential")
            with archive.open(member) as content:
                if _COMPRESSED.match(content.read(16)):
                    raise _refused(
                        f"{member.filename} is compressed and cannot be searched for the credential"
                    )
            with archive.open(member) as content:
                if find_secrets(content, secrets):
                    raise _refused(f"{member.filename} holds the credential")


class _Text:
    """A text as a stream."""

    def __init__(self, text: str) -> None:
        self._rest = text.encode(errors="surrogatepass")

    def read(self, size: int, /) -> bytes:
        block, self._rest = self._rest[:size], self._rest[size:]
        return block


def _put_in_place(draft: Path, path: Path) -> None:
    """Return the draft its name in one step, and never that of another file."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Some file systems have no links; there a file made in this very moment would be lost.
        if os.path.lexists(path):
            raise _exists(path) from None
        draft.replace(path)


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    return member


def _readme(
    names: Sequence[str], missing: Sequence[str], *, include_personal: bool, searched: bool
) -> str:
    personal = "Columns about persons (name, e-mail address, IP address, location) were " + (
        "asked for\nand are included where the survey has them."
        if include_personal
        else "left out."
    )
    secrecy = (
        "The credential of\nthe connection is not in it: every file was searched for it before the "
        "bundle was handed over."
        if searched
        else "No\ncredential was at hand while it was written, so none is in it."
    )
    files = "\n".join(f"  {name}" for name in names) or "  none"
    left_out = "".join(
        f"\n{name} was left out: it has a cell that is too long. See {RAW}/{name}.\n"
        for name in missing
    )
    return f"""Smaply Metrics: debug bundle

It holds what is needed to find out why a metric shows what it shows: the survey's responses and
definition as the survey tool gave them, and what was asked, decided and answered. {secrecy}

{personal}

Answers in free text hold whatever people wrote, which may be personal data too. Give this file
only to those who may see it, and delete it when it is no longer needed.

What lies in {RAW}/ is byte for byte what the survey tool sent: a spreadsheet may run cells in it as
formulas. In the file of the same name outside of {RAW}/, such cells begin with an apostrophe.

`smaply-metrics bundle check FILE` calculates every metric anew from this bundle alone.
{left_out}
Files:
{files}
"""


def _refused(why: str) -> BundleRefused:
    return BundleRefused(
        f"The debug bundle was destroyed: {why}.",
        remedy="Tell the author of the source. No other copy was made.",
    )


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"The debug bundle cannot be written to {path.parent}: {error.strerror}.",
        remedy="Choose a folder that is there, with room, and that you may write to.",
    )


def _exists(path: Path) -> InputError:
    return InputError(
        f"There is something at {path} already.",
        remedy="Choose another name, or remove what is there.",
    )
