"""Manual metrics: an uploaded CSV file is validated and becomes a survey."""

from __future__ import annotations

import io
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING

import pytest
from openpyxl import Workbook

from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.form_client import FormFiller
from smaply_metrics_core.files import read_file_table, responses_as_csv
from smaply_metrics_core.host import Definition, GroupBy, InputError, Role
from smaply_metrics_host.app_state import MOST_UPLOADS_AT_ONCE
from smaply_metrics_host.routes.uploads import MOST_BYTES
from smaply_metrics_host.uploads import upload_reading, upload_storage
from smaply_metrics_host.uploads.upload_reading import FileRequest, UploadReading, read_upload
from smaply_metrics_host.uploads.upload_storage import EXAMPLE, checked_name

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World
    from smaply_metrics_core.host import Clock

UPLOAD = "/metrics/upload"
GOOD = EXAMPLE.encode()
OTHER = b"recorded_at,nps\n2026-01-05,3\n2026-01-06,4\n"
WRONG = b"recorded_at,nps\nyesterday,3\n"


def files(world: World, account: str = ACCOUNT) -> dict[str, bytes]:
    """Return the files of an account by their path below its folder, without mappings."""
    root = world.app_state.settings.files_of(account)
    visible = (one for one in _below(root) if not one.name.startswith("."))
    return {str(one.relative_to(root)): one.read_bytes() for one in visible}


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
    stored = _below(world.app_state.settings.files_of(ACCOUNT))
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
    (world.app_state.settings.files_of(ACCOUNT) / "answers").mkdir()
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


def test_nothing_is_stored_before_connect(world: World) -> None:
    """The preview states how the file is read, and the form keeps its input."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("visits.csv", GOOD, name="Kept", type="series")

    assert "6 responses; excluded: 1 test, 1 unfinished; from 5 January 2026 to" in form.page
    assert "Automatic: Unicode (UTF-8)" in form.page
    assert "Automatic: Comma" in form.page
    assert "5 Jan 2026, 09:00" in form.page  # In UTC.
    assert form.fields["role-3"] == ["field"]
    assert files(world) == {}
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()
    form.store_file()
    assert (form.fields["name"], form.fields["type"]) == (["Kept"], ["series"])
    assert files(world) == {"uploads/visits.csv": stored_as(GOOD)}


def test_another_file_can_be_chosen(world: World) -> None:
    """The form is shown again with its input, and the preview is deleted."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("visits.csv", GOOD, name="Kept")
    preview = str(form.answer.url)

    form.press(f"{form.form.action}/discard")

    assert (form.fields["name"], form.fields["source"]) == (["Kept"], ["manual"])
    gone = form.browser.get(preview)
    assert gone.status_code == 404
    assert "This upload has expired." in gone.text


