"""Startup of the command: version, extra, imports and environment."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from smaply_metrics_core import __version__
from smaply_metrics_core.cli.app import GROUPS
from tests.cli.conftest import Command

BLOCKED = """
import sys
sys.modules["typer"] = None
from smaply_metrics_core.cli import main
for more in ([], ["--json"]):
    sys.argv = ["smaply-metrics", "source", "list", *more]
    try:
        main()
    except SystemExit as ended:
        assert ended.code == 1, ended.code
    else:
        raise AssertionError("The command did not exit with 1.")
"""

HEAVY = ("sqlalchemy", "polars", "httpx", "cryptography", "pydantic_settings")

HELP = f"""
import sys
from smaply_metrics_core.cli import main
for arguments in (["--version"], ["metric", "add", "--help"]):
    sys.argv = ["smaply-metrics", *arguments]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, arguments
    print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a new process."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=180
    )


def test_the_version_is_shown(command: Command) -> None:
    """--version prints the version, as text and JSON."""
    assert command("--version").out == f"smaply-metrics {__version__}\n"
    assert command("--version", "--json").json == {"version": __version__}
    assert not command.home.exists()


def test_a_missing_extra_is_named() -> None:
    """Without Typer the command names the missing extra, as text and JSON."""
    done = python(BLOCKED)

    assert done.returncode == 0, done.stderr
    assert "typer" in done.stderr
    assert 'pip install "smaply-metrics-core[cli]"' in done.stderr
    assert "smaply-metrics-core[cli]" in json.loads(done.stdout)["error"]["remedy"]


def test_help_loads_no_heavy_library() -> None:
    """Help and version load no database, data frame, HTTP or encryption library.

    The help of the root command is tested with the light imports.
    """
    done = python(HELP)

    assert done.returncode == 0, done.stderr
    assert f"smaply-metrics {__version__}" in done.stdout
    assert "smaply-metrics metric add" in done.stdout
    assert done.stderr.split() == []


@pytest.mark.parametrize("group", GROUPS)
def test_the_help_of_a_group_is_the_same_everywhere(command: Command, group: str) -> None:
    """The help of a group is that in the list of groups, in plain text."""
    printed = command(group, "--help").out

    usage = "[OPTIONS]" if group == "doctor" else "[OPTIONS] COMMAND [ARGS]..."
    assert " ".join(printed.split()).startswith(
        f"Usage: smaply-metrics {group} {usage} {GROUPS[group]}"
    )
    assert "╭" not in printed


@pytest.mark.parametrize("arguments", [("connection", "list"), ("source", "list")])
def test_an_unknown_variable_is_a_warning(command: Command, arguments: tuple[str, ...]) -> None:
    """The warning is printed once, with the most similar name and without the value."""
    environment = {
        "SMAPLY_METRICS_DATABASE_URI": "postgresql://user:hunter2@host/database",
        "SMAPLY_METRICS_SECRET_API_TOKEN": "a-token",
        "SMAPLY_METRICS_HOST_PUBLIC_URL": "https://metrics.example.com",
    }
    ended = command(*arguments, "--json", environment=environment)

    assert ended.code == 0
    assert isinstance(ended.json, list)
    assert ended.err.count("\n") == 1
    assert "SMAPLY_METRICS_DATABASE_URI is not a setting" in ended.err
    assert "Did you mean SMAPLY_METRICS_DATABASE_URL?" in ended.err
    assert "hunter2" not in ended.err


def test_an_invalid_value_names_its_variable(command: Command) -> None:
    """The error names the variable and its valid values."""
    ended = command(
        "card", "load", "--json", environment={"SMAPLY_METRICS_REFRESH_THREADS": "many"}
    )

    assert ended.code == 1
    assert "“many” is not a valid SMAPLY_METRICS_REFRESH_THREADS" in ended.error["message"]
    assert "a whole number from 1 to 64" in ended.error["remedy"]
    assert not command.home.exists()
