"""Files of processes that were killed are deleted on start; those of others stay."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_host.downloads import FOLDER, Downloads
from smaply_metrics_host.upload_transactions import UploadTransaction, undo_left_uploads

if TYPE_CHECKING:
    from pathlib import Path

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


UPLOAD = """
import os, signal, sys
from pathlib import Path
from smaply_metrics_host import upload_transactions
from smaply_metrics_host.upload_transactions import UploadTransaction

def stop(event, arguments):
    # The audit events of the calls that change files.
    global calls
    if event.startswith("os.") or event == "open":
        if ".csv" in str(arguments):
            if calls == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            calls -= 1

calls = int(sys.argv[2])
upload = UploadTransaction(Path(sys.argv[1]))
sys.addaudithook(stop)
upload.put(b"new", replace=True)
if sys.argv[3] == "valid":
    upload.done()
"""


def upload_and_be_killed(path: Path, at_call: int, ending: str) -> int:
    """Upload in a process that is killed at one of its calls; return its exit code."""
    command = [sys.executable, "-c", UPLOAD, str(path), str(at_call), ending]
    return subprocess.run(command, check=False).returncode


@pytest.mark.parametrize("previous", [b"old", None])
def test_an_upload_that_was_killed_is_undone(tmp_path: Path, previous: bytes | None) -> None:
    """At each call: an unvalidated file does not stay, and a validated one does."""
    folder = tmp_path / "acme" / "uploads"
    folder.mkdir(parents=True)
    (folder / ".profile").touch()
    survey = folder / "visits, 2026.csv"
    seen = set()
    for at_call in range(20):
        survey.unlink(missing_ok=True)
        if previous is not None:
            survey.write_bytes(previous)
        code = upload_and_be_killed(survey, at_call, "valid")
        seen.add(survey.read_bytes() if survey.exists() else None)
        validated = not any(folder.glob(".*.new")) and seen == {previous, b"new"}
        undo_left_uploads(tmp_path)
        after = survey.read_bytes() if survey.exists() else None
        assert after == (b"new" if validated else previous), at_call
        assert {one.name for one in folder.iterdir()} <= {survey.name, ".profile"}
        if code == 0:
            break
    assert code == 0
    assert seen == {previous, b"new"}
    undo_left_uploads(tmp_path / "missing")


def test_an_upload_of_a_running_process_continues(tmp_path: Path) -> None:
    """The start of another process leaves it alone, and so does the undoing of an earlier one."""
    survey = tmp_path / "visits.csv"
    survey.write_bytes(b"old")
    first, second = UploadTransaction(survey), UploadTransaction(survey)
    first.put(b"first", replace=True)
    undo_left_uploads(tmp_path)
    assert survey.read_bytes() == b"first"
    second.put(b"second", replace=True)
    first.undo()
    assert survey.read_bytes() == b"second"
    second.done()
    assert [one.name for one in tmp_path.iterdir()] == ["visits.csv"]
    assert survey.read_bytes() == b"second"
