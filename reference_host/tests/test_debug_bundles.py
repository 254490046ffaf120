"""Debug Configuration: choosing a survey and downloading its debug bundle."""

from __future__ import annotations

import io
import json
import re
import stat
import zipfile
from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import SUPPORT, TOKEN, running
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from reference_host.tests.app_fixture import Browser, World
    from smaply_metrics_qualtrics_sandbox import SandboxServer

DEBUG = "/settings/integrations/qualtrics/debug"
SURVEY = "SV_RelationshipA01"


def download(browser: Browser, fields: dict[str, str]) -> str:
    """Press Download survey data and return the resulting page."""
    return browser.finish(DEBUG, DEBUG, fields).text


def file(browser: Browser, page: str) -> tuple[str, zipfile.ZipFile]:
    """Download the linked file and return its name and contents."""
    link = re.search(r'href="(/jobs/[^"]+/file)"', page)
    assert link is not None
    answer = browser.get(link[1])
    named = re.search(r'filename="([^"]+)"', answer.headers["content-disposition"])
    assert named is not None
    return named[1], zipfile.ZipFile(io.BytesIO(answer.content))


def columns(bundle: zipfile.ZipFile) -> str:
    """Return the header row of the responses."""
    return bundle.read("responses.csv").decode().splitlines()[0]


def test_a_survey_is_found_among_many(world: World) -> None:
    """The list shows all surveys; the search finds them by name or id."""
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

    assert 'name="survey"' not in first  # Loaded by a script or a button.
    assert listed.count('name="survey"') == 3
    assert "Q&amp;A Relationship survey" in listed
    assert "3 surveys." in listed
    assert found.count('name="survey"') == by_id.count('name="survey"') == 1
    assert "1 of 3 surveys." in found
    assert "&lt;b&gt;nothing&lt;/b&gt;" in none


def test_reload_ignores_the_cache(world: World) -> None:
    """The list is cached; Reload requests it from the survey tool."""
    world.connect()
    ada = world.client(Role.ADMIN)
    before = ada.get(f"{DEBUG}?search=").text
    world.sandbox.state.share(SURVEY, shared=False)

    kept = ada.get(f"{DEBUG}?search=").text
    again = ada.get(f"{DEBUG}?search=&reload=true").text

    assert (SURVEY in before, SURVEY in kept, SURVEY in again) == (True, True, False)


def test_a_survey_is_downloaded(own_account: World) -> None:
    """The file is named after the survey and the day, and contains no personal data."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY})
    name, bundle = file(ada, page)

    assert "The download is ready" in page
    assert SUPPORT in page
    assert re.fullmatch(rf"qualtrics-{SURVEY}-\d{{4}}-\d\d-\d\d\.zip", name)
    assert "IP Address" not in columns(bundle)
    assert TOKEN.encode() not in b"".join(map(bundle.read, bundle.namelist()))


def test_personal_columns_are_opt_in(own_account: World) -> None:
    """With the checkbox, the file contains personal columns and the page warns about them."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)

    page = download(ada, {"survey_id": SURVEY, "personal": "yes"})
    _, bundle = file(ada, page)

    assert "Share it only with people who are allowed to see them" in page
    assert "IPAddress" in columns(bundle).replace(" ", "")


def test_an_incomplete_bundle_is_marked(own_account: World) -> None:
    """The bundle of a survey that does not exist contains the problem."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY, "survey_id": "SV_no body"})
    name, bundle = file(ada, page)

    assert "The download is ready but incomplete" in page
    assert "not a Qualtrics survey ID" in page
    assert name.startswith("qualtrics-SV_no_body-")
    assert "problem.json" in bundle.namelist()


def test_a_token_in_the_definition_is_hidden(world: World) -> None:
    """The bundle has asterisks instead of a token that the survey tool sends back."""
    world.connect()
    world.sandbox.state.survey(SURVEY).definition["SurveyName"] = TOKEN
    ada = world.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY})
    _, bundle = file(ada, page)

    assert TOKEN not in page
    assert json.loads(bundle.read("definition.json"))["SurveyName"] == "••••"


def test_a_token_in_a_file_stops_the_download(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle that would contain the token is not created, and the page shows why."""
    hide = "smaply_metrics_core.http.transport.hide_echoed_secrets"
    monkeypatch.setattr(hide, lambda content, _: content)
    world.connect()
    world.sandbox.state.survey(SURVEY).definition["QuestionCount"] = TOKEN
    ada = world.client(Role.ADMIN)

    page = download(ada, {"survey": SURVEY})

    assert "Download failed" in page
    assert "/file" not in page
    assert TOKEN not in page


def test_without_a_survey_nothing_is_made(own_account: World) -> None:
    """Without a selected survey, the page requests one."""
    own_account.connect()

    page = download(own_account.client(Role.ADMIN), {"survey_id": "  "})

    assert "Choose a survey first." in page


def test_a_bundle_is_possible_without_a_survey_list(own_account: World) -> None:
    """With a revoked token, the page shows the problem, and a bundle can be created by id."""
    own_account.connect()
    own_account.sandbox.state.set_token(None)
    ada = own_account.client(Role.ADMIN)

    listed = ada.get(f"{DEBUG}/surveys").text
    page = download(ada, {"survey_id": SURVEY})

    assert "Surveys could not be listed" in listed
    assert "Token revoked" in listed
    assert "incomplete" in page
    assert "rejected the API token" in page


def test_files_are_private_and_deleted_on_start(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Other users cannot read the files; files of an earlier process are deleted."""
    downloads = tmp_path / "home" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "left").write_bytes(b"zip")
    with running(tmp_path / "home", sandbox) as world:
        left = (downloads / "left").exists()
        world.connect()
        download(world.client(Role.ADMIN), {"survey": SURVEY})
        (made,) = downloads.glob("*/*/*")
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (downloads, *made.parents[:2], made)]
    after = list(downloads.iterdir())

    assert not left
    assert modes == [0o700, 0o700, 0o700, 0o600]
    assert after == []
