"""Files of processes that were killed are deleted on start; those of others stay."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_host.downloads import FOLDER, Downloads
from smaply_metrics_host.uploads.upload_transactions import UploadTransaction, undo_left_uploads

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


UPLOADS = """
import os, signal, sys
from pathlib import Path
from smaply_metrics_host.uploads.upload_transactions import UploadTransaction, undo_left_uploads

folder, previous = Path(sys.argv[1]), sys.argv[2]
survey = folder / "visits, 2026.csv"

def upload(calls):
    # Killed before one of the calls that change files.
    def watch(event, arguments):
        nonlocal calls
        if (event.startswith("os.") or event == "open") and ".csv" in str(arguments):
            if calls == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            calls -= 1

    sys.addaudithook(watch)
    transaction = UploadTransaction(survey)
    transaction.put(b"new", replace=True)
    transaction.done()
    os._exit(0)

code = None
for calls in range(20):
    survey.unlink(missing_ok=True)
    if previous:
        survey.write_text(previous)
    child = os.fork()
    if child == 0:
        upload(calls)
    code = os.waitpid(child, 0)[1]
    left = survey.read_text() if survey.exists() else ""
    undo_left_uploads(folder.parent)
    restored = survey.read_text() if survey.exists() else ""
    names = sorted(file.name for file in folder.iterdir())
    print(left, restored, len(names), code, sep=",")
    if code == 0:
        break
"""


@pytest.mark.parametrize("previous", ["old", ""])
def test_an_upload_that_was_killed_is_undone(tmp_path: Path, previous: str) -> None:
    """Whenever it is killed, only a validated file stays, and no temporary file."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    command = [sys.executable, "-c", UPLOADS, str(folder), previous]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    steps = [line.split(",") for line in ended.stdout.splitlines()]
    left, restored = ([step[number] for step in steps] for number in (0, 1))
    assert {"new", previous} == {*left}
    validated = restored.index("new")
    assert restored[:validated] == [previous] * validated
    assert "new" in left[:validated], "killed between placing and validating"
    assert {*restored[validated:]} == {"new"}
    assert [int(step[2]) for step in steps] == [int(text != "") for text in restored]
    assert steps[-1][3] == "0", "one was not killed"


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
