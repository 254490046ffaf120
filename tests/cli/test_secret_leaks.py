"""The token does not leak into output, logs or files."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from smaply_metrics_core.redaction import Redactor
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, TOKEN, Command

NEW_TOKEN = "An0therTok3nThatMustNeverBeSeenAnywhere2"


def test_no_output_or_file_contains_a_token(
    new: Command, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """With faults and --debug, no output and no file contains a token."""
    new.connect(sandbox.host)
    survey = ("--survey", SURVEY)
    query = (*survey, "--question", "QID1", "--calculation", "nps")
    add = ("metric", "add", "NPS", "--connection", "qualtrics", *query)
    runs: list[tuple[str, ...]] = [
        *[
            (
                "connection",
                "list",
            ),
            ("connection", "check", "qualtrics"),
            ("survey", "list", "qualtrics"),
        ],
        *[
            ("metric", "preview", "--connection", "qualtrics", *query),
            add,
            (
                "card",
                "load",
            ),
            ("metric", "list"),
        ],
        ("bundle", "export", "qualtrics", SURVEY, "--output", str(tmp_path / "1.zip")),
    ]
    sandbox.state.add_fault("export_progress", kind="html")
    try:
        for number, run in enumerate(runs):
            new(*run, "--debug", *(("--json",) if number % 2 else ()))
        sandbox.state.set_token(None)
        for run in runs:
            new(*run[:-1], run[-1].replace("1.zip", "2.zip"), "--debug")
        for hour in ("00", "09"):
            new("card", "load", "--now", f"2026-05-01T{hour}:00:00Z", "--debug")
        sandbox.state.set_token(NEW_TOKEN)
        edit = ("connection", "edit", "qualtrics", "--secret-stdin", "api_token", "--debug")
        new(*edit, stdin=TOKEN)
        new(*edit, stdin=f"{NEW_TOKEN} {NEW_TOKEN}")
        new(*edit, stdin=NEW_TOKEN)
        new("connection", "delete", "qualtrics", "--yes", "--debug")
    finally:
        sandbox.state.clear_faults()
        sandbox.state.set_token(TOKEN)

    secrets = (TOKEN, NEW_TOKEN)
    everything = "\n".join(new.written).encode()
    assert len(everything) > 10_000
    assert b"Traceback" in everything
    assert not Redactor(secrets).found_in(BytesIO(everything))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"store.db", "key", "1.zip", "2.zip"} <= {path.name for path in files}
    for path in files:
        assert not Redactor(secrets).found_in(BytesIO(path.read_bytes())), path
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as bundle:
                for name in bundle.namelist():
                    assert not Redactor(secrets).found_in(BytesIO(bundle.read(name))), name


def test_the_home_is_private(new: Command, sandbox: SandboxServer) -> None:
    """Only their owner can read the home, the store and the key."""
    new.connect(sandbox.host)

    assert new.home.stat().st_mode & 0o077 == 0
    for name in ("store.db", "key"):
        assert (new.home / name).stat().st_mode & 0o077 == 0
