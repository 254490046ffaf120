"""Files made for people to download: in one private folder, gone with the job that made each."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "downloads"


class Downloads:
    """The folder. What a process that was killed has left in it goes when the next one starts.

    Args:
        home: Where the host keeps its things.
    """

    def __init__(self, home: Path) -> None:
        self._folder: Final = home / FOLDER
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700, parents=True)

    def path(self, job_id: str) -> Path:
        """Say where a job may make its file."""
        return self._folder / job_id
