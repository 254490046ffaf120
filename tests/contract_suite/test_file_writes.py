"""Detection of the files that a source leaves behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from smaply_metrics_core.testing.leak_detection.side_effects import detect_file_writes

SECRET = "made-up-token-of-a-file"


def write(folder: Path) -> None:
    """Write with pathlib."""
    (folder / "kept.txt").write_text(SECRET, encoding="utf-8")


def write_by_descriptor(folder: Path) -> None:
    """Write with system calls."""
    file = os.open(folder / "kept.bin", os.O_RDWR | os.O_CREAT)
    os.write(file, SECRET.encode())
    os.close(file)


def write_and_rename(folder: Path) -> None:
    """Write atomically: a temporary file, then rename."""
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as file:
        file.write(SECRET)
    Path(file.name).replace(folder / "kept.json")


def write_and_copy(folder: Path) -> None:
    """Write to a temporary file and copy it."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(SECRET)
        file.flush()
        shutil.copyfile(file.name, folder / "kept.copy")


def write_into_a_database(folder: Path) -> None:
    """Write with SQLite, without Python's open."""
    with closing(sqlite3.connect(folder / "kept.db")) as connection:
        connection.execute("create table kept (token text)")
        connection.execute("insert into kept values (?)", (SECRET,))
        connection.commit()


@pytest.mark.parametrize(
    "act",
    [write, write_by_descriptor, write_and_rename, write_and_copy, write_into_a_database],
    ids=lambda act: act.__name__,
)
def test_a_file_left_behind_is_detected(act: Callable[[Path], None], tmp_path: Path) -> None:
    """The content is detected once, under the final name of the file."""
    written: list[tuple[str, bytes]] = []
    with detect_file_writes(written):
        act(tmp_path)
    (kept,) = tmp_path.iterdir()
    assert [name for name, content in written if SECRET.encode() in content] == [str(kept)]


def test_read_and_deleted_files_are_not_left_behind(tmp_path: Path) -> None:
    """Files that are only read or are deleted are not detected."""
    path = tmp_path / "read.txt"
    path.write_text(SECRET, encoding="utf-8")
    written: list[tuple[str, bytes]] = []
    with detect_file_writes(written):
        path.read_text(encoding="utf-8")
        with tempfile.NamedTemporaryFile("w", dir=tmp_path, encoding="utf-8") as file:
            file.write(SECRET)
    assert written == []


def test_detection_can_be_nested(tmp_path: Path) -> None:
    """Nested detections are independent and end with their blocks."""
    outer: list[tuple[str, bytes]] = []
    inner: list[tuple[str, bytes]] = []
    with detect_file_writes(outer):
        with detect_file_writes(inner):
            write(tmp_path)
        write_by_descriptor(tmp_path)
    write_and_rename(tmp_path)
    assert [Path(name).name for name, _ in inner] == ["kept.txt"]
    assert [Path(name).name for name, _ in outer] == ["kept.txt", "kept.bin"]