def test_an_invalid_file_cannot_be_connected(world: World) -> None:
    """The error names row, column, value and remedy; nothing is stored."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("visits.csv", WRONG)

    assert "recorded_at in row 2 must be a date such as 2026-01-31" in form.page
    assert "Found: “yesterday”." in form.page
    assert "Correct the file and try again." in form.page
    assert not {"connect", "replace"} & set(form.form.buttons)
    form.press(form.form.action, connect="1")
    assert form.answer.status_code == 422
    assert files(world) == {}
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()


def test_what_is_ambiguous_is_asked(world: World) -> None:
    """Each answer shows the preview again, and what has two meanings is never guessed."""
    european = "Datum;Filiale;Note\n03/10/2026;Köln;4,5\n04/10/2026;Köln;5\n".encode("cp1252")
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("visits.csv", european)
    assert "Is the day or the month first in the dates of column Datum?" in form.page
    assert "Found: “03/10/2026”." in form.page
    assert not {"connect", "replace"} & set(form.form.buttons)
    form.update_preview(dates="first")
    assert "A choice is not valid." in form.page
    assert form.answer.status_code == 422
    form.update_preview(dates="day_first")
    assert "2 responses; from 3 October 2026 to 4 October 2026" in form.page
    assert "Automatic: Comma, 4,5" in form.page
    form.press(form.form.action, connect="1", dates="month_first")
    assert form.answer.status_code == 422
    assert "Check the preview, then connect the file." in form.page
    assert "from 10 March 2026" in form.page
    assert files(world) == {}
    form.update_preview(dates="day_first")
    form.store_file()

    assert files(world) == {
        "uploads/visits.csv": "recorded_at,status,Filiale,Note\n"
        "2026-10-03T00:00:00+00:00,,Köln,4.5\n2026-10-04T00:00:00+00:00,,Köln,5\n".encode()
    }
    assert {"Filiale", "Note"} < set(form.offered("question"))


def test_roles_are_chosen_by_column(world: World) -> None:
    """The column that is chosen as the date replaces the proposed one; ignored ones are removed."""
    text = "Begun;Ended;Name;Ort;nps\n2026-01-05;;Anna;Wien;9\n2026-01-06;2026-01-07;Ben;;8\n"
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("visits.csv", text.encode())
    assert "Which column has the date of the response: “Begun” or “Ended”?" in form.page
    form.update_preview(**{"role-0": "date"})
    form.update_preview(**{"role-1": "date", "role-2": "ignore", "role-3": "field"})
    assert form.fields["role-0"] == ["question"]
    assert "1 without a date" in form.page
    form.store_file()

    (content,) = files(world).values()
    assert content.splitlines()[0] == b"recorded_at,status,Begun,field:Ort,nps"
    assert b"Anna" not in content


def test_a_column_that_is_nearly_numbers_is_pointed_out(world: World) -> None:
    """One text makes the column text, so that no average is possible; its row is stated."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("v.csv", b"recorded_at,nps\n2026-01-05,9\n2026-01-05,none\n2026-01-06,8\n")

    assert "2 of 3 cells are numbers, but “none” in row 3 is not" in form.page


def test_a_sheet_of_a_workbook_is_chosen(world: World) -> None:
    """Also if the first sheet cannot be read."""
    book = Workbook()
    book.worksheets[0].append(["#N/A"])
    book.worksheets[0]["A1"].data_type = "e"
    answers = book.create_sheet("Answers")
    for row in (("Ended", "nps"), (date(2026, 1, 6), 9)):
        answers.append(row)
    stream = io.BytesIO()
    book.save(stream)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("visits.xlsx", stream.getvalue())
    assert "Cell A1 has an error" in form.page
    form.update_preview(sheet="Answers")
    form.store_file()

    assert form.fields["survey"] == ["visits"]
    assert b"2026-01-06T00:00:00+00:00" in files(world)["uploads/visits.csv"]


def test_reading_a_file_takes_limited_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that takes longer is refused, and nothing of it is stored."""
    monkeypatch.setattr(upload_reading, "MOST_SECONDS", 0)
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)

    form.choose_file("visits.csv", GOOD)

    assert "Reading the file takes more than 0 seconds." in form.page
    assert files(world) == {}


def test_a_file_is_replaced_only_on_request(world: World) -> None:
    """Connect never replaces a file, and Replace only the file that the page named."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    for name in ("visits", "other"):
        form.upload(f"{name}.csv", GOOD)
        form = FormFiller(form.browser, UPLOAD)
    stored = files(world)

    form.choose_file("visits.csv", OTHER)
    assert "A file named “<bdi>visits</bdi>” exists" in form.page
    for button in ({"connect": "1"}, {"replace": "other"}):
        form.press(form.form.action, **button)
        assert form.answer.status_code == 409
        assert files(world) == stored
    form.store_file()
    assert files(world) == stored | {"uploads/visits.csv": stored_as(OTHER)}


