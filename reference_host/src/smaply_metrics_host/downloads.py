"""The folder of downloadable files, each of which is deleted with its job."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import TempDirs

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "downloads"


class Downloads:
    """The folder of the downloadable files of this process.

    Files of processes that were killed are deleted on start; those of other running processes stay.

    Args:
        home: The data folder of the host.
    """

    def __init__(self, home: Path) -> None:
        base = home / FOLDER
        temp_dirs = TempDirs(base)
        with ExitStack() as stack:
            stack.callback(temp_dirs.close)
            self._folder: Final = stack.enter_context(temp_dirs.folder())
            self._stack = stack.pop_all()
        for file in base.glob("*"):  # Earlier releases stored the files here.
            if file.is_file() and not file.name.endswith(".lock"):
                file.unlink(missing_ok=True)

    def path(self, job_id: str) -> Path:
        """Return the path for the file of a job."""
        return self._folder / job_id

    def close(self) -> None:
        """Delete all files of this process."""
        self._stack.close()
