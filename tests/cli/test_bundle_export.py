"""``debug-export``: the bundle is written, and what is missing from it is said."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command


def test_a_bundle_is_written(connected: Command, tmp_path: Path) -> None:
    """debug-export writes a zip, tells where, and does not write over a file."""
    export = ("debug-export", "qualtrics", "--survey", SURVEY, "--to", str(tmp_path / "b.zip"))

    made, again = connected.done(*export), connected(*export, "--json")

    assert Path(made["bundle"]) == tmp_path / "b.zip"
    assert made["bytes"] == (tmp_path / "b.zip").stat().st_size
    assert made["problem"] is None
    with zipfile.ZipFile(made["bundle"]) as bundle:
        assert {"README.txt", "metrics.json", "exchange.json", "versions.json"} <= set(
            bundle.namelist()
        )
    assert again.code == 1
    assert again.error["kind"] == "invalid_input"


@pytest.mark.parametrize("cause", ["survey", "export"])
def test_a_bundle_without_the_data_says_so(
    connected: Command, sandbox: SandboxServer, tmp_path: Path, cause: str
) -> None:
    """When the survey is unknown or its export fails, debug-export tells what to do about it."""
    survey = "SV_nothing" if cause == "survey" else SURVEY
    export = ("debug-export", "qualtrics", "--survey", survey, "--to")
    ended = []
    for name in (("1.zip",), ("2.zip", "--json")):
        if cause == "export":
            sandbox.state.add_fault("export_progress", kind="failed", times=1)
        ended.append(connected(*export, str(tmp_path / name[0]), *name[1:]))
    told, in_json = ended

    assert told.code == in_json.code == 0
    assert (tmp_path / "1.zip").is_file()
    problem = in_json.json["problem"]
    assert problem["kind"] == ("survey_unavailable" if cause == "survey" else "export_failed")
    assert in_json.err == ""
    said = " ".join(told.err.split())
    assert "Not all of the survey's data is in it" in said
    assert " ".join(problem["remedy"].split()) in said
    assert "Written:" in told.out
