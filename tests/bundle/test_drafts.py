"""Drafts of files, which killed processes leave behind."""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

from smaply_metrics_core.bundle.drafts import remove_left_drafts

if TYPE_CHECKING:
    from pathlib import Path


def test_the_unfinished_bundle_of_a_living_process_stays(tmp_path: Path) -> None:
    """Only files that no process holds are removed."""
    held, left = tmp_path / ".bundle-held.part", tmp_path / ".bundle-left.part"
    left.touch()
    with held.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        remove_left_drafts(tmp_path)
        assert list(tmp_path.iterdir()) == [held]
