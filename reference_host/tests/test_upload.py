"""Manual metrics: an uploaded CSV file is validated and becomes a survey."""

from __future__ import annotations

import asyncio
import io
import stat
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.form_client import FormFiller
from smaply_metrics_core.files import read_file_table, responses_as_csv
from smaply_metrics_core.host import Actor, InputError, Role
from smaply_metrics_host import uploads
from smaply_metrics_host.app_state import MOST_UPLOADS_AT_ONCE
from smaply_metrics_host.uploads import EXAMPLE, MOST_BYTES, UploadedSurvey, checked_name

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World

UPLOAD = "/metrics/upload"
GOOD = EXAMPLE.encode()
OTHER = b"recorded_at,nps\n2026-01-05,3\n2026-01-06,4\n"
WRONG = b"recorded_at,nps\nyesterday,3\n"


def files(world: World, account: str = ACCOUNT) -> dict[str, bytes]:
    """Return the files of an account by their path below its folder."""
    root = world.app_state.settings.files_of(account)
    return {str(one.relative_to(root)): one.read_bytes() for one in _below(root)}


def stored_as(content: bytes) -> bytes:
    """Return the stored file of an uploaded one."""
    return responses_as_csv(read_file_table(io.BytesIO(content)).responses())


def _below(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_an_uploaded_file_becomes_a_metric(world: World) -> None:
    """The host connects the upload folder, and the form selects the new survey."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    assert form.fields["source"] == ["manual"]
    assert "recorded_at" in form.page

    form.upload("visits.csv", GOOD, name="NPS of visits")

    (connection,) = world.run(world.app_state.metrics.connections.list(world.actor()))
    assert (form.fields["source"], connection.source) == ([connection.id], "csv_example")
    assert form.fields["survey"] == ["visits"]
    assert form.fields["name"] == ["NPS of visits"]
    assert files(world) == {"uploads/visits.csv": stored_as(GOOD)}
    (stored,) = _below(world.app_state.settings.files_of(ACCOUNT))
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    (connection,) = world.run(world.app_state.metrics.connections.list(world.actor()))
    assert (connection.source, connection.created_by) == ("csv_example", "smaply-metrics-host")

    form.choose(question="nps")
    form.press("/metrics/preview")
    assert "n = 4" in form.page
    form.send("/metrics")
    (metric,) = world.run(world.app_state.metrics.metrics.list(world.actor()))
    assert (metric.name, metric.source) == ("NPS of visits", "csv_example")


def test_manual_is_selected_in_the_form(world: World) -> None:
    """The upload replaces the choice of a survey, and the form keeps its input."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR))
    assert "manual" in form.offered("source")

    form.choose(name="Shops", source="manual", type="series")
    form.upload("v.csv", GOOD, survey_name="Filialen 2026", heading="Fans")

    assert form.fields["survey"] == ["Filialen 2026"]
    assert (form.fields["name"], form.fields["type"]) == (["Shops"], ["series"])
    assert form.fields["heading"] == ["Fans"]
    form.choose(change_survey="1")
    assert form.offered("survey") == ["Filialen 2026"]


def test_the_connected_folder_is_used(world: World) -> None:
    """Uploads are stored in the folder of the account's connection."""
    (world.app_state.settings.files_of(ACCOUNT) / "answers").mkdir()
    connect = world.app_state.metrics.connections.connect
    world.run(connect(world.actor(), "csv_example", {"folder": "answers"}))
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", GOOD)

    assert files(world) == {"answers/visits.csv": stored_as(GOOD)}


def test_an_invalid_file_is_refused_and_removed(world: World) -> None:
    """The error names row and column, the file is deleted, and the form keeps its input."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", WRONG, name="Kept", survey_name="Mine")

    assert form.answer.status_code == 422
    assert "Not uploaded" in form.page
    assert "recorded_at in row 2 must be a date" in form.page
    assert "Found: “yesterday”." in form.page
    assert (form.fields["name"], form.fields["survey_name"]) == (["Kept"], ["Mine"])
    assert files(world) == {}
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()


def test_a_refused_first_file_leaves_no_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if only the source refuses it; otherwise the connection would report a problem."""
    monkeypatch.setattr("smaply_metrics_csv_example.questionnaire.MOST_ANSWERS", 0)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", GOOD)

    assert "more than 0 answers" in form.page
    assert files(world) == {}
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()


def test_files_of_spreadsheets_are_uploaded(world: World) -> None:
    """A European file is read, and what has two meanings is asked in the form."""
    european = "Datum;Filiale;Note\n03/10/2026;Köln;4,5\n04/10/2026;Köln;5\n".encode("cp1252")
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", european)
    assert form.answer.status_code == 422
    assert "Is the day or the month first in the dates of column Datum?" in form.page
    assert "Found: “03/10/2026”." in form.page
    assert "Choose the order of dates under “How the file is read”." in form.page
    assert files(world) == {}
    form.upload("visits.csv", european, file_dates="first")
    assert "A choice under “How the file is read” is not valid." in form.page
    form.upload("visits.csv", european, file_dates="day_first")

    assert files(world) == {
        "uploads/visits.csv": "recorded_at,status,Filiale,Note\n"
        "2026-10-03T00:00:00+00:00,,Köln,4.5\n2026-10-04T00:00:00+00:00,,Köln,5\n".encode()
    }
    assert {"Filiale", "Note"} < set(form.offered("question"))


def test_a_workbook_is_uploaded(world: World) -> None:
    """Its sheet becomes a survey."""
    book = Workbook()
    for row in (("Begun", "Ended", "nps"), (date(2026, 1, 5), date(2026, 1, 6), 9)):
        book.worksheets[0].append(row)
    stream = io.BytesIO()
    book.save(stream)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.xlsx", stream.getvalue())
    assert "Which column has the date of the response: “Begun” or “Ended”?" in form.page
    form.upload("visits.xlsx", stream.getvalue(), file_date_column="Ended", file_sheet="Sheet")

    assert form.fields["survey"] == ["visits"]
    assert b"2026-01-06T00:00:00+00:00" in files(world)["uploads/visits.csv"]


def test_reading_a_file_takes_limited_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes longer is refused, and nothing of it is stored."""
    monkeypatch.setattr(uploads, "MOST_SECONDS", 0)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", GOOD)

    assert form.answer.status_code == 422
    assert "Reading the file takes more than 0 seconds." in form.page
    assert files(world) == {}


def test_a_file_is_replaced_only_on_request(world: World) -> None:
    """A second file with the same name is refused unless Replace is selected."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD)
    form = FormFiller(form.browser, UPLOAD)

    form.upload("visits.csv", OTHER)
    assert form.answer.status_code == 409
    assert "A file named “visits” already exists." in form.page
    assert files(world) == {"uploads/visits.csv": stored_as(GOOD)}

    form.upload("visits.csv", OTHER, replace="1")
    assert files(world) == {"uploads/visits.csv": stored_as(OTHER)}


def test_a_preview_uses_the_current_file(world: World) -> None:
    """A replaced file invalidates the cache."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD)
    form.press("/metrics/preview")
    assert "n = 4" in form.page
    again = FormFiller(form.browser, UPLOAD)
    again.upload("visits.csv", OTHER, replace="1")

    again.press("/metrics/preview")

    assert "n = 2" in again.page


def test_an_invalid_replacement_keeps_the_file(world: World) -> None:
    """An invalid replacement does not change the existing file."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD)
    form = FormFiller(form.browser, UPLOAD)

    form.upload("visits.csv", WRONG, replace="1")

    assert "yesterday" in form.page
    assert files(world) == {"uploads/visits.csv": stored_as(GOOD)}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("../../../evil.csv", GOOD, ""),
        (".hidden.csv", GOOD, "name of the survey is not valid."),
        ("a" * 101 + ".csv", GOOD, "name of the survey is not valid."),
        ("顧" * 70 + ".csv", GOOD, "The name of the survey is too long."),
        ("sheet.csv", b"PK\x03\x04\0\0", "not a ZIP file, or is damaged"),
        ("image.csv", b"\x89PNG\0\0\0", "neither text nor an Excel workbook"),
        ("large.csv", b"x" * (MOST_BYTES + 1), "The file is larger than 15 MB."),
        ("empty.csv", b"", "The first row must contain"),
        ("mixed.csv", "Datum,ö\n".encode() + b"2026-01-05,\xf6\n", "Line 2 is not in the encoding"),
        ("wide.csv", b"recorded_at" + b",a" * 3_000, "Row 1 has more than 3,000 columns"),
        ("wide.csv", b"recorded_at\n" + b"," * 100_000, "Row 2 has more than 3,000 columns"),
        ("cell.csv", b"recorded_at,a\n," + b"x" * 200_000, "Row 2"),
        ("open.csv", b'recorded_at,a\n,"' + b"\n" * 1_000, "Row 2 is not valid CSV"),
    ],
)
def test_unsafe_uploads_are_refused(world: World, name: str, content: bytes, said: str) -> None:
    """Names cannot leave the folder, and files that are not tables are refused."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload(name, content)

    assert said in form.page
    assert set(files(world)) <= {"uploads/evil.csv"}


@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", "-x", ".x", "x\ny", "", "  ", "a\0b"])
def test_unsafe_names_are_refused(name: str) -> None:
    """A survey's name must be a safe file name."""
    with pytest.raises(InputError):
        checked_name(name)


