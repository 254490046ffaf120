"""The preview of an uploaded file: what is read, asked and chosen before anything is stored."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING

import httpx
import pytest
from openpyxl import Workbook

from reference_host.tests.form_client import FormFiller
from reference_host.tests.uploaded_files import GOOD, UPLOAD, WRONG, files, stored_as
from smaply_metrics_core.host import Role
from smaply_metrics_host.app_state import MOST_UPLOADS_AT_ONCE
from smaply_metrics_host.uploads import upload_reading
from smaply_metrics_host.uploads.upload_reading import FileRequest, UploadReading, read_upload

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from smaply_metrics_core.host import Clock


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


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


def test_an_aborted_preview_is_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that is gone when its turn comes does not take the turn of the others."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("visits.csv", GOOD)
    address = str(form.answer.url)
    read: list[FileRequest] = []

    def counted(request: FileRequest, clock: Clock) -> UploadReading:
        read.append(request)
        return read_upload(request, clock)

    monkeypatch.setattr("smaply_metrics_host.routes.uploads.read_upload", counted)
    world.run(take_turns(world))
    with pytest.raises(httpx.ReadTimeout):
        form.browser.get(address, timeout=0.5)
    world.run(give_turns(world))

    assert form.browser.get(address).status_code == 200
    assert len(read) == 1, "the turns are in the order of the requests"


async def take_turns(world: World) -> None:
    """Let all other previews wait."""
    for _ in range(MOST_UPLOADS_AT_ONCE):
        await world.app_state.uploading.acquire()


async def give_turns(world: World) -> None:
    """Let the waiting previews continue."""
    for _ in range(MOST_UPLOADS_AT_ONCE):
        world.app_state.uploading.release()
