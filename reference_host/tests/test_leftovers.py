"""Files of processes that were killed are deleted on start; those of others stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from smaply_metrics_host import uploads
from smaply_metrics_host.downloads import FOLDER, Downloads
from smaply_metrics_host.uploads import remove_left_uploads

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KILLED = """
import os, signal, sys
from pathlib import Path
from smaply_metrics_host.downloads import Downloads
downloads = Downloads(Path(sys.argv[1]))
downloads.path("job").write_text("personal data")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_downloads_of_a_killed_process_are_deleted(tmp_path: Path) -> None:
    """Those of a process that runs, and of an orderly end, are not mixed up with them."""
    running = Downloads(tmp_path)
    running.path("theirs").write_text("personal data")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    (tmp_path / FOLDER / "job-of-an-earlier-release").write_text("personal data")

    def stored() -> set[str]:
        return {one.name for one in (tmp_path / FOLDER).rglob("*") if one.suffix == ""} - {
            one.name for one in (tmp_path / FOLDER).rglob("*") if one.is_dir()
        }

    assert stored() == {"theirs", "job", "job-of-an-earlier-release"}
    started = Downloads(tmp_path)
    assert stored() == {"theirs"}
    assert running.path("theirs").read_text() == "personal data"
    started.close()
    running.close()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_uploads_of_a_killed_process_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary files are deleted after an hour; surveys and other files stay."""
    folder = tmp_path / "acme" / "uploads"
    folder.mkdir(parents=True)
    survey = folder / "visits.csv"
    survey.write_text("data")
    os.link(survey, folder / ".0123456789ab.old")
    (folder / ".ba9876543210.new").touch()
    (folder / ".profile").touch()
    remove_left_uploads(tmp_path)
    assert len(list(folder.iterdir())) == 4, "an upload may be running"
    monkeypatch.setattr(uploads, "LONGEST_UPLOAD", -1.0)
    remove_left_uploads(tmp_path)
    assert {one.name for one in folder.iterdir()} == {"visits.csv", ".profile"}
    remove_left_uploads(tmp_path / "missing")
