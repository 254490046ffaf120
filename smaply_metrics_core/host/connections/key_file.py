"""The key file of an embedded store: created once, readable by its owner only, replaced atomically.

A process that is killed while it creates or changes the file leaves no partial key file.
"""

from __future__ import annotations

import codecs
import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import EncryptionError, EncryptionKeyMissing

MODE: Final = 0o600

_LARGEST: Final = 64 * 1024
_PREFIX: Final = ".key-"
_SUFFIX: Final = ".part"
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def create(path: Path, key: str) -> None:
    """Create a key file unless it exists; of two processes that try, one succeeds.

    Raises:
        EncryptionError: when it cannot be created.
    """
    if os.path.lexists(path):
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = _write_draft(path, [key])
        try:
            _move_to_new(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(path, "created", error) from None


def read(path: Path) -> list[str]:
    """Return the lines of a key file that are not blank.

    Raises:
        EncryptionKeyMissing: when the file is missing.
        EncryptionError: when it is not a regular file, belongs to another user or is accessible to
            others, or cannot be read.
    """
    try:
        # O_NONBLOCK, because opening a named pipe would block.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise _missing(path) from None
    except OSError as error:
        raise _unusable(path, "read", error) from None
    try:
        _check_file(path, os.fstat(handle))
        content = os.read(handle, _LARGEST)
    except OSError as error:
        raise _unusable(path, "read", error) from None
    finally:
        os.close(handle)
    return _lines(path, content)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a key file for a block that replaces it; other processes wait.

    Raises:
        EncryptionKeyMissing: when the file is missing.
        EncryptionError: when it cannot be opened.
    """
    while True:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            raise _missing(path) from None
        except OSError as error:
            raise _unusable(path, "read", error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # The process that held the lock before may have replaced the file.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), path.stat()):
                    yield
                    return
        finally:
            os.close(handle)


def replace(path: Path, keys: Sequence[str]) -> None:
    """Replace the content of a locked key file atomically; a symbolic link stays one.

    Raises:
        EncryptionError: when it cannot be written; the file is unchanged.
    """
    target = path.resolve()
    try:
        for left_over in target.parent.glob(f"{_PREFIX}*{_SUFFIX}"):
            left_over.unlink(missing_ok=True)  # Of a process that was killed.
        draft = _write_draft(target, keys)
        try:
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except OSError as error:
        raise _unusable(path, "changed", error) from None


def _write_draft(path: Path, keys: Sequence[str]) -> Path:
    """Write keys to a temporary file next to a path; mode 0600, created exclusively."""
    handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=path.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write("".join(f"{key}\n" for key in keys).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink()
        raise
    return draft


def _move_to_new(draft: Path, path: Path) -> None:
    """Move a complete draft to a path unless a file exists there."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without hard links, the file is incomplete for a moment.
        with suppress(FileExistsError):
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, MODE)
            with os.fdopen(handle, "wb") as file:
                file.write(draft.read_bytes())
                file.flush()
                os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path, content: bytes) -> list[str]:
    if len(content) == _LARGEST:
        raise EncryptionError(
            f"The key file {path} is too large; it has one key of 44 characters on each line.",
            remedy="Check that the path names the key file.",
        )
    if content.startswith(_UTF_16):
        raise EncryptionError(
            f"The key file {path} is encoded in UTF-16.", remedy="Save it as plain text (UTF-8)."
        )
    text = content.removeprefix(codecs.BOM_UTF8).decode("ascii", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise EncryptionError(
            f"The key file {path} is empty.",
            remedy="If another process is creating it, start again. Otherwise restore it from a "
            "backup, or delete it if no credentials are stored.",
        )
    return lines


def _check_file(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise EncryptionError(
            f"The key file {_named(path)} is not a regular file, but {_kind(about.st_mode)}.",
            remedy="Replace it with a regular file that holds the key.",
        )
    if about.st_uid not in {os.geteuid(), 0}:
        raise EncryptionError(
            f"The key file {_named(path)} belongs to another user (ID {about.st_uid}).",
            remedy=f"Run `chown {os.geteuid()} '{path}'` as root. If another user may have read "
            "it, use a new key.",
        )
    if stat.S_IMODE(about.st_mode) & ~MODE:
        raise EncryptionError(
            f"The key file {_named(path)} is accessible to other users "
            f"(mode {stat.S_IMODE(about.st_mode):04o}).",
            remedy=f"Run `chmod 600 '{path}'`. If another user may have read it, use a new key.",
        )


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def _missing(path: Path) -> EncryptionError:
    if path.is_symlink():
        return EncryptionError(
            f"The key file {path} is a symbolic link to {path.readlink()}, which does not exist.",
            remedy="Correct the link, or restore the file that it points to.",
        )
    return EncryptionKeyMissing(
        f"The key file {path} is missing, and stored credentials are encrypted with it.",
        remedy="Restore the file from a backup. If it is lost, set SMAPLY_METRICS_ENCRYPTION_KEYS "
        "to a new key (`smaply-metrics key generate`) and enter the credentials again.",
    )


def _unusable(path: Path, verb: str, error: OSError) -> EncryptionError:
    if error.errno == errno.ELOOP:
        return EncryptionError(
            f"The key file {path} cannot be {verb}: it is a symbolic link in a loop.",
            remedy="Replace the link with the key file.",
        )
    return EncryptionError(
        f"The key file {_named(path)} cannot be {verb}: {error.strerror}.",
        remedy="Make sure that the user that runs this process may use the file and its folder, "
        "and that the disk has free space.",
    )


def _named(path: Path) -> str:
    """Return the path for messages, with the target if it is a symbolic link."""
    try:
        return f"{path} (a symbolic link to {path.readlink()})" if path.is_symlink() else str(path)
    except OSError:
        return str(path)
