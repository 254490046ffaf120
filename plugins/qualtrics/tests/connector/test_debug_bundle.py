"""Tests of the files that the source writes to a debug bundle."""

from __future__ import annotations

import csv
import io
import itertools
import json
import zipfile
from pathlib import Path

import pytest

from plugins.qualtrics.tests.connector.support import SURVEY, TOKEN, Account
from smaply_metrics_core import CredentialRefused
from smaply_metrics_core.testing import write_bundle
from smaply_metrics_qualtrics.api.exports import ExportRequest

ABOUT = ["definition.json", "export-request.json", "response-schema.json"]
ALL = sorted([*ABOUT, "raw/responses.csv", "responses.csv"])


def bundle_of(own: Account, tmp_path: Path, *, personal: bool = False) -> dict[str, bytes]:
    """Create a bundle and return its files without the README."""
    with own.session() as session:
        path = write_bundle(
            tmp_path / "bundle.zip",
            [TOKEN],
            personal,
            lambda bundle: session.debug_export(SURVEY, bundle),
        )
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name != "README.txt"}


def headers(content: bytes) -> list[str]:
    """Return the first row of a CSV file."""
    return next(csv.reader(io.StringIO(content.decode())))


def test_a_bundle_has_the_definition_and_the_raw_responses(own: Account, tmp_path: Path) -> None:
    """It contains all answers and embedded data, without personal columns."""
    files = bundle_of(own, tmp_path)
    assert sorted(files) == ALL
    assert json.loads(files["response-schema.json"])
    assert "questionIds" not in json.loads(files["export-request.json"])
    assert json.loads(files["definition.json"])["SurveyID"] == SURVEY
    names = headers(files["raw/responses.csv"])
    assert {"Status", "RecordedDate", "NPS", "Comment", "Region", "SC0"} <= set(names)
    assert "IPAddress" not in names
    assert b"192.0.2.7" not in files["raw/responses.csv"]
    assert "Fine,\nreally “fine”".encode() in files["raw/responses.csv"]


def test_personal_columns_are_included_on_request(own: Account, tmp_path: Path) -> None:
    """An Admin can include personal data."""
    files = bundle_of(own, tmp_path, personal=True)
    assert "IPAddress" in headers(files["raw/responses.csv"])


def test_every_file_of_the_export_is_in_the_bundle(own: Account, tmp_path: Path) -> None:
    """Further files are numbered; their own names are not used."""
    own.sandbox.state.set_exports(members=3, member_name="../x")
    files = bundle_of(own, tmp_path)
    further = ["responses-2.csv", "responses-3.csv"]
    assert sorted(files) == sorted([*ALL, *further, *(f"raw/{name}" for name in further)])


@pytest.mark.parametrize(
    ("kind", "expected"), [("failed", "export_failed"), ("stuck", "deadline_exceeded")]
)
def test_a_bundle_is_created_when_the_export_fails(
    own: Account, tmp_path: Path, kind: str, expected: str
) -> None:
    """It contains the other files, and the problem with its request id."""
    own.sandbox.state.add_fault("export_progress", kind=kind, times=0)
    files = bundle_of(own, tmp_path)
    assert sorted(files) == sorted([*ABOUT, "problem.json"])
    (problem,) = json.loads(files["problem.json"])
    assert problem["kind"] == expected


def test_a_bundle_is_created_when_every_request_fails(own: Account, tmp_path: Path) -> None:
    """It contains each error."""
    own.sandbox.state.share(SURVEY, shared=False)
    files = bundle_of(own, tmp_path)
    assert sorted(files) == ["export-request.json", "problem.json"]
    kinds = [problem["kind"] for problem in json.loads(files["problem.json"])]
    assert kinds == ["survey_unavailable"] * 2


def test_a_bundle_is_created_when_the_export_is_damaged(own: Account, tmp_path: Path) -> None:
    """A truncated file does not affect the other files."""
    own.sandbox.state.add_fault("export_file", kind="truncated_zip", times=0)
    files = bundle_of(own, tmp_path)
    assert "definition.json" in files
    assert json.loads(files["problem.json"])[0]["kind"] == "export_failed"


def test_unrequested_personal_columns_are_excluded(
    own: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If Qualtrics sends them, the bundle contains no responses."""
    monkeypatch.setattr(ExportRequest, "body", lambda _: {"format": "csv"})
    files = bundle_of(own, tmp_path)
    assert sorted(files) == sorted([*ABOUT, "problem.json"])
    assert "personal" in json.loads(files["problem.json"])[0]["message"]


def test_the_readable_copy_contains_no_formulas(own: Account, tmp_path: Path) -> None:
    """The readable file has the same rows as the raw one, with formulas escaped."""
    files = bundle_of(own, tmp_path)
    raw = list(csv.reader(io.StringIO(files["raw/responses.csv"].decode("utf-8-sig"))))
    shown = list(csv.reader(io.StringIO(files["responses.csv"].decode("utf-8-sig"))))
    assert len(raw) > 3
    cells = list(zip(itertools.chain(*raw), itertools.chain(*shown), strict=True))
    assert all(cell in {original, f"'{original}"} for original, cell in cells)
    assert not any(cell.startswith(("=", "+", "@", "\t")) for _, cell in cells)


def test_a_rejected_token_is_not_retried(own: Account, tmp_path: Path) -> None:
    """The error is raised after one request, so the connection is marked."""
    own.sandbox.state.set_token(None)
    with pytest.raises(CredentialRefused):
        bundle_of(own, tmp_path)
    assert len(own.calls()) == 1
