"""Debug bundles: what they contain, and the numbers computed from them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import PASSWORD, ReplayServer, noted
from plugins.limesurvey.tests.support import session
from smaply_metrics_core.testing import write_bundle


def bundle(
    folder: Path, lime: ReplayServer, survey_id: str, *, personal: bool = False
) -> dict[str, str]:
    """Return the files of the debug bundle of a survey."""
    with session(lime.answer) as opened:
        path = write_bundle(
            folder / "bundle.zip",
            [PASSWORD],
            personal,
            lambda writer: opened.debug_export(survey_id, writer),
        )
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("personal", [False, True])
@pytest.mark.parametrize(
    ("survey_id", "texts"),
    [("910001", ("192.0.2.", "shop.example.org")), ("910009", ("tok001", "example.org"))],
)
def test_participants_are_never_exported(
    tmp_path: Path, survey_id: str, texts: tuple[str, ...], *, personal: bool
) -> None:
    """No IP address, referrer or participant token is requested, whatever the bundle includes."""
    lime = ReplayServer()
    files = bundle(tmp_path, lime, survey_id, personal=personal)
    responses = files["responses.csv"]
    assert len(responses.splitlines()) > 20
    for text in (*texts, "ipaddr", "refurl", "token"):
        assert text not in responses
    for method, params in lime.calls:
        assert "participants" not in method
        if method == "export_responses":
            assert not {"ipaddr", "refurl", "token"} & {*params[9]}


def test_names_of_files_are_personal(tmp_path: Path) -> None:
    """Titles and names of uploaded files are people's own words."""
    (tmp_path / "other").mkdir()
    assert "My note" not in "".join(bundle(tmp_path, ReplayServer(), "910016").values())
    files = bundle(tmp_path / "other", ReplayServer(), "910016", personal=True)
    assert "My note" in files["responses.csv"]


def test_no_session_key_is_in_a_bundle(tmp_path: Path) -> None:
    """Sessions are not part of what is written."""
    files = bundle(tmp_path, ReplayServer(), "910001")
    assert "SESSIONKEY" not in "".join(files.values())


def test_a_bundle_without_responses_says_why(tmp_path: Path) -> None:
    """The definition is written even if the responses cannot be exported."""
    lime = ReplayServer()

    def refuse(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        is_export = b"export_responses" in request.content
        return noted("export.errors", "may read the responses") if is_export else response

    with session(refuse) as opened:
        path = write_bundle(
            tmp_path / "bundle.zip",
            [PASSWORD],
            False,  # noqa: FBT003  # By position, as its other callers.
            lambda writer: opened.debug_export("910001", writer),
        )
    with zipfile.ZipFile(path) as archive:
        assert b"results_unavailable" in archive.read("problem.json")
        assert b"nps" in archive.read("definition.json")
    assert not lime.open
