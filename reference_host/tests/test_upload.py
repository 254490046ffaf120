"""Manual metrics: an uploaded CSV file is validated and becomes a survey."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.form_client import FormFiller
from reference_host.tests.uploaded_files import GOOD, OTHER, UPLOAD, files, files_below, stored_as
from smaply_metrics_core.host import InputError, Role
from smaply_metrics_host.routes.uploads import MOST_BYTES
from smaply_metrics_host.uploads import upload_storage
from smaply_metrics_host.uploads.upload_storage import checked_name

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


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
    stored = files_below(world.app_state.settings.files_of(world.account))
    assert [one.name for one in stored] == [".visits.mapping.json", "visits.csv"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in stored} == {0o600}
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
    form.choose_file("v.csv", GOOD, heading="Fans")
    form.store_file(survey_name="Filialen 2026")

    assert form.fields["survey"] == ["Filialen 2026"]
    assert (form.fields["name"], form.fields["type"]) == (["Shops"], ["series"])
    assert form.fields["heading"] == ["Fans"]
    form.choose(change_survey="1")
    assert form.offered("survey") == ["Filialen 2026"]


def test_the_connected_folder_is_used(world: World) -> None:
    """Uploads are stored in the folder of the account's connection."""
    (world.app_state.settings.files_of(world.account) / "answers").mkdir()
    connect = world.app_state.metrics.connections.connect
    world.run(connect(world.actor(), "csv_example", {"folder": "answers"}))
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", GOOD)

    assert files(world) == {"answers/visits.csv": stored_as(GOOD)}


def test_a_refused_first_file_leaves_no_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if only the source refuses it; otherwise the connection would report a problem."""
    monkeypatch.setattr("smaply_metrics_csv_example.questionnaire.MOST_ANSWERS", 0)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.upload("visits.csv", GOOD)

    assert form.answer.status_code == 422
    assert "more than 0 answers" in form.page
    assert files(world) == {}
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()


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
    monkeypatch.setattr(upload_storage, "MOST_TOGETHER", 1.5 * len(stored_as(GOOD)) / 2**20)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("first.csv", GOOD)
    again = FormFiller(world.client(Role.EDITOR), UPLOAD)
    again.upload("second.csv", GOOD)

    assert "would exceed" in again.page
    monkeypatch.setattr(upload_storage, "MOST_TOGETHER", 500)
    monkeypatch.setattr(upload_storage, "MOST_FILES", 1)
    again.store_file()
    assert "already has 1 files" in again.page
    again.press(again.form.action, connect="1", survey_name="first")
    assert "already exists" in again.page
    assert files(world) == {"uploads/first.csv": stored_as(GOOD)}
    other = FormFiller(world.client(Role.EDITOR, account="globex"), UPLOAD)
    other.upload("third.csv", GOOD)
    assert files(world, "globex") == {"uploads/third.csv": stored_as(GOOD)}


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


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (".hidden.csv", GOOD, "name of the survey is not valid."),
        ("a" * 101 + ".csv", GOOD, ""),
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
    """Names that are not valid are stated, and files that are not tables cannot be connected."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file(name, content)

    assert said in form.page
    assert bool({"connect", "replace"} & set(form.form.buttons)) == (not said)
    assert files(world) == {}


def test_names_cannot_leave_the_folder(world: World) -> None:
    """Only the last part of a path is proposed as the name, and others are refused."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("../../../evil.csv", GOOD)
    assert form.fields["survey_name"] == ["evil"]

    form.press(form.form.action, connect="1", survey_name="../evil")

    assert form.answer.status_code == 422
    assert "The name of the survey is not valid." in form.page
    assert files(world) == {}


def test_a_missing_file_is_reported(world: World) -> None:
    """Pressing the button without a file shows an error."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.press(UPLOAD)

    assert form.answer.status_code == 422
    assert "Choose a CSV file or an Excel workbook." in form.page