@pytest.mark.parametrize(
    ("name", "normalized"),
    [
        (" visits.csv ", "visits"),
        ("Köln (Süd), 2026", "Köln (Süd), 2026"),
        ("顧客満足度", "顧客満足度"),
        ("u\N{COMBINING DIAERESIS}ber", "über"),
    ],
)
def test_names_in_all_scripts_are_allowed(name: str, normalized: str) -> None:
    """Names can have letters of any script and are normalized."""
    assert checked_name(name) == normalized


def test_the_files_of_an_account_are_limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file above the limit is refused; other accounts have their own limit."""
    monkeypatch.setattr(uploads, "MOST_TOGETHER", 1.5 * len(stored_as(GOOD)) / 2**20)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("first.csv", GOOD)
    again = FormFiller(world.client(Role.EDITOR), UPLOAD)
    again.upload("second.csv", GOOD)

    assert "would exceed" in again.page
    monkeypatch.setattr(uploads, "MOST_TOGETHER", 500)
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    again.upload("second.csv", GOOD)
    assert "already has 1 files" in again.page
    again.upload("first.csv", GOOD)
    assert "already exists" in again.page
    assert files(world) == {"uploads/first.csv": stored_as(GOOD)}
    other = FormFiller(world.client(Role.EDITOR, account="globex"), UPLOAD)
    other.upload("third.csv", GOOD)
    assert files(world, "globex") == {"uploads/third.csv": stored_as(GOOD)}


def test_a_missing_file_is_reported(world: World) -> None:
    """Pressing Upload without a file shows an error."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.press(UPLOAD)

    assert form.answer.status_code == 422
    assert "Choose a CSV file or an Excel workbook." in form.page


