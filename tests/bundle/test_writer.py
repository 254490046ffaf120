"""Writing debug bundles: which files a source may add, and who can read them."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from smaply_metrics_core.bundle.writer import BundleWriter, write_bundle
from smaply_metrics_core.errors import DeadlineExceeded, InputError, PluginError
from smaply_metrics_core.models.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Callable

    Fill = Callable[[BundleWriter], None]

TOKEN = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCd"


def write(path: Path, fill: Fill, *, personal: bool = False) -> dict[str, bytes]:
    """Write a bundle and return its files."""
    made = write_bundle(path, [TOKEN], include_personal=personal, fill=fill)
    assert made == path
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def one_file(writer: BundleWriter) -> None:
    """Write a bundle with one file."""
    writer.add_text("a.txt", "hello")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a bundle to write."""
    return tmp_path / "bundle.zip"


def test_a_bundle_holds_what_was_written(path: Path) -> None:
    """Text, JSON and bytes are returned as written, next to a README."""

    def fill(writer: BundleWriter) -> None:
        writer.add_text("notes/a.txt", "grün \ud800")
        writer.add_json("b.json", {"survey": Survey(id="SV_1", name="ü"), "secret": SecretStr("x")})
        with writer.open("raw/c.csv") as file:
            file.write(b"one,")
            file.write(b"two\n")

    files = write(path, fill)

    assert set(files) == {"README.txt", "notes/a.txt", "b.json", "raw/c.csv"}
    assert files["notes/a.txt"].decode() == "grün \\ud800"
    read = json.loads(files["b.json"])
    assert (read["survey"]["name"], read["secret"]) == ("ü", "**********")
    assert files["raw/c.csv"] == b"one,two\n"


@pytest.mark.parametrize(
    ("personal", "expected"), [(False, "are excluded."), (True, "are included")]
)
def test_the_readme_describes_the_bundle(path: Path, expected: str, *, personal: bool) -> None:
    """It lists the files, warns of free text, and says whether personal columns are included."""
    asked: list[bool] = []

    def fill(writer: BundleWriter) -> None:
        asked.append(writer.include_personal)
        writer.add_text("raw/c.csv", "")

    note = write(path, fill, personal=personal)["README.txt"].decode()

    assert asked == [personal]
    assert expected in note
    assert "  raw/c.csv\n" in note
    assert "Free-text answers" in note
    assert max(map(len, note.splitlines())) <= 100


