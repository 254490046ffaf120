"""Private temporary folders of calls, removed when the call ends or after its process died."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.forking import call_now_and_in_children

_MODE: Final = 0o700
_LOCK: Final = ".lock"
_NAME: Final = re.compile(r"\d+-[0-9a-f]{16}")


class TempDirs:
    """The temporary folders of the calls of one process, which may contain responses.

    Each process has a subfolder of the base and a lock file next to it, which stays locked while
    the process lives. Subfolders of dead processes are removed when the base is next opened.
    Thread-safe and fork-safe.

    Args:
        base: A folder used for nothing else, created with mode 0700 on first use and cleaned up
            immediately. By default, a folder of this user in the system's temporary folder, cleaned
            up on first use.
    """

    def __init__(self, base: Path | None = None) -> None:
        self._given = None if base is None else base.absolute()
        self._own: _OwnedDirectory | None = None
        call_now_and_in_children(self._renew)
        if self._given is not None and _is_sound(self._given):
            with suppress(OSError):  # The first call that uses the folder reports the problem.
                _sweep(self._given)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._leave: Callable[[], object] = _nothing
        if self._own is not None:
            # Only a copy: the lock is held as long as the parent lives, but no longer.
            os.close(self._own.handle)
            self._own = None

    @contextmanager
    def folder(self) -> Generator[Path, None, None]:
        """Create a folder with mode 0700 for a ``with`` block, and remove it afterwards.

        Raises:
            StoreError: when the folder cannot be created.
        """
        try:
            folder = Path(tempfile.mkdtemp(prefix="call-", dir=self._ours()))
        except OSError as error:
            raise StoreError(
                f"A temporary folder cannot be created: {error.strerror or error}.",
                remedy="Make sure that the home folder and the system's temporary folder are "
                "writable and not full.",
            ) from None
        process = os.getpid()
        try:
            yield folder
        finally:
            if process == os.getpid():  # Not in a child that was forked in the block.
                _remove(folder)

    def close(self) -> None:
        """Remove all folders of this process; a later call creates a new one."""
        with self._lock:
            self._leave()
            self._own = None

    def _ours(self) -> Path:
        with self._lock:
            if self._own is None or not self._own.is_sound():
                self._leave()
                self._own = None
                base = _checked(self._given or _of_this_user())
                _sweep(base)
                self._own = _claim_one(base)
                # Called once: by ``close``, by the garbage collector or at exit.
                self._leave = weakref.finalize(self, self._own.leave)
            self._own.refresh()
            return self._own.folder


@dataclass(frozen=True)
class _OwnedDirectory:
    """The folder of a process, and the lock that is held while the process lives."""

    folder: Path
    handle: int
    process: int

    def is_sound(self) -> bool:
        """Whether it exists and belongs to this process, not to its parent."""
        return (
            self.process == os.getpid()
            and os.fstat(self.handle).st_nlink > 0
            and self.folder.is_dir()
        )

    def refresh(self) -> None:
        """Update the time of the lock, so that cleaners of old temporary files skip it."""
        os.utime(self.handle)

    def leave(self) -> None:
        """Remove the folder and release the lock, unless this is a forked child process."""
        if self.process == os.getpid():
            _discard(self.folder, self.handle)


def _nothing() -> None:
    """Do nothing."""


def _of_this_user() -> Path:
    return Path(tempfile.gettempdir(), f"smaply-metrics-{os.getuid()}")


def _is_sound(base: Path) -> bool:
    """Whether it is a folder of this user, not a link; others may have created it in /tmp."""
    try:
        found = base.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _checked(base: Path) -> Path:
    base.mkdir(mode=_MODE, parents=True, exist_ok=True)
    if not _is_sound(base):
        raise StoreError(
            f"{base} is not a folder of this user, so it is not used for private files.",
            remedy="Remove it, or set TMPDIR to another folder.",
        )
    if stat.S_IMODE(base.lstat().st_mode) != _MODE:
        base.chmod(_MODE)
    return base.resolve()


def _claim_one(base: Path) -> _OwnedDirectory:
    while True:
        folder = base / f"{os.getpid()}-{secrets.token_hex(8)}"
        # The lock is created first: a folder without one belongs to a dead process.
        handle = _claim(_lock_of(folder))
        if handle is None:
            continue
        try:
            folder.mkdir(mode=_MODE)
        except OSError:
            _discard(folder, handle)
            raise
        return _OwnedDirectory(folder, handle, os.getpid())


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _claim(lock: Path) -> int | None:
    """Acquire a lock file, created if missing; return ``None`` if another process holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(lock, flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    if os.fstat(handle).st_nlink == 0:  # Removed by the process that held it before.
        os.close(handle)
        return None
    return handle


def _sweep(base: Path) -> None:
    """Remove the folders of dead processes, whose locks can be acquired."""
    for name in {path.name.removesuffix(_LOCK) for path in base.iterdir()}:
        if not _NAME.fullmatch(name):
            continue
        try:
            handle = _claim(_lock_of(base / name))
            if handle is not None:
                _discard(base / name, handle)
        except OSError:  # A folder that cannot be removed must not fail a call.
            continue


def _discard(folder: Path, handle: int) -> None:
    """Remove a folder whose lock is held, and then the lock, which marks the folder as existing."""
    try:
        _remove(folder)
        if not folder.exists():
            _lock_of(folder).unlink(missing_ok=True)
    finally:
        os.close(handle)


@contextmanager
def private_directory() -> Generator[Path, None, None]:
    """Create a folder as ``TempDirs.folder`` does, in the system's temporary folder."""
    with closing(TempDirs()) as temp_dirs, temp_dirs.folder() as folder:
        yield folder


def _remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()  # Most calls leave it empty.
        return
    # Repeated after restoring permissions that the source removed, and once more in case the thread
    # of an abandoned call wrote into it.
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        for path, names, _files in os.walk(folder):
            for name in [".", *names]:
                inner = Path(path, name)
                with suppress(OSError):  # It may no longer exist.
                    if not inner.is_symlink():
                        inner.chmod(_MODE)