def test_the_example_file_is_valid(world: World) -> None:
    """The source can read the example file."""
    emil = world.client(Role.EDITOR)

    example = emil.get(f"{UPLOAD}/example.csv")

    assert example.headers["content-disposition"] == 'attachment; filename="example.csv"'
    form = FormFiller(emil, UPLOAD)
    form.upload("example.csv", example.content)
    assert {"nps", "satisfaction", "services[]"} < set(form.offered("question"))


def test_accounts_have_files_of_their_own(world: World) -> None:
    """Uploads of one account are not listed in another."""
    FormFiller(world.client(Role.EDITOR), UPLOAD).upload("visits.csv", GOOD)
    eve = FormFiller(world.client(Role.EDITOR, account="other"), UPLOAD)
    eve.upload("others.csv", OTHER)

    eve.choose(change_survey="1")

    assert eve.offered("survey") == ["others"]
    assert files(world, "other") == {"uploads/others.csv": stored_as(OTHER)}


def test_a_viewer_cannot_upload(world: World) -> None:
    """The upload page returns 403 for a Viewer."""
    vera = world.client(Role.VIEWER)

    assert vera.get(UPLOAD).status_code == 403
    assert vera.get(f"{UPLOAD}/example.csv").status_code == 403
    assert vera.submit("/metrics", UPLOAD, {}).status_code == 403


def test_few_files_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file takes memory while it is read and validated; further uploads wait."""
    running: set[str] = set()
    most = 0

    async def stored(
        _app: object, _actor: object, _file: object, survey: str, **_: object
    ) -> UploadedSurvey:
        nonlocal most
        running.add(survey)
        most = max(most, len(running))
        for _turn in range(10):
            await asyncio.sleep(0)
        running.remove(survey)
        return UploadedSurvey("con_1", survey)

    async def all_at_once() -> list[UploadedSurvey]:
        app: Any = SimpleNamespace(uploading=asyncio.Semaphore(MOST_UPLOADS_AT_ONCE))
        file: Any = None
        editor = Actor(ACCOUNT, "Emil", Role.EDITOR)
        names = [f"file {number}" for number in range(20)]
        calls = (uploads.upload(app, editor, file, name, replace=False) for name in names)
        return await asyncio.gather(*calls)

    monkeypatch.setattr(uploads, "_stored", stored)
    assert len(asyncio.run(all_at_once())) == 20
    assert most == MOST_UPLOADS_AT_ONCE
