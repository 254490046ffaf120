"""The folder of downloadable files, each of which is deleted with its job."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "downloads"


class Downloads:
    """The folder of downloadable files; files of an earlier process are deleted on start.

    Args:
        home: The data folder of the host.
    """

    def __init__(self, home: Path) -> None:
        self._folder: Final = home / FOLDER
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)

    def path(self, job_id: str) -> Path:
        """Return the path for the file of a job."""
        return self._folder / job_id