def test_a_replaced_file_keeps_its_metrics(world: World) -> None:
    """The page counts them, and names the columns that the new file lacks."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD, name="By store", type="series")
    form.choose(question="nps", group_by="field:store")
    form.press("/metrics/preview")
    form.send("/metrics")
    again = FormFiller(form.browser, UPLOAD)

    again.choose_file("visits.csv", OTHER)
    assert "If you replace it, its metric uses the new file at the next refresh." in again.page
    assert "Metrics use columns that this file does not have: <bdi>store</bdi>" in again.page
    again.store_file()

    again.choose(question="nps")
    again.press("/metrics/preview")
    assert "n = 2" in again.page
    (metric,) = world.run(world.app_state.metrics.metrics.list(world.actor()))
    assert metric.name == "By store"


def test_a_replacement_proposes_the_stored_mapping(world: World) -> None:
    """Roles and answers to open questions are proposed; the new file may have more columns."""
    first = "Datum;Ort;Note\n03/10/2026;Wien;4,5\n"
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("visits.csv", first.encode())
    form.update_preview(dates="day_first", **{"role-1": "field"})
    form.store_file()
    form = FormFiller(form.browser, UPLOAD)

    form.choose_file("visits.csv", b"Datum;Neu;Ort;Note\n04/10/2026;a;Graz;4,5\n")

    assert "The roles of the last upload of <bdi>visits</bdi> are proposed" in form.page
    assert "Automatic: Day first" in form.page
    assert [form.fields[f"role-{number}"] for number in range(4)] == [
        ["date"],
        ["question"],
        ["field"],
        ["question"],
    ]
    form.store_file()
    assert b"2026-10-04T00:00:00+00:00,,a,Graz,4.5" in files(world)["uploads/visits.csv"]


def test_an_invalid_replacement_keeps_the_file(world: World) -> None:
    """An invalid replacement does not change the existing file."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD)
    form = FormFiller(form.browser, UPLOAD)

    form.choose_file("visits.csv", WRONG)
    form.press(form.form.action, replace="visits")

    assert "yesterday" in form.page
    assert files(world) == {"uploads/visits.csv": stored_as(GOOD)}


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


def test_the_mapping_gives_the_same_numbers_on_the_command_line(world: World) -> None:
    """The file with the mapping of the preview is read as the connected one is."""
    european = (
        "Datum;Filiale;Note;Extras;Name\n"
        "03/10/2026;Köln;4,5;a;Anna\n04/11/2026;Wien;1.234,5;b;Ben\n;Wien;2;;\n"
    ).encode("cp1252")
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("Visits.csv", european)
    roles = {"role-1": "field", "role-3": "multiple", "role-4": "ignore"}
    form.update_preview(dates="day_first", **roles)
    mapping = form.browser.get(f"{form.form.action}/mapping.json")
    assert mapping.headers["content-disposition"].endswith("Visits.mapping.json")
    form.store_file()

    folder = world.app_state.settings.files_of(ACCOUNT) / "by_hand"
    folder.mkdir()
    (folder / "Visits.csv").write_bytes(european)
    (folder / "Visits.mapping.json").write_bytes(mapping.content)
    metrics, admin = world.app_state.metrics, world.actor()
    by_hand = world.run(
        metrics.connections.connect(admin, "csv_example", {"folder": "by_hand"}, name="By hand")
    )
    read = [
        world.run(metrics.catalog.questionnaire(admin, connection, "Visits"))
        for connection in (form.fields["source"][0], by_hand.id)
    ]
    assert read[0] == read[1]
    for calculation, group_by in (("average", "field:Filiale"), ("sum", "period:month")):
        definition = Definition.model_validate(
            {
                "survey_id": "Visits",
                "type": "series",
                "question_id": "Note",
                "calculation": calculation,
                "group_by": GroupBy.parse(group_by),
            }
        )
        uploaded, read_by_hand = (
            world.run(metrics.metrics.preview(admin, connection, definition)).groups
            for connection in (form.fields["source"][0], by_hand.id)
        )
        assert uploaded == read_by_hand
        assert any(one.value for one in uploaded)


def test_few_files_are_read_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file takes memory while it is read; further previews wait."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("visits.csv", GOOD)
    address = str(form.answer.url)
    running: set[int] = set()
    most: list[int] = []
    full = threading.Barrier(MOST_UPLOADS_AT_ONCE)

    def read(request: FileRequest, clock: Clock) -> UploadReading:
        running.add(threading.get_ident())
        most.append(len(running))
        full.wait(120)
        running.remove(threading.get_ident())
        return read_upload(request, clock)

    monkeypatch.setattr("smaply_metrics_host.routes.uploads.read_upload", read)
    browsers = [world.client(Role.EDITOR) for _ in range(3 * MOST_UPLOADS_AT_ONCE)]
    with ThreadPoolExecutor(len(browsers)) as pool:
        answers = list(pool.map(lambda one: one.get(address).status_code, browsers))
    assert answers == [200] * len(browsers)
    assert max(most) == MOST_UPLOADS_AT_ONCE
