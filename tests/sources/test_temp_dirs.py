"""Temporary files with responses are removed after the call, or when the next process starts."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host import MetricsHost, Settings
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.temp_dirs import TempDirs, private_directory

from .conftest import Installs, error_in

ROOT = Path(__file__).parents[2]

SOURCE = """
import os, threading
from smaply_metrics_core import (
    CheckStep, Credentials, Destination, SourceDescription, Survey, hookimpl
)

class Nobody(Credentials):
    pass

@hookimpl
def describe_source():
    step = CheckStep(name="reach", title="Reach", required=True)
    return SourceDescription(
        id="zz_rows", title="Rows", contract="0.1", credentials=Nobody, checks=(step,)
    )

@hookimpl
def destinations():
    return [Destination(kind="host", host="api.acme.com")]

@hookimpl
def list_surveys(context):
    rows = context.folder / "rows.csv"
    rows.write_text("answers of a respondent")
    yield Survey(id=str(rows), name="Where the rows are")
    if "ZZ_ROWS_WAITS" in os.environ:
        # Unbuffered: at exit, Python aborts if a thread holds the lock of a buffer.
        os.write(1, f"{rows}{os.linesep}".encode())
        threading.Event().wait()

@hookimpl
def validate_credentials(): ...
@hookimpl
def list_questions(): ...
@hookimpl
def fetch_metric(): ...
@hookimpl
def debug_export(): ...
"""

CALLING = """
import sys
from pathlib import Path
from smaply_metrics_core import Deadline, SystemClock
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry

base = Path(sys.argv[1]) if len(sys.argv) > 1 else None
source = SourceRegistry(temp_dir=base).get("zz_rows")
allowed, later = AllowedDestinations(), Deadline.after(600, SystemClock())
with source.session(source.parse({}), account="a", allowed=allowed, deadline=later) as session:
    session.surveys()
"""

Calls = Callable[..., tuple[Path, "subprocess.Popen[str]"]]


@pytest.fixture
def site(install: Installs) -> Path:
    """The folder of a source that writes rows to its temporary folder, with the path as an id."""
    return install("zz-rows", points={"zz_rows": "zz_rows"}, module="zz_rows", code=SOURCE)


@pytest.fixture
def calling(site: Path) -> Iterator[Calls]:
    """A function that starts a process in a call; returns the file that the call has written."""
    with ExitStack() as started:

        def start(
            *arguments: Path, temp: str = tempfile.gettempdir()
        ) -> tuple[Path, subprocess.Popen[str]]:
            path = os.pathsep.join([str(site), str(ROOT)])
            process = started.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", CALLING, *arguments],
                    env={**os.environ, "PYTHONPATH": path, "TMPDIR": temp, "ZZ_ROWS_WAITS": "1"},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            started.callback(process.kill)
            assert process.stdout is not None
            return Path(process.stdout.readline().strip()), process

        yield start


LEAVING = """
import os, signal, sys
from pathlib import Path
from smaply_metrics_core.sources.temp_dirs import TempDirs

with TempDirs(Path(sys.argv[1]) if len(sys.argv) > 1 else None).folder() as folder:
    (folder / "rows.csv").write_text("answers of a respondent")
    print(folder / "rows.csv", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(*base: Path, temp: str = tempfile.gettempdir()) -> Path:
    """Return a file that a killed process left, which loaded no source."""
    done = subprocess.run(
        [sys.executable, "-c", LEAVING, *base],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": temp},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return Path(done.stdout.strip())


ELSEWHERE = pytest.mark.deep(reason="1 s: a process; every change tests a folder in the home")


@pytest.mark.parametrize("given", [None, pytest.param("scratch", marks=ELSEWHERE)])
@pytest.mark.usefixtures("site")
def test_a_host_stores_temporary_files_in_its_home_and_cleans_up(
    tmp_path: Path, later: Deadline, given: str | None
) -> None:
    """Opening a home removes the files of killed processes; closing it removes its own.

    The same is true of a folder elsewhere that a setting names.
    """
    home = tmp_path / "home"
    folder = tmp_path / given if given else home / "tmp"
    left = killed(folder)
    allowed = AllowedDestinations()
    assert left.exists()

    host = MetricsHost(Settings(home=home, temp_dir=folder if given else None, allowed=allowed))

    assert not left.exists()
    source = host.sources.get("zz_rows")
    with source.session(
        source.parse({}), account="acct", allowed=allowed, deadline=later
    ) as session:
        rows = Path(session.surveys()[0].id)
        assert rows.is_relative_to(folder)
        assert rows.exists()
        host.close()
        assert list(folder.iterdir()) == []


def test_files_of_killed_processes_alone_are_removed(calling: Calls, tmp_path: Path) -> None:
    """Files left after SIGKILL are removed when a registry is created, before any call.

    Those of live processes are not, whichever process cleans up.
    """
    rows, process = calling(tmp_path / "temp")
    temp_dirs = TempDirs(tmp_path / "temp")
    with temp_dirs.folder():
        assert rows.exists()
    temp_dirs.close()
    assert rows.exists()

    left = killed(tmp_path / "temp")
    assert left.read_text() == "answers of a respondent"
    SourceRegistry(temp_dir=tmp_path / "temp")

    assert not left.exists()
    assert rows.exists()

    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert rows.read_text() == "answers of a respondent"
    SourceRegistry(temp_dir=tmp_path / "temp")

    assert list((tmp_path / "temp").iterdir()) == []


def test_ctrl_c_in_a_call_ends_it_and_removes_its_files(calling: Calls, tmp_path: Path) -> None:
    """KeyboardInterrupt is raised while the caller waits for a source that hangs."""
    rows, process = calling(temp=str(tmp_path))
    base = tmp_path / f"smaply-metrics-{os.getuid()}"
    assert rows.is_relative_to(base)  # By default, it is in the system's temporary folder.

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)

    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert not rows.exists()
    assert list(base.iterdir()) == []


def test_the_default_base_is_in_the_systems_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default base has mode 0700 and is cleaned up on the next call."""
    rows = killed(temp=str(tmp_path))
    base = tmp_path / f"smaply-metrics-{os.getuid()}"
    assert rows.is_relative_to(base)
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with private_directory() as folder:
        assert folder.is_relative_to(base)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not rows.exists()

    assert list(base.iterdir()) == []


def test_a_base_that_is_a_link_is_rejected(tmp_path: Path) -> None:
    """Nothing is written to or removed from the target of a symbolic link."""
    elsewhere = tmp_path / "elsewhere"
    dead = elsewhere / f"1-{'a' * 16}"
    dead.mkdir(parents=True)
    (tmp_path / "link").symlink_to(elsewhere)

    error = error_in(TempDirs(tmp_path / "link").folder().__enter__)

    assert type(error) is StoreError
    assert f"{tmp_path / 'link'} is not a folder of this user" in error.message
    assert list(elsewhere.iterdir()) == [dead]


def test_a_base_of_another_user_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user may have created the folder in a shared temporary folder."""
    dead = tmp_path / f"1-{'a' * 16}"
    dead.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)

    error = error_in(TempDirs(tmp_path).folder().__enter__)

    assert "is not a folder of this user" in error.message
    assert "Remove it" in error.remedy
    assert dead.exists()


