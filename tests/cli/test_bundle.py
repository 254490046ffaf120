"""``bundle check``: recomputing values from an exported bundle."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smaply_metrics_core.redaction import Redactor
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, TOKEN, Command, Ended

METRICS = {
    "Everybody": ["--type", "number", "--calculation", "responses"],
    "NPS": ["--type", "number", "--question", "QID1", "--calculation", "nps"],
    "By month": [
        *("--type", "series", "--question", "QID1", "--calculation", "average"),
        *("--group-by", "period:month"),
    ],
    "Before": [
        *("--type", "comparison", "--question", "QID1", "--calculation", "nps"),
        *("--range", "last_90_days"),
    ],
    "With unfinished": [
        *("--type", "number", "--calculation", "responses", "--count", "unfinished"),
    ],
}
NOW = "2026-04-01T12:00:00Z"
PERSONAL = {"IPAddress", "LocationLatitude", "LocationLongitude", "RecipientEmail"}


@pytest.fixture(scope="module")
def measured(connected: Command) -> Command:
    """A home with refreshed metrics of every type."""
    for name, options in METRICS.items():
        connected.done(
            "metric", "add", name, "--connection", "qualtrics", "--survey", SURVEY, *options
        )
    cards = connected.done("card", "load", "--now", NOW)["cards"]
    assert {card["freshness"] for card in cards} == {"fresh"}
    return connected


@pytest.fixture(scope="module")
def bundle(measured: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the survey."""
    path = tmp_path_factory.mktemp("bundles") / "b.zip"
    measured.done("bundle", "export", "qualtrics", SURVEY, "--output", str(path))
    return path


