"""Tests of export jobs from start to download."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from plugins.qualtrics_sandbox.tests.support import NOW, SURVEY, Client, running, write_survey


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> object:
        """Return the time."""
        return self.now


@contextmanager
def serving(tmp_path: Path, **options: object) -> Iterator[Client]:
    """Serve the survey with many features."""
    write_survey(tmp_path / "surveys" / "everything")
    with running(tmp_path / "surveys", **options) as client:
        yield client


def test_an_export_is_started_polled_and_downloaded(api: Client) -> None:
    """It is in progress once, then complete with a file id."""
    started = api.start({"format": "csv"})
    result = started.json()["result"]
    assert re.fullmatch(r"ES_\w{15}", result.pop("progressId"))
    assert result == {"percentComplete": 0.0, "status": "inProgress"}
    assert api.progress(started) == {"percentComplete": 50.0, "status": "inProgress"}
    done = api.progress(started)
    assert re.fullmatch(r"[0-9a-f-]{36}-def", done.pop("fileId"))
    assert done == {"percentComplete": 100.0, "status": "complete"}


@pytest.mark.parametrize("polls", [0, 1, 4])
def test_the_number_of_polls_can_be_set(tmp_path: Path, polls: int) -> None:
    """The percentage increases with each poll."""
    with serving(tmp_path, export_polls=polls) as client:
        started = client.start({"format": "csv"})
        percent = []
        while (result := client.progress(started))["status"] == "inProgress":
            percent.append(result["percentComplete"])
    assert len(percent) == polls
    assert percent == sorted(set(percent))
    assert all(0 < value < 100 for value in percent)


def test_the_duration_of_an_export_can_be_set(tmp_path: Path) -> None:
    """It is measured by the clock of the sandbox, regardless of the number of polls."""
    clock = Clock()
    with serving(tmp_path, export_polls=0, now=clock) as client:
        client.state.set_exports(seconds=60)
        started = client.start({"format": "csv"})
        assert client.progress(started)["percentComplete"] < 1
        clock.now = NOW + timedelta(seconds=59)
        assert client.progress(started)["status"] == "inProgress"
        clock.now = NOW + timedelta(seconds=60)
        assert client.progress(started)["status"] == "complete"


def test_the_file_is_a_zip_named_after_the_survey(api: Client) -> None:
    """The name contains no characters that are invalid in file names."""
    file = api.fetch({"format": "csv"})
    assert file.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        assert archive.namelist() == ["Everything_ a_b_.csv"]


def test_a_file_can_be_downloaded_again(api: Client) -> None:
    """The content is the same."""
    started = api.start({"format": "csv"})
    api.progress(started)
    path = f"/surveys/{SURVEY}/export-responses/{api.progress(started)['fileId']}/file"
    assert api.get(path).content == api.get(path).content


def test_a_file_cannot_be_downloaded_before_it_is_complete(tmp_path: Path) -> None:
    """Its id is not returned, and does not work."""
    with serving(tmp_path) as client:
        started = client.start({"format": "csv"})
        (job,) = client.state.exports.jobs()
        path = f"/surveys/{SURVEY}/export-responses/{job.file_id}/file"
        assert client.get(path).status_code == 404
        client.progress(started)
        client.progress(started)
        assert client.get(path).status_code == 200


def test_an_export_belongs_to_its_survey(tmp_path: Path) -> None:
    """It cannot be accessed through the path of another survey."""
    from plugins.qualtrics_sandbox.tests.support import DEFINITION

    write_survey(tmp_path / "surveys" / "other", {**DEFINITION, "SurveyID": "SV_other"})
    with serving(tmp_path) as client:
        progress_id = client.start({"format": "csv"}).json()["result"]["progressId"]
        answer = client.get(f"/surveys/SV_other/export-responses/{progress_id}")
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("tsv", "text/tab-separated-values; charset=utf-8"),
        ("json", "application/json"),
        ("ndjson", "application/x-ndjson"),
    ],
)
def test_a_file_can_be_uncompressed(api: Client, name: str, kind: str) -> None:
    """It has the same text as the ZIP member."""
    plain = api.fetch({"format": name, "compress": False})
    assert plain.headers["content-type"] == kind
    assert plain.content.decode() == api.text({"format": name})


def test_an_export_is_a_snapshot(own: Client) -> None:
    """Changes after its start do not affect it."""
    started = own.start({"format": "csv", "questionIds": ["QID1"]})
    own.state.add_responses(SURVEY, [{"QID1": 5}])
    own.state.delete_question(SURVEY, "QID1")
    own.progress(started)
    path = f"/surveys/{SURVEY}/export-responses/{own.progress(started)['fileId']}/file"
    with zipfile.ZipFile(io.BytesIO(own.get(path).content)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    assert text.count("R_") == 4
    assert '""QID1""' in text


def test_the_responses_can_be_split_into_members(own: Client) -> None:
    """Each member has header rows, and all members together contain each response once."""
    own.state.set_exports(members=3, member_name="ä/..\\x.csv")
    with zipfile.ZipFile(io.BytesIO(own.fetch({"format": "csv"}).content)) as archive:
        names = archive.namelist()
        texts = [archive.read(name).decode() for name in names]
    assert len(names) == 3
    assert names[0] == "ä/..\\x.csv"
    assert names[1:] == ["ä/..\\x_1.csv", "ä/..\\x_2.csv"]
    assert all(text.startswith("StartDate,") for text in texts)
    assert [text.count("R_") for text in texts] == [2, 2, 0]


def test_a_file_can_begin_with_a_byte_order_mark(own: Client) -> None:
    """Some real exports do."""
    own.state.set_exports(byte_order_mark=True)
    assert own.text({"format": "csv"}).startswith("\ufeffStartDate")


def test_files_are_deleted_when_the_sandbox_stops(tmp_path: Path) -> None:
    """No temporary folder remains."""
    with serving(tmp_path) as client:
        client.fetch({"format": "csv"})
        (job,) = client.state.exports.jobs()
        path = job.path
        assert path is not None
        assert path.exists()
    assert not path.exists()