def test_a_bundle_is_for_its_owner_alone(path: Path) -> None:
    """No other user can read it before, while or after it is written."""
    seen: list[int] = []

    def fill(writer: BundleWriter) -> None:
        with writer.open("a") as file:
            file.write(b"x")
            file.flush()
            seen.extend(stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir())

    before = os.umask(0)
    try:
        write(path, fill)
    finally:
        os.umask(before)

    assert set(seen) <= {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(seen_name != path for seen_name in path.parent.iterdir())


def test_a_large_file_is_written_in_blocks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written in blocks is never in memory as a whole."""
    monkeypatch.setattr("smaply_metrics_core.bundle.writer._BLOCK", 1 << 14)
    block = bytes(range(256)) * 256

    def fill(writer: BundleWriter) -> None:
        with writer.open("raw/large.csv") as file:
            for _ in range(20):
                file.write(block)

    assert write(path, fill)["raw/large.csv"] == block * 20


def test_a_wrapper_that_closes_the_file_does_no_harm(path: Path) -> None:
    """Text wrappers close the file they wrap when they are collected; the content is kept."""

    def fill(writer: BundleWriter) -> None:
        with writer.open("a.csv") as file:
            wrapper = io.TextIOWrapper(file, encoding="utf-8")
            wrapper.write("wrapped")
            wrapper.close()

    assert write(path, fill)["a.csv"] == b"wrapped"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/absolute",
        "../up",
        "a/../b",
        "a/./b",
        "a//b",
        "a/",
        "back\\slash",
        "C:drive",
        "new\nline",
        "nul\x00",
        "tab\t",
        "trailing ",
        "trailing.",
        " leading/a",
        "star*",
        "x" * 201,
        "README.txt",
        "readme.TXT",
        "there.txt",
        "THERE.txt",
    ],
)
def test_an_invalid_name_is_refused(path: Path, name: str) -> None:
    """Names must be relative, plain, short and unique on every system."""

    def fill(writer: BundleWriter) -> None:
        writer.add_text("there.txt", "")
        with pytest.raises(PluginError, match=r"^The name .* in the debug bundle "):
            writer.add_text(name, "")

    assert set(write(path, fill)) == {"there.txt", "README.txt"}


@pytest.mark.parametrize("name", ["a", "a/b/c.csv", "Umfrage für Kunden (2026).csv", "x" * 200])
def test_a_plain_name_is_accepted(path: Path, name: str) -> None:
    """Folders, spaces and letters of any language are valid."""
    assert name in write(path, lambda writer: writer.add_text(name, ""))


def test_an_incomplete_file_is_dropped(path: Path) -> None:
    """A file that a failing source left incomplete is excluded, and its name is free again."""

    def fill(writer: BundleWriter) -> None:
        def fail() -> None:
            with writer.open("raw.csv") as file:
                file.write(b"half")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        writer.add_text("raw.csv", "whole")

    assert write(path, fill)["raw.csv"] == b"whole"


def test_a_source_that_hangs_in_a_file_blocks_nothing(path: Path) -> None:
    """The host writes its own files while an abandoned thread still has a file open."""
    go_on, begun, ended = threading.Event(), threading.Event(), threading.Event()
    raised: list[str] = []

    def hang(writer: BundleWriter) -> None:
        try:
            with writer.open("raw.csv") as file:
                file.write(b"half")
                begun.set()
                go_on.wait(60)
        except PluginError as error:
            raised.append(error.message)
        ended.set()

    def fill(writer: BundleWriter) -> None:
        threading.Thread(target=hang, args=(writer,), daemon=True).start()
        assert begun.wait(60)
        writer.add_text("failure.json", "{}")

    files = write(path, fill)
    go_on.set()
    assert ended.wait(60)

    assert set(files) == {"failure.json", "README.txt"}
    assert raised == ["The file 'raw.csv' was added after the debug bundle was finished."]


def test_a_source_that_was_abandoned_stops_writing(path: Path) -> None:
    """After the deadline, an endless CSV is not copied any further."""
    ended = threading.Event()
    begun = threading.Event()

    class Endless:
        def read(self, size: int, /) -> bytes:
            begun.set()
            return b"a,b\n" * (size // 4)

    def write_for_ever(writer: BundleWriter) -> None:
        with pytest.raises(PluginError, match="after the debug bundle was finished"):
            writer.add_csv("responses.csv", Endless())
        ended.set()

    def fill(writer: BundleWriter) -> None:
        threading.Thread(target=write_for_ever, args=(writer,), daemon=True).start()
        assert begun.wait(60)
        raise DeadlineExceeded("too late")

    with pytest.raises(DeadlineExceeded):
        write(path, fill)
    assert ended.wait(60)


def test_threads_may_write_at_once(path: Path) -> None:
    """Files of several threads do not mix."""

    def fill(writer: BundleWriter) -> None:
        def add(number: int) -> None:
            with writer.open(f"{number}.txt") as file:
                for _ in range(50):
                    file.write(b"%d" % number)

        threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    files = write(path, fill)
    assert {name: files[name] for name in files if name != "README.txt"} == {
        f"{number}.txt": b"%d" % number * 50 for number in range(8)
    }


@pytest.mark.parametrize(
    "value",
    [object(), {"a": b"\xff"}, {"deep": [{1, object()}]}],
    ids=["object", "bytes", "inside"],
)
def test_a_value_that_is_not_json_is_refused(path: Path, value: object) -> None:
    """The error names the file and does not show the value."""

    def fill(writer: BundleWriter) -> None:
        with pytest.raises(PluginError, match=r"'a\.json'.* as JSON"):
            writer.add_json("a.json", value)

    write(path, fill)


def test_an_existing_file_is_never_overwritten(path: Path) -> None:
    """An existing path is rejected before anything is requested."""
    path.write_text("precious", encoding="utf-8")
    asked: list[bool] = []

    with pytest.raises(InputError, match="already"):
        write(path, lambda _: asked.append(True))

    assert asked == []
    assert path.read_text(encoding="utf-8") == "precious"


def test_a_dangling_link_is_not_followed(path: Path) -> None:
    """A dangling link at the path of the bundle counts as an existing file."""
    path.symlink_to(path.parent / "elsewhere")

    with pytest.raises(InputError, match="already"):
        write(path, one_file)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_in_between_is_not_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """The first writer wins, also on file systems without hard links."""
    if not links:
        without_links(monkeypatch)

    def fill(writer: BundleWriter) -> None:
        path.write_text("precious", encoding="utf-8")

    with pytest.raises(InputError, match="already"):
        write(path, fill)
    assert [(one.name, one.read_text(encoding="utf-8")) for one in path.parent.iterdir()] == [
        ("bundle.zip", "precious")
    ]


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `os.link` fail as on some file systems."""

    def refuse(*_: Any, **__: Any) -> None:  # noqa: ANN401  # The signature of os.link.
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_hard_links_are_not_required(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them the bundle is moved to its path too, and no other file remains."""
    without_links(monkeypatch)

    assert "a.txt" in write(path, one_file)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [InputError("x"), RuntimeError("x"), KeyboardInterrupt()])
def test_nothing_remains_when_filling_fails(path: Path, error: BaseException) -> None:
    """The error is raised unchanged, and no file remains."""

    def fill(writer: BundleWriter) -> None:
        one_file(writer)
        raise error

    with pytest.raises(type(error)) as caught:
        write(path, fill)
    assert caught.value is error
    assert list(path.parent.iterdir()) == []


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    """The message names the folder, and the remedy says which folder to choose."""
    with pytest.raises(InputError, match="No such file or directory"):
        write(tmp_path / "nowhere" / "bundle.zip", one_file)


def test_a_relative_path_gives_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The returned path does not depend on the current folder."""
    monkeypatch.chdir(tmp_path)
    made = write_bundle(Path("here.zip"), [], include_personal=False, fill=one_file)

    assert made == tmp_path / "here.zip"


KILLED = """
import os, signal, sys
from pathlib import Path
from smaply_metrics_core.bundle import writer
if sys.argv[2] == "named":
    writer.os.O_TMPFILE = 0
def fill(bundle):
    bundle.add_text("answers.txt", "personal data " * 10_000)
    os.kill(os.getpid(), signal.SIGKILL)
writer.write_bundle(Path(sys.argv[1]), secrets=[], include_personal=True, fill=fill)
"""


@pytest.mark.parametrize("kind", ["unnamed", "named"])
def test_a_killed_process_leaves_no_unfinished_bundle(tmp_path: Path, kind: str) -> None:
    """Nothing remains of an unnamed file; a named one is removed by the next bundle."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "bundle.zip"), kind], check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert bool(list(tmp_path.iterdir())) is (kind == "named")
    path = write_bundle(tmp_path / "next.zip", [], include_personal=False, fill=lambda _: None)
    assert list(tmp_path.iterdir()) == [path]
