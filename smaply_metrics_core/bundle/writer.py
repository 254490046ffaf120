"""Writes the debug bundle: a ZIP file with the data that support needs, and no credential."""

from __future__ import annotations

import os
import re
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Final

from pydantic import SecretStr
from pydantic_core import PydanticSerializationError, to_json

from smaply_metrics_core.bundle.drafts import already_exists, draft_file
from smaply_metrics_core.bundle.spreadsheet_csv import write_spreadsheet_csv
from smaply_metrics_core.errors import BundleRefused, ExportFailed, InputError, PluginError
from smaply_metrics_core.redaction import Readable, Redactor

README: Final = "README.txt"
LONGEST_NAME: Final = 200
RAW: Final = "raw"
"""The folder of a bundle for unchanged files from the survey tool."""

# The signatures of compressed files (zip, gzip, bzip2, xz, zstd, 7z), which cannot be searched.
_COMPRESSED: Final = re.compile(
    rb"PK\x03\x04|PK\x05\x06|\x1f\x8b|BZh[1-9]1AY&SY|\xfd7zXZ\0|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c",
    re.DOTALL,
)
_BLOCK: Final = 1 << 20


class BundleWriter:
    """Writes the files of a bundle; thread-safe.

    Attributes:
        include_personal: Whether to include columns with personal data of respondents (name,
            e-mail address, IP address, location).
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

        It is added to the bundle when the block ends, and not when the block raises, so the bundle
        has no partial files. Write uncompressed content: the bundle compresses it, and compressed
        files cannot be searched for the credential.

        Args:
            name: A new relative path with ``/``, of at most 200 characters.

        Raises:
            PluginError: when the name is not valid, or the bundle is already finished.
        """
        self._reserve(name)
        complete = False
        # Written to a temporary file, so that a source that hangs does not block other writers.
        with tempfile.TemporaryFile(dir=self._folder) as draft:
            try:
                # A duplicate of the handle, because a text wrapper around it may close it.
                with os.fdopen(os.dup(draft.fileno()), "w+b") as file:
                    yield file
                complete = True
            finally:
                self._take(name, draft, complete=complete)

    def add_text(self, name: str, text: str) -> None:
        """Write a text file in UTF-8.

        Raises:
            PluginError: as for ``open``.
        """
        with self.open(name) as file:
            file.write(text.encode(errors="backslashreplace"))

    def add_json(self, name: str, value: object) -> None:
        """Write a JSON file from plain values, models, dates and the like; secrets as asterisks.

        Raises:
            PluginError: as for ``open``, and when the value cannot be converted to JSON.
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
        """Write a CSV of any size twice: ``raw/NAME`` unchanged, and ``NAME`` for spreadsheets.

        In the second file, no cell runs as a formula. If the CSV has a cell of more than 131,072
        characters, only the raw file is written, and the README of the bundle states this.

        Args:
            name: As for ``open``.
            stream: The CSV in UTF-8.
            blank: Cell values that mean no answer; they become empty in the second file.

        Raises:
            PluginError: as for ``open``.
        """
        with self.open(f"{RAW}/{name}") as raw:
            while block := stream.read(_BLOCK):
                self._check_open(name)
                raw.write(block)
            raw.seek(0)
            try:
                with self.open(name) as readable:
                    write_spreadsheet_csv(raw, readable, blank, lambda: self._check_open(name))
            except ExportFailed:
                with self._lock:
                    self._missing.append(name)

    def finish(self) -> None:
        """Write the README of the bundle, and accept no further files."""
        with self._lock:
            self._closed = True
            note = _readme(
                self._names,
                self._missing,
                include_personal=self.include_personal,
                searched=self._searched,
            )
            self._archive.writestr(_member(README), note)

    def close(self) -> None:
        """Accept no further files, and wait until no other thread writes to the archive.

        A source that was abandoned at its deadline then ends at its next row or block.
        """
        self._closed = True
        with self._lock:
            return

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
                while block := draft.read(_BLOCK):
                    self._check_open(name)
                    file.write(block)
            self._names.append(name)

    def _check_open(self, name: str) -> None:
        if self._closed:
            raise PluginError(
                f"The file {name!r} was added after the debug bundle was finished.",
                remedy="The source must write every file before its hook returns.",
            )

    def _check_name(self, name: str) -> None:
        parts = name.split("/")
        problem = None
        if not name or len(name) > LONGEST_NAME:
            problem = f"must have 1 to {LONGEST_NAME} characters"
        elif not name.isprintable() or set(name) & set('\\:*?"<>|'):
            problem = "has characters that some systems do not allow in file names"
        elif any(part in {"", ".", ".."} or part != part.strip(" .") for part in parts):
            problem = "must be a relative path whose parts do not begin or end with a dot or space"
        elif name.casefold() in self._begun:
            problem = "already exists"
        if problem is not None:
            raise PluginError(
                f"The name {name[:LONGEST_NAME]!r} in the debug bundle {problem}.",
                remedy="The source must use a short, plain and unique name for each file.",
            )


def write_bundle(
    path: Path,
    secrets: Iterable[str | SecretStr],
    include_personal: bool,  # noqa: FBT001  # Named by every caller.
    fill: Callable[[BundleWriter], None],
) -> Path:
    """Write a debug bundle, search it for secrets, and only then move it to ``path``.

    Until then the file has no name, so that nothing remains of it, even if the process is killed.
    Where the file system requires a name, the next bundle removes what a killed process left. A
    ``README.txt`` in the bundle describes its content.

    Args:
        path: The path of the bundle; it must not exist.
        secrets: The secrets that must not be in the bundle.
        include_personal: Whether columns with personal data were requested.
        fill: Writes the files.

    Returns:
        The absolute path of the bundle.

    Raises:
        InputError: when ``path`` exists, or its folder cannot be written to.
        BundleRefused: when a file holds a secret, or is compressed and cannot be searched.
        MetricsError: whatever ``fill`` raised.
    """
    redactor, secrets = Redactor(secrets), ()  # At once: no traceback carries them in clear.
    return write_searched_bundle(path, redactor, fill, include_personal=include_personal)


def write_searched_bundle(
    path: Path,
    redactor: Redactor,
    fill: Callable[[BundleWriter], None],
    *,
    include_personal: bool,
) -> Path:
    """Write a debug bundle as ``write_bundle`` does.

    ``fill`` may add secrets to the redactor, which are then searched for as well.
    """
    path = path.absolute()
    if os.path.lexists(path):
        raise already_exists(path)
    try:
        with draft_file(path.parent) as (file, move):
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                writer = BundleWriter(
                    archive,
                    folder=path.parent,
                    include_personal=include_personal,
                    searched=redactor.knows_any,
                )
                try:
                    fill(writer)
                    writer.finish()
                finally:
                    writer.close()
            file.seek(0)
            _search(file, redactor)
            file.flush()
            move(path)
    except OSError as error:  # For example, the disk is full.
        raise _unwritable(path, error) from None
    return path


def _search(file: IO[bytes], redactor: Redactor) -> None:
    """Raise if a secret is in a file or its name, or if a file cannot be searched."""
    with zipfile.ZipFile(file) as archive:
        for number, member in enumerate(archive.infolist(), start=1):
            if redactor.contains_secret(member.filename):
                raise _refused(f"the name of file {number} contains the credential")
            with archive.open(member) as content:
                if _COMPRESSED.match(content.read(16)):
                    raise _refused(
                        f"{member.filename} is compressed and cannot be searched for the credential"
                    )
            with archive.open(member) as content:
                if redactor.found_in(content):
                    raise _refused(f"{member.filename} contains the credential")


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o600 << 16
    return member


def _readme(
    names: Sequence[str], missing: Sequence[str], *, include_personal: bool, searched: bool
) -> str:
    personal = "Columns with personal data (name, e-mail address, IP address, location) are " + (
        "included\nif the survey has them." if include_personal else "excluded."
    )
    secrecy = (
        "Every file was\nsearched for the credential of the connection before the bundle was "
        "released; it is not in it."
        if searched
        else "No\ncredential was available while it was written, so none is in it."
    )
    files = "\n".join(f"  {name}" for name in names) or "  none"
    skipped = "".join(
        f"\n{name} was not written, because a cell is too long. See {RAW}/{name}.\n"
        for name in missing
    )
    return f"""Smaply Metrics: debug bundle

This bundle explains why a metric has its value: it holds the survey's responses and definition as
the survey tool sent them, and the requests, decisions and results of the refresh. {secrecy}

{personal}

Free-text answers may contain personal data too. Share this file only with people who may see it,
and delete it when it is no longer needed.

The files in {RAW}/ are exactly what the survey tool sent; a spreadsheet may run cells in them as
formulas. In the file of the same name outside {RAW}/, such cells begin with an apostrophe.

`smaply-metrics bundle check FILE` recalculates every metric from this bundle alone.
{skipped}
Files:
{files}
"""


def _refused(why: str) -> BundleRefused:
    return BundleRefused(
        f"The debug bundle was deleted, because {why}.",
        remedy="Report this to the author of the source; no other copy of the bundle exists.",
    )


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"The debug bundle cannot be written to {path.parent}: {error.strerror}.",
        remedy="Choose an existing folder that you can write to, with enough free space.",
    )
