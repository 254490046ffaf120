"""The page on which an Admin chooses surveys, in a browser without scripts."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.api.seeded_account import FOLDER, ROWS, SURVEY, prepare
from smaply_metrics_core.host import Role, SurveyChoice
from smaply_metrics_host.routes import chosen_surveys

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from reference_host.tests.app_fixture import Browser, World

CONNECTION = "/settings/integrations/csv_example"
PAGE = f"{CONNECTION}/surveys"
MANY = 2_000


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


@pytest.fixture
def folder(world: World) -> Path:
    """An account with a metric of one survey, and a folder for more."""
    prepare(world, world.account)
    folder = world.app_state.settings.files_of(world.account) / FOLDER
    (folder / "returns.csv").write_text(ROWS, encoding="utf-8")
    (folder / "stores.csv").write_text(ROWS, encoding="utf-8")
    return folder


@pytest.fixture
def ada(world: World, folder: Path) -> Browser:
    """The browser of an Admin, who has opened the page."""
    ada = world.client(Role.ADMIN)
    assert ada.get(PAGE).status_code == 200
    return ada


def rows(page: str) -> dict[str, tuple[bool, bool]]:
    """Return whether each survey of a page is shown and selected."""
    found = re.findall(
        r'<label class="survey"( hidden)?><input type="checkbox" name="survey" value="(\w+)"'
        r"( checked)?>",
        page,
    )
    return {survey: (not hidden, bool(checked)) for hidden, survey, checked in found}


def submit(browser: Browser, *surveys: str, **fields: str) -> httpx.Response:
    """Submit the form with these surveys selected."""
    sent: dict[str, Any] = {"which": "chosen", "version": "1", "search": "", **fields}
    return browser.submit(PAGE, PAGE, {**sent, "survey": list(surveys)})


def test_the_surveys_in_use_are_selected_at_first(ada: Browser) -> None:
    """So that restricting a connection does not stop its metrics by accident."""
    page = ada.get(PAGE).text
    assert rows(page) == {
        SURVEY: (True, True),
        "returns": (True, False),
        "stores": (True, False),
    }
    assert 'value="all" checked' in page
    assert "1 metric" in page
    assert "All surveys" in ada.get(CONNECTION).text


def test_a_choice_is_saved(ada: Browser, world: World) -> None:
    """The connection shows how many are chosen, and Editors are offered only these."""
    saved = submit(ada, SURVEY, "stores", save="1")
    assert saved.url.path.startswith("/settings/integrations/con_")
    assert "2 chosen surveys" in saved.text
    assert 'value="chosen" checked' in ada.get(PAGE).text
    form = world.client(Role.EDITOR).get("/metrics/new?source=csv_example")
    assert "returns" not in form.text

    allowed = submit(ada, SURVEY, which="all", version="2", save="1")
    assert "All surveys" in allowed.text


def test_stopping_metrics_is_confirmed(ada: Browser, world: World) -> None:
    """The page lists the surveys; afterwards each role reads why the card stopped."""
    warned = submit(ada, "stores", save="1")
    assert "1 metric will stop refreshing" in warned.text
    assert rows(warned.text)[SURVEY] == (True, False)
    assert "All surveys" in ada.get(CONNECTION).text

    assert "1 chosen survey" in submit(ada, "stores", save="confirmed").text
    (journey,) = world.app_state.maps.list(world.account)
    for role, text in (
        (Role.VIEWER, "An Editor can fix it."),
        (Role.EDITOR, "Choose another survey in the metric."),
        (Role.ADMIN, "An Admin can add its survey"),
    ):
        shown = world.client(role).get(f"/maps/{journey.id}").text
        assert "Survey not chosen" in shown
        assert text in shown


def test_a_search_keeps_the_selection(ada: Browser) -> None:
    """Selected surveys that do not match are hidden, and submitted with the form."""
    found = submit(ada, SURVEY, find="1", search=" STORE ")
    assert rows(found.text) == {SURVEY: (False, True), "stores": (True, False)}
    assert "Showing 1 of 3" in found.text
    assert "1 survey chosen" in found.text


def test_a_slow_list_is_awaited_in_a_job(
    ada: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its page shows the progress, and then the surveys."""
    monkeypatch.setattr(chosen_surveys, "PATIENCE_SECONDS", 0.0)
    service = world.app_state.metrics.chosen_surveys
    listed, show = threading.Event(), service.show

    async def slow(*given: Any, **named: Any) -> SurveyChoice:  # noqa: ANN401  # Passed on.
        await asyncio.to_thread(listed.wait)
        return await show(*given, **named)

    monkeypatch.setattr(service, "show", slow)
    job = ada.get(PAGE).url.path
    listed.set()
    assert job.startswith("/jobs/")
    ada.get(f"{job}/events")  # The stream ends with the job.
    assert len(rows(ada.get(job).text)) == 3


def test_a_deleted_survey_is_shown_as_not_found(ada: Browser, folder: Path) -> None:
    """It stays selected until an Admin removes it."""
    submit(ada, SURVEY, "stores", save="1")
    (folder / "stores.csv").unlink()
    page = submit(ada, SURVEY, "stores", version="2", reload="1").text
    assert rows(page)["stores"] == (True, True)
    assert page.count("no longer found") == 1


def test_an_empty_choice_and_an_old_version_are_refused(ada: Browser) -> None:
    """The first keeps the form; the second shows what is stored."""
    empty = submit(ada, save="confirmed")
    assert (empty.status_code, "Choose at least one survey" in empty.text) == (422, True)
    submit(ada, SURVEY, "stores", save="1")
    old = submit(ada, SURVEY, "returns", save="1")
    assert (old.status_code, "Another user changed the surveys" in old.text) == (409, True)
    assert rows(old.text)["stores"] == (True, True)


def test_thousands_of_surveys_can_be_chosen(ada: Browser, world: World, folder: Path) -> None:
    """The page and its form have room for them."""
    names = [f"survey{number}" for number in range(MANY)]
    for name in names:
        (folder / f"{name}.csv").write_text("recorded_at\n", encoding="utf-8")
    page = submit(ada, reload="1").text
    assert len(rows(page)) == MANY + 3
    assert len(page) < 1_000_000
    assert "2,001 chosen surveys" in submit(ada, SURVEY, *names, save="1").text
