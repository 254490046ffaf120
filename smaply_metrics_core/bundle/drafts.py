"""Files that appear under their path only when they are complete, and leave nothing behind."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final

from smaply_metrics_core.errors import InputError

_BLOCK: Final = 1 << 20
_DRAFT: Final = ".bundle-"
_PART: Final = ".part"
_NO_UNNAMED_FILES: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


@contextmanager
def draft_file(folder: Path) -> Iterator[tuple[IO[bytes], Callable[[Path], None]]]:
    """Yield a file of mode 0600 without a name, and the function that gives it one."""
    remove_left_drafts(folder)
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_UNNAMED_FILES:
            raise
    else:
        with os.fdopen(handle, "w+b") as file:
            yield file, partial(_name_it, file)
        return
    with _named_draft(folder) as (file, draft):
        yield file, partial(_put_in_place, draft)


@contextmanager
def _named_draft(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    handle, name = tempfile.mkstemp(dir=folder, prefix=_DRAFT, suffix=_PART)
    with os.fdopen(handle, "w+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # While this process lives; see `remove_left_drafts`.
        try:
            yield file, Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def remove_left_drafts(folder: Path) -> None:
    """Delete the unfinished bundles of killed processes in a folder, but not those in progress."""
    for draft in folder.glob(f"{_DRAFT}*{_PART}"):
        with suppress(OSError), draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink(missing_ok=True)


def _name_it(file: IO[bytes], path: Path) -> None:
    """Give an unnamed file its path atomically, without overwriting another file."""
    try:
        # With a descriptor, Python calls linkat, which follows the link to the unnamed file.
        os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=file.fileno())
    except FileExistsError:
        raise already_exists(path) from None
    except OSError:  # Without hard links or /proc, it is copied.
        with _named_draft(path.parent) as (copy, draft):
            file.seek(0)
            shutil.copyfileobj(file, copy, _BLOCK)
            copy.flush()
            _put_in_place(draft, path)


def _put_in_place(draft: Path, path: Path) -> None:
    """Move a named draft to its path, without overwriting another file."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise already_exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without hard links, a file that is created at this moment would be overwritten.
        if os.path.lexists(path):
            raise already_exists(path) from None
        draft.replace(path)


def already_exists(path: Path) -> InputError:
    """Return the error for a path that is taken."""
    return InputError(
        f"{path} already exists.", remedy="Choose another name, or delete the existing file."
    )
