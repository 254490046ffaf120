"""``bundle export`` and ``bundle show``."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command


def test_a_bundle_is_written(connected: Command, tmp_path: Path) -> None:
    """`bundle export` writes a ZIP file, returns its path and does not overwrite a file."""
    export = ("bundle", "export", "qualtrics", SURVEY, "--output", str(tmp_path / "b.zip"))

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
def test_an_incomplete_bundle_is_reported(
    connected: Command, sandbox: SandboxServer, tmp_path: Path, cause: str
) -> None:
    """When the survey is unknown or its export fails, the problem and its remedy are printed."""
    survey = "SV_nothing" if cause == "survey" else SURVEY
    export = ("bundle", "export", "qualtrics", survey, "--output")
    ended = []
    for name in (("1.zip",), ("2.zip", "--json")):
        if cause == "export":
            sandbox.state.add_fault("export_progress", kind="failed", times=2)
        ended.append(connected(*export, str(tmp_path / name[0]), *name[1:]))
    as_text, in_json = ended

    assert as_text.code == in_json.code == 0
    assert (tmp_path / "1.zip").is_file()
    problem = in_json.json["problem"]
    assert problem["kind"] == ("survey_unavailable" if cause == "survey" else "export_failed")
    assert in_json.err == ""
    printed = " ".join(as_text.err.split())
    assert "The bundle is incomplete" in printed
    assert " ".join(problem["remedy"].split()) in printed
    assert "Written:" in as_text.out


def test_a_bundle_has_a_default_name(
    connected: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --output the file is in the current folder, with the survey's ID in its name."""
    monkeypatch.chdir(tmp_path)

    made = connected.done("bundle", "export", "qualtrics", SURVEY)

    assert Path(made["bundle"]) == tmp_path / f"debug-bundle-{SURVEY}.zip"
    assert Path(made["bundle"]).is_file()


def test_a_bundle_is_shown(connected: Command, tmp_path: Path) -> None:
    """`bundle show` prints the manifest, metrics, versions and files."""
    metric = connected.done(
        *("metric", "add", "Everyone", "--connection", "qualtrics"),
        *("--survey", SURVEY, "--calculation", "responses"),
    )
    (card,) = connected.done("card", "load", metric["id"])["cards"]
    path = str(tmp_path / "b.zip")
    connected.done("bundle", "export", "qualtrics", SURVEY, "--output", path)
    found, printed = connected.done("bundle", "show", path), connected("bundle", "show", path).out

    assert (found["source"], found["survey"], found["zone"]) == ("qualtrics", SURVEY, "UTC")
    assert found["include_personal"] is False
    assert found["problems"] == []
    assert "raw/responses.csv" in found["files"]
    assert "smaply-metrics-core" in found["versions"]
    (shown,) = [one for one in found["metrics"] if one["id"] == metric["id"]]
    assert shown["stored"]["value"] == card["value"]
    for word in (SURVEY, "Everyone", "smaply-metrics-qualtrics"):
        assert word in printed
    assert connected("bundle", "show", str(tmp_path / "none.zip"), "--json").code == 2
