"""``bundle export``: the bundle is written, and missing data is reported."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command


def test_a_bundle_is_written(connected: Command, tmp_path: Path) -> None:
    """`bundle export` writes a ZIP, names it, and does not overwrite a file."""
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
def test_a_bundle_without_the_data_says_so(
    connected: Command, sandbox: SandboxServer, tmp_path: Path, cause: str
) -> None:
    """When the survey is unknown or its export fails, `bundle export` names the remedy."""
    survey = "SV_nothing" if cause == "survey" else SURVEY
    export = ("bundle", "export", "qualtrics", survey, "--output")
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
    assert "Some of the survey's data is missing from it" in said
    assert " ".join(problem["remedy"].split()) in said
    assert "Written:" in told.out


def test_a_bundle_has_a_name_by_default(
    connected: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --output the file is in the current folder, named for the survey."""
    monkeypatch.chdir(tmp_path)

    made = connected.done("bundle", "export", "qualtrics", SURVEY)

    assert Path(made["bundle"]) == tmp_path / f"debug-bundle-{SURVEY}.zip"
    assert Path(made["bundle"]).is_file()


def test_a_bundle_is_shown(connected: Command, tmp_path: Path) -> None:
    """`bundle show` gives the manifest, metrics, versions and files, without any computation."""
    metric = connected.done(
        *("metric", "add", "Everyone", "--connection", "qualtrics"),
        *("--survey", SURVEY, "--calculation", "responses"),
    )
    (card,) = connected.done("card", "load", metric["id"])["cards"]
    path = str(tmp_path / "b.zip")
    connected.done("bundle", "export", "qualtrics", SURVEY, "--output", path)
    found, told = connected.done("bundle", "show", path), connected("bundle", "show", path).out

    assert (found["source"], found["survey"], found["zone"]) == ("qualtrics", SURVEY, "UTC")
    assert found["include_personal"] is False
    assert found["problems"] == []
    assert "raw/responses.csv" in found["files"]
    assert "smaply-metrics-core" in found["versions"]
    (shown,) = [one for one in found["metrics"] if one["id"] == metric["id"]]
    assert shown["stored"]["value"] == card["value"]
    for word in (SURVEY, "Everyone", "smaply-metrics-qualtrics"):
        assert word in told
    assert connected("bundle", "show", str(tmp_path / "none.zip"), "--json").code == 2
