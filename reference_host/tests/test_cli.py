"""The command: inviting, serving, and its error messages."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from reference_host.tests.app_fixture import Browser
from smaply_metrics_core.host import Role, SystemClock
from smaply_metrics_host.cli import main
from smaply_metrics_host.store.database import NAME, Database
from smaply_metrics_host.store.people import People

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = str(Path(sys.executable).with_name("smaply-metrics-host"))
SECONDS = 180


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with these variables in its environment."""
    return subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """As ``run``, in this process: starting an interpreter takes a second."""

    def run_here(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["smaply-metrics-host", *arguments])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return subprocess.CompletedProcess(arguments, ended.value.code, *capfd.readouterr())

    return run_here


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The URL and the process of a running host."""
    process = subprocess.Popen(
        [COMMAND, "serve", "--home", str(tmp_path), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0], process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_an_invitation_is_a_link_that_signs_in(
    tmp_path: Path, served: tuple[str, subprocess.Popen[str]], command: Command
) -> None:
    """What `invite` prints opens the host that serves the same home."""
    url, _ = served

    done = command("invite", "acme", "Vera", "--home", str(tmp_path), "--public-url", url)

    assert done.returncode == 0, done.stderr
    answer = httpx.post(done.stdout.strip(), timeout=SECONDS)
    assert answer.status_code == 303
    assert "smaply_session" in answer.cookies


@pytest.mark.deep(reason="serves in a process of its own")
def test_it_stops_while_a_map_is_open(
    tmp_path: Path, served: tuple[str, subprocess.Popen[str]]
) -> None:
    """SIGTERM stops it without output, although a browser follows an event stream."""
    url, process = served
    link = run("invite", "acme", "Emil", "--role", "editor", "--home", str(tmp_path)).stdout
    with Browser(base_url=url, timeout=SECONDS, follow_redirects=True) as emil:
        emil.post(urlsplit(link.strip()).path)
        (workspace,) = emil.get("/api/workspaces").json()
        fields = {"name": "Journey", "workspace": workspace["id"]}
        journey = emil.submit("/maps", "/maps", fields).url.path.removesuffix("/edit")
        with emil.stream("GET", f"{journey}/events") as events:
            assert next(events.iter_lines()).startswith("retry")

            process.send_signal(signal.SIGTERM)

            code = process.wait(SECONDS)
    assert code in {0, -signal.SIGTERM}
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_an_invitation_sets_the_role(tmp_path: Path, command: Command) -> None:
    """Inviting an existing person changes their role."""
    for role in ("viewer", "admin"):
        done = command("invite", "acme", "Vera", "--role", role, "--home", str(tmp_path))
        assert done.returncode == 0

    database = Database(tmp_path)
    (vera,) = People(database, SystemClock()).of_account("acme")
    database.close()
    assert vera.role is Role.ADMIN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("invite", "Not An Id", "Vera", "--home", "HOME"), "lower-case"),
        (("invite", "acme", "  ", "--home", "HOME"), "characters"),
        (("serve", "--home", "HOME", "--public-url", "metrics.example.com"), "https://"),
    ],
)
def test_an_invalid_value_is_an_error_with_a_remedy(
    tmp_path: Path, arguments: tuple[str, ...], message: str, command: Command
) -> None:
    """The message names the remedy, on standard error, without a traceback."""
    done = command(*(argument.replace("HOME", str(tmp_path)) for argument in arguments))

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("serve",), "--home"),
        (("invite", "acme", "Vera"), "--home"),
        (("demo", "--json"), "--once"),
    ],
)
def test_a_missing_option_is_named(
    arguments: tuple[str, ...], option: str, command: Command
) -> None:
    """An incomplete command line is a usage error that names the option."""
    done = command(*arguments, SMAPLY_METRICS_HOME="")

    assert done.returncode == 2
    assert option in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_lists_its_subcommands(command: Command) -> None:
    """Without a subcommand, the help is printed."""
    done = command()

    assert {"serve", "demo", "invite"} <= set(done.stdout.replace("│", " ").split())


def test_a_port_in_use_is_reported(tmp_path: Path, command: Command) -> None:
    """A port in use is an error that names the option."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = command("serve", "--home", str(tmp_path), "--port", str(other.getsockname()[1]))

    assert done.returncode == 1
    assert "--port" in done.stderr


def test_a_damaged_database_is_reported(tmp_path: Path, command: Command) -> None:
    """A file that is not a database is an error that names the file."""
    (tmp_path / NAME).write_text("no database, but long enough to be looked at" * 100)

    done = command("invite", "acme", "Vera", "--home", str(tmp_path))

    assert done.returncode == 1
    assert NAME in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("keys", [" ", "hunter2"], ids=["empty", "not valid"])
def test_the_host_does_not_start_without_keys(tmp_path: Path, keys: str, command: Command) -> None:
    """The message names the variable; the key is not repeated, and nothing is served."""
    serve = ("serve", "--home", str(tmp_path), "--port", "0")
    done = command(*serve, SMAPLY_METRICS_ENCRYPTION_KEYS=keys)

    assert done.returncode == 1
    assert "SMAPLY_METRICS_ENCRYPTION_KEYS" in done.stderr
    for unwanted in ("Traceback", "hunter2"):
        assert unwanted not in done.stderr
    assert done.stdout == ""


def test_an_unreachable_database_is_reported(tmp_path: Path, command: Command) -> None:
    """The message has the remedy, but no traceback and no address of the server."""
    url = f"postgresql://metrics:hunter2@/metrics?host={tmp_path}"
    done = command("serve", "--home", str(tmp_path), "--port", "0", SMAPLY_METRICS_DATABASE_URL=url)

    assert done.returncode == 1
    assert "stopped, restarting or unreachable" in done.stderr
    for unwanted in ("Traceback", "hunter2", str(tmp_path)):
        assert unwanted not in done.stderr
