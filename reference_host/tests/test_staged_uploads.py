"""Staged uploads belong to one person, are limited, and are deleted."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reference_host.tests.app_fixture import MovableClock
from smaply_metrics_core.host import NotFound, Role, StoreError
from smaply_metrics_host.metric_form.form_data import MetricForm
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.uploads.staged_uploads import (
    EXPIRY_SECONDS,
    FOLDER,
    MOST_OF_ONE,
    MOST_STORED,
    StagedUpload,
    StagedUploads,
)

EMIL = Person("p1", "acme", "Emil", Role.EDITOR)


@pytest.fixture
def clock() -> MovableClock:
    """The clock by which uploads expire."""
    return MovableClock()


@pytest.fixture
def staged(tmp_path: Path, clock: MovableClock) -> Iterator[StagedUploads]:
    """The staged uploads of a process."""
    uploads = StagedUploads(tmp_path, clock)
    yield uploads
    uploads.close()
    assert contents(tmp_path) == []


def contents(home: Path) -> list[bytes]:
    """Return the contents of all staged files."""
    files = (one for one in (home / FOLDER).rglob("*") if one.suffix == "" and one.is_file())
    return sorted(one.read_bytes() for one in files)


def put(staged: StagedUploads, name: str, person: Person = EMIL) -> StagedUpload:
    """Stage a file."""
    upload = StagedUpload(name, f"{name}.csv", MetricForm(), name)
    asyncio.run(staged.put(person, upload, name.encode()))
    return upload


@pytest.mark.parametrize(
    "other",
    [
        Person("p2", "acme", "Eve", Role.ADMIN),
        Person("p1", "globex", "Emil", Role.ADMIN),
    ],
)
def test_an_upload_belongs_to_one_person(
    staged: StagedUploads, tmp_path: Path, other: Person
) -> None:
    """Neither another person nor another account finds it, and only its user can read the file."""
    upload = put(staged, "a")
    assert asyncio.run(staged.read(staged.find(EMIL, "a"))) == b"a"
    with pytest.raises(NotFound, match="This upload has expired"):
        staged.find(other, upload.id)
    (file,) = (one for one in (tmp_path / FOLDER).rglob("a"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_upload_expires(staged: StagedUploads, tmp_path: Path, clock: MovableClock) -> None:
    """Its file is deleted at the next call, and what is read or changed later is not found."""
    upload = put(staged, "a")
    clock.forward(timedelta(seconds=EXPIRY_SECONDS))
    put(staged, "b", Person("p2", "acme", "Eve", Role.ADMIN))
    assert contents(tmp_path) == [b"b"]
    staged.change(upload)
    for find in (lambda: staged.find(EMIL, "a"), lambda: asyncio.run(staged.read(upload))):
        with pytest.raises(NotFound, match="This upload has expired"):
            find()


def test_uploads_are_limited(staged: StagedUploads, tmp_path: Path) -> None:
    """The oldest ones of a person are deleted first, then those of the account with most of them.

    So an account with many people does not remove the files of another one.
    """
    for number in range(MOST_OF_ONE + 2):
        put(staged, f"emil{number}")
    of_emil = [f"emil{number}".encode() for number in (2, 3, 4)]
    assert contents(tmp_path) == of_emil
    for number in range(MOST_STORED):
        put(staged, f"x{number:02}", Person(f"p{number}", "globex", "Eve", Role.EDITOR))
    left = [f"x{number:02}".encode() for number in range(len(of_emil), MOST_STORED)]
    assert contents(tmp_path) == [*of_emil, *left]


def test_a_discarded_upload_is_deleted(staged: StagedUploads, tmp_path: Path) -> None:
    """Discarding it again has no effect."""
    upload = put(staged, "a")
    staged.discard(upload)
    staged.discard(upload)
    assert contents(tmp_path) == []


def test_a_file_that_cannot_be_written_leaves_nothing(
    staged: StagedUploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on a full disk: the error states the reason, and the upload is not found."""

    class FullDisk(io.FileIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", FullDisk)
        with pytest.raises(StoreError, match="No space left on device"):
            put(staged, "a")
    assert contents(tmp_path) == []
    with pytest.raises(NotFound):
        staged.find(EMIL, "a")


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from smaply_metrics_core.host import Role, SystemClock
from smaply_metrics_host.metric_form.form_data import MetricForm
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.uploads.staged_uploads import StagedUpload, StagedUploads
staged = StagedUploads(Path(sys.argv[1]), SystemClock())
upload = StagedUpload("killed", "killed.csv", MetricForm(), "killed")
asyncio.run(staged.put(Person("p1", "acme", "Emil", Role.EDITOR), upload, b"killed"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_uploads_of_a_killed_process_are_deleted(
    staged: StagedUploads, tmp_path: Path, clock: MovableClock
) -> None:
    """On the next start; those of a process that runs stay."""
    put(staged, "running")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert contents(tmp_path) == [b"killed", b"running"]

    StagedUploads(tmp_path, clock).close()

    assert contents(tmp_path) == [b"running"]
