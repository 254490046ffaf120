"""Debug Configuration: choosing a survey, and the file that support is sent."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import SUPPORT, TOKEN, running
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import Browser, World
    from smaply_metrics_qualtrics_sandbox import SandboxServer

DEBUG = "/settings/integrations/qualtrics/debug"
SURVEY = "SV_RelationshipA01"


def download(browser: Browser, fields: dict[str, str]) -> str:
    """Press Download survey data; give the page that comes of it."""
    return browser.finish(DEBUG, DEBUG, fields).text


def file(browser: Browser, page: str) -> tuple[str, zipfile.ZipFile]:
    """Follow the link to the file; give its name, and what it holds."""
    link = re.search(r'href="(/jobs/[^"]+/file)"', page)
    assert link is not None
    answer = browser.get(link[1])
    named = re.search(r'filename="([^"]+)"', answer.headers["content-disposition"])
    assert named is not None
    return named[1], zipfile.ZipFile(io.BytesIO(answer.content))


def columns(bundle: zipfile.ZipFile) -> str:
    """Give the first row of the responses."""
    return bundle.read("responses.csv").decode().splitlines()[0]


def test_a_survey_is_found_among_many(world: World) -> None:
    """The list holds the surveys that were changed last, and search finds any other."""
    world.connect()
    state = world.sandbox.state
    for survey in state.surveys.values():
        survey.definition["SurveyName"] = f"Q&A {survey.name}"
    ada = world.client(Role.ADMIN)

    first = ada.get(DEBUG).text
    listed = ada.get(f"{DEBUG}?search=").text
    found = ada.get(f"{DEBUG}/surveys?search=RELATIONSHIP").text
    by_id = ada.get(f"{DEBUG}/surveys?search={SURVEY}").text
    none = ada.get(f"{DEBUG}/surveys?search=<b>nothing</b>").text

    assert 'name="survey"' not in first  # A script fetches the list, or the button does.
    assert listed.count('name="survey"') == 3
    assert "Q&amp;A Relationship survey" in listed
    assert "3 surveys." in listed
    assert found.count('name="survey"') == by_id.count('name="survey"') == 1
    assert "1 of 3 surveys." in found
    assert "&lt;b&gt;nothing&lt;/b&gt;" in none


def test_reload_asks_again(world: World) -> None:
    """The list is kept for a while; Reload asks the survey tool for it anew."""
    world.connect()
    ada = world.client(Role.ADMIN)
    before = ada.get(f"{DEBUG}?search=").text
    world.sandbox.state.share(SURVEY, shared=False)

    kept = ada.get(f"{DEBUG}?search=").text
    again = ada.get(f"{DEBUG}?search=&reload=true").text

    assert (SURVEY in before, SURVEY in kept, SURVEY in again) == (True, True, False)


def test_a_survey_is_downloaded(world: World) -> None:
    """The file is named after the survey and the day, and holds its data without persons."""
    world.connect()
    ada = world.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY})
    name, bundle = file(ada, page)

    assert "The download is ready" in page
    assert SUPPORT in page
    assert re.fullmatch(rf"qualtrics-{SURVEY}-\d{{4}}-\d\d-\d\d\.zip", name)
    assert "IP Address" not in columns(bundle)
    assert TOKEN.encode() not in b"".join(map(bundle.read, bundle.namelist()))


def test_personal_columns_come_only_when_asked_for(world: World) -> None:
    """With the box ticked they are in the file, and the page says what that means."""
    world.connect()
    ada = world.client(Role.ADMIN)

    page = download(ada, {"survey_id": SURVEY, "personal": "yes"})
    _, bundle = file(ada, page)

    assert "Share it only with people who are allowed to see them" in page
    assert "IPAddress" in columns(bundle).replace(" ", "")


def test_a_file_with_a_problem_says_so(world: World) -> None:
    """Of a survey that is not there a file is made all the same: it says what went wrong."""
    world.connect()
    ada = world.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY, "survey_id": "SV_no body"})
    name, bundle = file(ada, page)

    assert "The download is ready but incomplete" in page
    assert "not a Qualtrics survey ID" in page
    assert name.startswith("qualtrics-SV_no_body-")
    assert "problem.json" in bundle.namelist()


def test_a_token_in_the_data_stops_the_download(world: World) -> None:
    """Where the survey holds the token itself nothing is handed over, and the page says why."""
    world.connect()
    world.sandbox.state.survey(SURVEY).definition["SurveyName"] = TOKEN
    ada = world.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY})

    assert "Download failed" in page
    assert "/file" not in page
    assert TOKEN not in page


def test_without_a_survey_nothing_is_made(world: World) -> None:
    """Whoever chose none is told to choose one."""
    world.connect()

    page = download(world.client(Role.ADMIN), {"survey_id": "  "})

    assert "Choose a survey first." in page


def test_surveys_that_cannot_be_listed_are_no_dead_end(world: World) -> None:
    """With a revoked token the page says so, and the file can still be made by id."""
    world.connect()
    world.sandbox.state.set_token(None)
    ada = world.client(Role.ADMIN)

    listed = ada.get(f"{DEBUG}/surveys").text
    page = download(ada, {"survey_id": SURVEY})

    assert "Surveys could not be listed" in listed
    assert "Token revoked" in listed
    assert "incomplete" in page
    assert "rejected the API token" in page


def test_files_lie_in_a_private_folder_until_the_next_start(
    sandbox: SandboxServer, tmp_path: Path
) -> None:
    """Nobody else of the machine reads them, and what a killed process left is swept."""
    downloads = tmp_path / "home" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "left").write_bytes(b"zip")
    with running(tmp_path / "home", sandbox) as world:
        swept = list(downloads.iterdir())
        world.connect()
        download(world.client(Role.ADMIN), {"survey": SURVEY})
        (made,) = downloads.iterdir()
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (downloads, made)]
    after = list(downloads.iterdir())

    assert swept == []
    assert modes == [0o700, 0o600]
    assert after == []