def edited(path: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """Copy a bundle with one changed file."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            content = old.read(one)
            new.writestr(one, change(content) if one == name else content)
    return target


def check(command: Command, path: Path, *options: str) -> Ended:
    """Check a bundle."""
    return command("bundle", "check", str(path), *options)


def test_recomputed_values_agree_with_stored_ones(
    command: Command, measured: Command, bundle: Path
) -> None:
    """Without home, key and network, values and exclusions equal the stored ones."""
    cards = {card["name"]: card for card in measured.done("card", "load", "--now", NOW)["cards"]}
    ended = check(command, bundle, "--json")
    assert ended.code == 0, ended.out + ended.err
    found = ended.json
    assert (found["agree"], found["source"], found["survey"]) == (True, "qualtrics", SURVEY)
    assert [metric["name"] for metric in found["metrics"]] == list(METRICS)
    for metric in found["metrics"]:
        assert (metric["verdict"], metric["agree"]) == ("agrees", True)
        assert metric["differences"] == []
        assert metric["recomputed"]["value"] == metric["stored"]["value"]
        assert metric["recomputed"]["groups"] == metric["stored"]["groups"]
        assert metric["recomputed"]["excluded"] == metric["stored"]["excluded"]
        assert metric["stored"]["answered"] == cards[metric["name"]]["answered"]
        assert metric["decision"]["next_at"]
    nps = found["metrics"][1]
    assert nps["recomputed"]["value"] == cards["NPS"]["value"]
    assert nps["recomputed"]["excluded"]["unfinished"] > 0
    assert found["problems"] == found["requests"] == []
    assert not command.home.exists()


def test_the_text_output_is_a_table(command: Command, bundle: Path) -> None:
    """The table has the stored and recomputed value, the exclusions and the result per metric."""
    ended = check(command, bundle)
    assert ended.code == 0
    for shown in (*METRICS, SURVEY, "agrees", "unfinished", "smaply-metrics-qualtrics"):
        assert shown in ended.out


def test_an_edited_value_is_a_difference(command: Command, bundle: Path, tmp_path: Path) -> None:
    """A stored value that was edited by hand is a difference, and the exit code is 1."""

    def lie(content: bytes) -> bytes:
        metrics: list[dict[str, Any]] = json.loads(content)
        metrics[1]["result"]["current"]["value"] += 1
        return json.dumps(metrics).encode()

    path = edited(bundle, tmp_path / "e.zip", "metrics.json", lie)
    ended = check(command, path, "--json")
    assert ended.code == 1
    assert ended.json["agree"] is False
    assert [m["agree"] for m in ended.json["metrics"]] == [True, False, True, True, True]
    (difference,) = ended.json["metrics"][1]["differences"]
    assert difference["what"] == "current.value"
    assert difference["stored"] == pytest.approx(difference["recomputed"] + 1)
    as_text = check(command, path)
    assert as_text.code == 1
    assert "current.value" in as_text.out
    assert "differs" in as_text.out


def test_small_groups_are_not_printed(command: Command, bundle: Path, tmp_path: Path) -> None:
    """All numbers of the file are compared, but those that the account hides are not shown."""

    def hide(content: bytes) -> bytes:
        return json.dumps(json.loads(content) | {"minimum_group": 5000}).encode()

    def lie(content: bytes) -> bytes:
        metrics: list[dict[str, Any]] = json.loads(content)
        metrics[1]["result"]["current"]["value"] = 77
        return json.dumps(metrics).encode()

    hidden = edited(bundle, tmp_path / "hidden.zip", "bundle.json", hide)
    wrong = edited(hidden, tmp_path / "wrong.zip", "metrics.json", lie)
    shown = command.done("bundle", "show", str(wrong))["metrics"]
    checked = check(command, wrong, "--json").json["metrics"]
    assert [metric["agree"] for metric in checked] == [True, False, True, True, True]
    assert checked[1]["differences"] == [{"what": "current.value"}]
    results = [metric["stored"] for metric in (*shown, *checked)]
    for result in (*results, *(metric["recomputed"] for metric in checked)):
        assert (result["hidden"], result["value"], result["answered"]) == (True, None, None)
        assert (result["groups"], result["excluded"]) == ([], {})
    assert "current.value differs" in check(command, wrong).out
    assert "77 (" not in check(command, wrong).out + command("bundle", "show", str(wrong)).out


def test_a_removed_response_is_a_difference(command: Command, bundle: Path, tmp_path: Path) -> None:
    """A response that is missing from the raw data is missing from the recomputed values."""

    def shorten(content: bytes) -> bytes:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        finished = rows[0].index("Finished"), rows[0].index("Status")
        victim = next(row for row in rows[3:] if (row[finished[0]], row[finished[1]]) == ("1", "0"))
        rows.remove(victim)
        out = io.StringIO(newline="")
        csv.writer(out).writerows(rows)
        return out.getvalue().encode()

    path = edited(bundle, tmp_path / "e.zip", "raw/responses.csv", shorten)
    ended = check(command, path, "--json")
    assert ended.code == 1
    different = {one["what"] for one in ended.json["metrics"][0]["differences"]}
    assert different == {
        *("current.value", "current.responses", "current.answered", "current.recorded")
    }


def test_personal_columns_are_included_only_on_request(
    measured: Command, bundle: Path, tmp_path: Path
) -> None:
    """Both tables exclude personal columns by default; a bundle with them can be checked."""
    path = tmp_path / "personal.zip"
    export = ("bundle", "export", "qualtrics", SURVEY, "--output", str(path))
    measured.done(*export, "--include-personal")
    for one, expected in ((bundle, set[str]()), (path, PERSONAL)):
        with zipfile.ZipFile(one) as files:
            for name in ("responses.csv", "raw/responses.csv"):
                header = files.read(name).decode("utf-8-sig").partition("\n")[0].strip()
                assert set(header.replace('"', "").split(",")) & PERSONAL == expected, name
    ended = check(measured, path, "--json")
    assert ended.code == 0, ended.out
    assert ended.json["include_personal"] is True


def test_no_secret_is_in_a_bundle(bundle: Path) -> None:
    """No file of a bundle contains the token in any encoding."""
    with zipfile.ZipFile(bundle) as files:
        assert len(files.namelist()) > 8
        for name in files.namelist():
            assert not Redactor([TOKEN]).found_in(io.BytesIO(files.read(name))), name


def test_a_failed_export_is_reported_with_its_request(
    measured: Command, command: Command, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """Without data nothing can be recomputed, and the check shows the error of Qualtrics."""
    path = tmp_path / "failed.zip"
    sandbox.state.add_fault("export_progress", kind="failed", times=2)
    measured.done("bundle", "export", "qualtrics", SURVEY, "--output", str(path))
    ended = check(command, path, "--json")
    assert ended.code == 1
    (problem,) = ended.json["problems"]
    assert problem["kind"] == "export_failed"
    assert problem["request_id"]
    assert {metric["verdict"] for metric in ended.json["metrics"]} == {"not_recomputed"}
    assert {metric["error"]["kind"] for metric in ended.json["metrics"]} == {"invalid_input"}
    assert problem["request_id"] in check(command, path).out


def test_a_bundle_contains_a_rejected_request(
    measured: Command, command: Command, sandbox: SandboxServer, tmp_path: Path
) -> None:
    """A bundle that is exported with a rejected token contains the problem and the request."""
    path = tmp_path / "refused.zip"
    sandbox.state.set_token(None)
    try:
        measured.done("bundle", "export", "qualtrics", SURVEY, "--output", str(path))
    finally:
        sandbox.state.set_token(TOKEN)
        measured.done("connection", "check", "qualtrics")
    ended = check(command, path, "--json")
    assert ended.code == 1
    (problem,) = ended.json["problems"]
    assert (problem["kind"], problem["issue"]) == ("credential_refused", "token_revoked")
    (request,) = ended.json["requests"]
    assert request["status"] == 401
    assert request["request_id"] == problem["request_id"]


def test_a_bundle_of_csv_files_is_checked(new: Command, command: Command, tmp_path: Path) -> None:
    """A bundle of csv_example is recomputed; formulas are escaped only in the readable table."""
    folder = new.home / "files" / "default" / "shop"
    folder.mkdir(parents=True)
    rows = ["recorded_at,status,nps,field:store"]
    rows += [
        f"2026-01-{day:02},{'test' if day % 7 == 0 else ''},{day % 11},G" for day in range(1, 29)
    ]
    (folder / "visits.csv").write_text("\n".join([*rows, ",,3,=1+1"]), encoding="utf-8")
    new.done("connection", "add", "csv_example", "--set", "folder=shop")
    survey = ("--connection", "csv_example", "--survey", "visits")
    nps = ("--question", "nps", "--calculation", "nps")
    new.done("metric", "add", "NPS", *survey, "--type", "number", *nps)
    grouped = ("--type", "series", "--group-by", "field:store")
    new.done("metric", "add", "By store", *survey, *grouped, *nps)
    new.done("card", "load", "--now", NOW)
    path = tmp_path / "csv.zip"
    new.done("bundle", "export", "csv_example", "visits", "--output", str(path))
    ended = check(command, path, "--json")
    assert ended.code == 0, ended.out
    (number, series) = ended.json["metrics"]
    assert number["recomputed"]["answered"] == number["stored"]["answered"] == 25
    assert number["recomputed"]["excluded"] == {"test": 4}
    assert [group["key"] for group in series["recomputed"]["groups"]] == ["G", "=1+1"]
    with zipfile.ZipFile(path) as files:
        assert b",=1+1" in files.read("raw/responses.csv")
        assert b""","'=1+1\"""" in files.read("responses.csv")


@pytest.mark.parametrize(
    "content",
    [None, b"", b"hello", b"PK\x05\x06" + bytes(18)],
    ids=["none", "empty", "text", "zip"],
)
def test_a_file_that_is_not_a_bundle_is_wrong_usage(
    command: Command, tmp_path: Path, content: bytes | None
) -> None:
    """A file that is missing or not a bundle is wrong usage with a remedy."""
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    ended = check(command, path, "--json")
    assert ended.code == 2
    assert ended.error["kind"] == "wrong_usage"
    assert "bundle export" in ended.error["remedy"]


def test_a_malicious_bundle_is_rejected(command: Command, bundle: Path, tmp_path: Path) -> None:
    """A ZIP bomb is wrong usage; broken JSON and an unknown source exit with 1. No traceback."""
    bomb = edited(bundle, tmp_path / "1.zip", "raw/responses.csv", lambda _: bytes(40 * 2**20))
    broken = edited(bundle, tmp_path / "2.zip", "metrics.json", lambda _: b"[" * 10_000)
    missing = edited(
        bundle,
        tmp_path / "3.zip",
        "bundle.json",
        lambda old: json.dumps(json.loads(old) | {"source": "nobody\x1b[2J"}).encode(),
    )
    damaged = edited(bundle, tmp_path / "4.zip", "raw/responses.csv", lambda old: old[: 10**4])
    codes = []
    for path in (bomb, broken, missing, damaged):
        for ended in (check(command, path), check(command, path, "--json")):
            codes.append(ended.code)
            assert "Traceback" not in ended.out + ended.err
            assert "unexpected error" not in ended.out + ended.err
            assert "\x1b[2J" not in ended.out + ended.err
    assert codes == [2, 2, 1, 1, 1, 1, 1, 1]
