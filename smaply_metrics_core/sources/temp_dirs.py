"""The private temporary folders of calls: they go when the call ends, or when its process died."""

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

_MODE: Final = 0o700
_LOCK: Final = ".lock"
_NAME: Final = re.compile(r"\d+-[0-9a-f]{16}")


class TempDirs:
    """Where one process keeps the temporary folders of its calls: respondents' rows lie there.

    Each process has a folder of its own in the base, and holds a lock on the file beside it for as
    long as it lives, however it ends. What a process that was killed has left is removed when the
    base is opened next. Safe to use from many threads, and after a fork.

    Args:
        base: A folder for nothing else, made with mode 0700 on first use; what the dead left in it
            goes at once. Without it, a folder of this user's in the system's temporary folder,
            which is looked after on first use.
    """

    def __init__(self, base: Path | None = None) -> None:
        self._given = None if base is None else base.absolute()
        self._lock = threading.Lock()
        self._own: _OwnedDirectory | None = None
        self._leave: Callable[[], object] = _nothing
        if self._given is not None and _is_sound(self._given):
            with suppress(OSError):  # What is wrong is said by the first call that needs it.
                _sweep(self._given)

    @contextmanager
    def folder(self) -> Generator[Path, None, None]:
        """Make a folder that only this user can enter (mode 0700), and remove it whatever happens.

        Raises:
            StoreError: when none can be made.
        """
        try:
            folder = Path(tempfile.mkdtemp(prefix="call-", dir=self._ours()))
        except OSError as error:
            raise StoreError(
                f"No temporary folder can be made: {error.strerror or error}.",
                remedy="Make sure that the home folder and the system's temporary folder can be "
                "written to and are not full.",
            ) from None
        try:
            yield folder
        finally:
            _remove(folder)

    def close(self) -> None:
        """Remove everything of this process; a later call makes a new folder."""
        with self._lock:
            self._leave()
            self._own = None

    def _ours(self) -> Path:
        with self._lock:
            if self._own is None or not self._own.is_sound():
                self._leave()
                base = _checked(self._given or _of_this_user())
                _sweep(base)
                self._own = _claim_one(base)
                # Called once: by us, when this is forgotten, or when the process ends.
                self._leave = weakref.finalize(self, self._own.leave)
            self._own.refresh()
            return self._own.folder


@dataclass(frozen=True)
class _OwnedDirectory:
    """The folder of one process, and the lock that says that the process lives."""

    folder: Path
    handle: int
    process: int

    def is_sound(self) -> bool:
        """Whether it is there and this process's: not its parent's, nor cleaned away by others."""
        return (
            self.process == os.getpid()
            and os.fstat(self.handle).st_nlink > 0
            and self.folder.is_dir()
        )

    def refresh(self) -> None:
        """Keep what cleans the system's temporary folder of old files away from the lock."""
        os.utime(self.handle)

    def leave(self) -> None:
        """Remove the folder and give back the lock; a forked child leaves them to its parent."""
        if self.process == os.getpid():
            _discard(self.folder, self.handle)


def _nothing() -> None:
    """Leave nothing to be removed."""


def _of_this_user() -> Path:
    return Path(tempfile.gettempdir(), f"smaply-metrics-{os.getuid()}")


def _is_sound(base: Path) -> bool:
    """Whether it is a folder, no link, and ours: in a shared place anybody may have made it."""
    try:
        found = base.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _checked(base: Path) -> Path:
    base.mkdir(mode=_MODE, parents=True, exist_ok=True)
    if not _is_sound(base):
        raise StoreError(
            f"{base} is no folder of this user, so nothing private is put there.",
            remedy="Remove it: it is made anew. For another place, set TMPDIR.",
        )
    if stat.S_IMODE(base.lstat().st_mode) != _MODE:
        base.chmod(_MODE)
    return base.resolve()


def _claim_one(base: Path) -> _OwnedDirectory:
    while True:
        folder = base / f"{os.getpid()}-{secrets.token_hex(8)}"
        # The lock comes first: a folder without one would be taken for a dead process's.
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
    """Take a lock, whose file is made when it is not there; ``None`` while somebody holds it."""
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
    if os.fstat(handle).st_nlink == 0:  # Removed by another one that held it a moment ago.
        os.close(handle)
        return None
    return handle


def _sweep(base: Path) -> None:
    """Remove the folders of dead processes: those whose lock can be taken."""
    for name in {path.name.removesuffix(_LOCK) for path in base.iterdir()}:
        if not _NAME.fullmatch(name):
            continue
        try:
            handle = _claim(_lock_of(base / name))
            if handle is not None:
                _discard(base / name, handle)
        except OSError:  # Whatever is wrong with one is no reason to refuse a call.
            continue


def _discard(folder: Path, handle: int) -> None:
    """Remove a folder whose lock we hold, and its lock last: it says that there is something."""
    try:
        _remove(folder)
        if not folder.exists():
            _lock_of(folder).unlink(missing_ok=True)
    finally:
        os.close(handle)


@contextmanager
def private_directory() -> Generator[Path, None, None]:
    """Make a single folder in the system's temporary folder, as ``TempDirs.folder`` does."""
    with closing(TempDirs()) as temp_dirs, temp_dirs.folder() as folder:
        yield folder


def _remove(folder: Path) -> None:
    # A second time after opening what the source may have locked, and a third in case a thread
    # that was given up wrote into it meanwhile.
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        for path, names, _files in os.walk(folder):
            for name in [".", *names]:
                inner = Path(path, name)
                with suppress(OSError):  # It may have gone meanwhile.
                    if not inner.is_symlink():
                        inner.chmod(_MODE)
