"""Respondents' rows on disk go with the call, and at the latest when the next process opens."""

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
    rows.write_text("what a respondent said")
    yield Survey(id=str(rows), name="Where the rows are")
    if "ZZ_ROWS_WAITS" in os.environ:
        print(rows, flush=True)
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
    """Where a source is installed that writes rows into its folder; gives their place as an id."""
    return install("zz-rows", points={"zz_rows": "zz_rows"}, module="zz_rows", code=SOURCE)


@pytest.fixture
def calling(site: Path) -> Iterator[Calls]:
    """Starts a process in the middle of a call; gives the file that the call has written."""
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


def test_what_a_killed_process_left_goes_when_the_next_one_opens(
    calling: Calls, tmp_path: Path
) -> None:
    """Rows that SIGKILL has left on disk are gone once the registry is opened, before any call."""
    rows, process = calling(tmp_path / "temp")
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert rows.read_text() == "what a respondent said"

    SourceRegistry(temp_dir=tmp_path / "temp")

    assert not rows.exists()
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_host_keeps_the_rows_in_its_home_and_sweeps_there(
    calling: Calls, tmp_path: Path, later: Deadline
) -> None:
    """Opening a home removes what a killed process left there; closing it, what is its own."""
    home = tmp_path / "home"
    left, process = calling(home / "tmp")
    process.kill()
    process.wait()
    allowed = AllowedDestinations()
    assert left.exists()

    host = MetricsHost(Settings(home=home, allowed=allowed))

    assert not left.exists()
    source = host.sources.get("zz_rows")
    with source.session(
        source.parse({}), account="acct", allowed=allowed, deadline=later
    ) as session:
        rows = Path(session.surveys()[0].id)
        assert rows.is_relative_to(home / "tmp")
        assert rows.exists()
        host.close()
        assert list((home / "tmp").iterdir()) == []


def test_two_live_processes_leave_each_other_alone(calling: Calls, tmp_path: Path) -> None:
    """Only the folders of the dead go, whichever process opens the base and closes it again."""
    first, process = calling(tmp_path / "temp")
    second, _ = calling(tmp_path / "temp")
    temp_dirs = TempDirs(tmp_path / "temp")
    with temp_dirs.folder():
        assert first.exists()
        assert second.exists()
    temp_dirs.close()
    assert first.exists()

    process.kill()
    process.wait()
    TempDirs(tmp_path / "temp")

    assert not first.exists()
    assert second.exists()


def test_ctrl_c_in_the_middle_of_a_call_ends_it_and_leaves_nothing(
    calling: Calls, tmp_path: Path
) -> None:
    """The caller's own interruption goes through while it waits for a source that hangs."""
    rows, process = calling(tmp_path / "temp")

    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)

    assert process.returncode == -signal.SIGINT
    assert told.rstrip().endswith("KeyboardInterrupt")
    assert not rows.exists()
    assert list((tmp_path / "temp").iterdir()) == []


def test_without_a_base_the_folder_is_this_users_in_the_systems(
    calling: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a home the rows lie in a folder that only we may enter, swept on the next call."""
    rows, process = calling(temp=str(tmp_path))
    process.kill()
    process.wait()
    base = tmp_path / f"smaply-metrics-{os.getuid()}"
    assert rows.is_relative_to(base)
    assert stat.S_IMODE(base.stat().st_mode) == 0o700
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    with private_directory() as folder:
        assert folder.is_relative_to(base)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not rows.exists()

    assert list(base.iterdir()) == []


def test_a_base_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Somebody else's place, reached through a link, gets no rows and loses no files."""
    elsewhere = tmp_path / "elsewhere"
    dead = elsewhere / f"1-{'a' * 16}"
    dead.mkdir(parents=True)
    (tmp_path / "link").symlink_to(elsewhere)

    error = error_in(TempDirs(tmp_path / "link").folder().__enter__)

    assert type(error) is StoreError
    assert f"{tmp_path / 'link'} is no folder of this user" in error.message
    assert list(elsewhere.iterdir()) == [dead]


def test_a_base_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shared place anybody may have made the folder first."""
    dead = tmp_path / f"1-{'a' * 16}"
    dead.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)

    error = error_in(TempDirs(tmp_path).folder().__enter__)

    assert "is no folder of this user" in error.message
    assert "Remove it" in error.remedy
    assert dead.exists()


def test_a_base_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    """A folder of ours that was made with the usual mode is made private on first use."""
    tmp_path.chmod(0o755)

    with TempDirs(tmp_path).folder() as folder:
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)]
        assert modes == [0o700, 0o700]


def test_a_base_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file in the way is an error with a remedy when a folder is needed, and no sooner."""
    (tmp_path / "file").touch()
    temp_dirs = TempDirs(tmp_path / "file" / "temp")

    error = error_in(temp_dirs.folder().__enter__)

    assert type(error) is StoreError
    assert "Not a directory" in error.message
    assert error.remedy


def test_only_what_a_process_left_is_swept(tmp_path: Path) -> None:
    """Files that are none of ours stay, and half of what we make goes with the rest."""
    (tmp_path / "notes.txt").touch()
    (tmp_path / "other.lock").touch()
    (tmp_path / f"1-{'a' * 16}").mkdir()
    (tmp_path / f"2-{'b' * 16}.lock").touch()

    TempDirs(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "other.lock"]


def test_closing_removes_what_a_given_up_call_still_has(tmp_path: Path) -> None:
    """Whatever is open goes, closing twice is harmless, and a later call gets a new folder."""
    temp_dirs = TempDirs(tmp_path)
    with temp_dirs.folder() as folder:
        (folder / "rows.csv").touch()
        temp_dirs.close()
        temp_dirs.close()
        assert list(tmp_path.iterdir()) == []
    with temp_dirs.folder() as another:
        assert another.is_dir()


def test_temp_dirs_that_is_forgotten_cleans_up(tmp_path: Path) -> None:
    """Without a call of close the folder goes with the last reference."""
    temp_dirs = TempDirs(tmp_path)
    with temp_dirs.folder():
        assert len(list(tmp_path.iterdir())) == 2

    del temp_dirs

    assert list(tmp_path.iterdir()) == []


def test_a_cleaned_temporary_folder_does_not_end_the_calls(tmp_path: Path) -> None:
    """When something else has removed our folder, the next call makes another."""
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
    """A child neither uses nor removes what is its parent's, and leaves nothing of its own."""
    ended = subprocess.run(  # A process of its own: forking one with threads is a warning.
        [sys.executable, "-c", FORKING, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ended.stdout.strip(), ended.stderr, ended.returncode) == ("2", "", 0)
    assert list(tmp_path.iterdir()) == []
