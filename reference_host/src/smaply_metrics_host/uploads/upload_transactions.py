"""Places an uploaded file, and restores the previous one unless the new one is validated.

The source reads only complete files in its folder, so a file is placed before it is validated. An
upload whose process was killed in between is undone when the host starts.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import AlreadyExists, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TEMPORARY: Final = re.compile(r"(\.[0-9a-f]{12}\.(.*))\.(new|old|link)", re.DOTALL)


class UploadTransaction:
    """An uploaded file that replaces another one only if it is valid.

    The source ignores the temporary files, whose names begin with a dot. The new file has a
    temporary name, and is locked, until it is validated.

    Args:
        path: Where the file is placed.
    """

    def __init__(self, path: Path) -> None:
        self._files = _UploadFiles(path, f".{secrets.token_hex(6)}.{path.name}")
        self._handle: int | None = None

    def put(self, data: bytes, *, replace: bool) -> None:
        """Place the file.

        Args:
            data: The content of the file.
            replace: Whether an existing file may be replaced.

        Raises:
            AlreadyExists: if a file exists and must not be replaced.
            StoreError: if the file cannot be stored.
        """
        with file_errors():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self._handle = os.open(self._files.new, flags, 0o600)
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX)
                with os.fdopen(self._handle, "wb", closefd=False) as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                self._files.place(may_replace=replace)
            except BaseException:
                self.undo()
                raise

    def undo(self) -> None:
        """Restore the previous file, or none."""
        with file_errors():
            try:
                self._files.restore()
            finally:
                self._unlock()

    def done(self) -> None:
        """Keep the file, which is valid."""
        with file_errors():
            try:
                self._files.new.unlink(missing_ok=True)  # From here on, nothing is restored.
                self._files.old.unlink(missing_ok=True)
            finally:
                self._unlock()

    def _unlock(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


class _UploadFiles:
    """The files of an upload: hard links in the folder of the file."""

    def __init__(self, path: Path, mark: str) -> None:
        self.path = path
        self.new = path.with_name(f"{mark}.new")
        self.old = path.with_name(f"{mark}.old")
        self._link = path.with_name(f"{mark}.link")

    def place(self, *, may_replace: bool) -> None:
        with suppress(FileExistsError):
            os.link(self.new, self.path)
            return
        if not may_replace:
            raise AlreadyExists(
                f"A file named “{self.path.stem}” already exists.",
                remedy="Choose another name, or select “Replace”. Its metrics then use the new "
                "file at their next refresh.",
            )
        os.link(self.path, self.old)
        os.link(self.new, self._link)
        self._link.replace(self.path)

    def restore(self) -> None:
        """Delete the temporary files, and restore the previous file if the new one was placed."""
        # Without the new file, it was validated. A different file is that of a later upload.
        if self.new.exists() and self.path.exists() and self.path.samefile(self.new):
            if self.old.exists():
                self.old.replace(self.path)
            else:
                self.path.unlink()
        for file in (self._link, self.old, self.new):
            file.unlink(missing_ok=True)


def undo_left_uploads(folder: Path) -> None:
    """Undo the uploads whose process was killed, in all folders below one; others continue."""
    for file in sorted(folder.rglob(".*")):
        found = _TEMPORARY.fullmatch(file.name)
        if found is not None:
            files = _UploadFiles(file.with_name(found[2]), found[1])
            with suppress(OSError):
                _restore_if_left(files)


def _restore_if_left(files: _UploadFiles) -> None:
    try:
        handle = os.open(files.new, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        files.restore()
        return
    try:
        with suppress(BlockingIOError):  # The process that stores it is running.
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            files.restore()
    finally:
        os.close(handle)


@contextmanager
def file_errors() -> Iterator[None]:
    """Raise an ``OSError`` of the block as a ``StoreError``."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The file cannot be stored: {error.strerror}.",
            remedy="Check that the disk has free space and is not write-protected.",
            summary="The file cannot be stored.",
        ) from None