def test_a_base_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    """A folder of this user with another mode gets mode 0700 on first use."""
    tmp_path.chmod(0o755)

    with TempDirs(tmp_path).folder() as folder:
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)]
        assert modes == [0o700, 0o700]


def test_a_base_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    """The error is raised when a folder is needed, and not before."""
    (tmp_path / "file").touch()
    temp_dirs = TempDirs(tmp_path / "file" / "temp")

    error = error_in(temp_dirs.folder().__enter__)

    assert type(error) is StoreError
    assert "Not a directory" in error.message
    assert error.remedy


def test_only_folders_of_processes_are_removed(tmp_path: Path) -> None:
    """Other files are not removed; folders without a lock and locks without a folder are."""
    (tmp_path / "notes.txt").touch()
    (tmp_path / "other.lock").touch()
    (tmp_path / f"1-{'a' * 16}").mkdir()
    (tmp_path / f"2-{'b' * 16}.lock").touch()

    TempDirs(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "other.lock"]


def test_closing_removes_the_files_of_abandoned_calls(tmp_path: Path) -> None:
    """Open folders are removed, closing again has no effect, and a later call gets a new folder."""
    temp_dirs = TempDirs(tmp_path)
    with temp_dirs.folder() as folder:
        (folder / "rows.csv").touch()
        temp_dirs.close()
        temp_dirs.close()
        assert list(tmp_path.iterdir()) == []
    with temp_dirs.folder() as another:
        assert another.is_dir()


def test_temp_dirs_without_references_cleans_up(tmp_path: Path) -> None:
    """Without a call of ``close``, the folder is removed by the garbage collector."""
    temp_dirs = TempDirs(tmp_path)
    with temp_dirs.folder():
        assert len(list(tmp_path.iterdir())) == 2

    del temp_dirs

    assert list(tmp_path.iterdir()) == []


def test_a_removed_temporary_folder_is_created_again(tmp_path: Path) -> None:
    """If another program removed the folder, the next call creates a new one."""
    temp_dirs = TempDirs(tmp_path / "temp")
    with temp_dirs.folder():
        pass
    shutil.rmtree(tmp_path / "temp")

    with temp_dirs.folder() as folder:
        assert folder.is_dir()


FORKING = """
import os, sys
from pathlib import Path
from smaply_metrics_core.sources.temp_dirs import TempDirs

temp_dirs = TempDirs(Path(sys.argv[1]))
with temp_dirs.folder() as folder:
    child = os.fork()
    if child == 0:
        with temp_dirs.folder() as own:
            apart = own.parent != folder.parent
        temp_dirs.close()
        os._exit(0 if apart else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert folder.is_dir()
    print(len(os.listdir(sys.argv[1])))
"""


def test_a_forked_child_has_its_own_folder(tmp_path: Path) -> None:
    """A child neither uses nor removes the folder of its parent, and removes its own."""
    ended = subprocess.run(  # A new process, since Python warns of forks with threads.
        [sys.executable, "-c", FORKING, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )

    assert (ended.stdout.strip(), ended.stderr, ended.returncode) == ("2", "", 0)
    assert list(tmp_path.iterdir()) == []
