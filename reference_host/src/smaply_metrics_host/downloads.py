"""Folders for the files of a process, such as downloads, each of which is deleted with its job."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import TempDirs

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "downloads"


class ProcessFolder:
    """A folder of files of this process.

    Files of processes that were killed are deleted on start; those of other running processes stay.

    Args:
        base: The folder for the files of all processes, used for nothing else.
    """

    def __init__(self, base: Path) -> None:
        temp_dirs = TempDirs(base)
        with ExitStack() as stack:
            stack.callback(temp_dirs.close)
            self._folder: Final = stack.enter_context(temp_dirs.folder())
            self._stack = stack.pop_all()

    def path(self, name: str) -> Path:
        """Return the path for a file of this process."""
        return self._folder / name

    def close(self) -> None:
        """Delete all files of this process."""
        self._stack.close()


class Downloads(ProcessFolder):
    """The folder of the downloadable files of this process, by the id of their job.

    Args:
        home: The data folder of the host.
    """

    def __init__(self, home: Path) -> None:
        base = home / FOLDER
        super().__init__(base)
        for file in base.glob("*"):  # Earlier releases stored the files here.
            if file.is_file() and not file.name.endswith(".lock"):
                file.unlink(missing_ok=True)
