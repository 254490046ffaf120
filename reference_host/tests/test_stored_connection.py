"""A stored connection: its issues and how they are mended, editing it, deleting it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import SUPPORT, TOKEN, running
from smaply_metrics_core.host import Calculation, Definition, Role

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import Browser, World
    from smaply_metrics_qualtrics_sandbox import SandboxServer

LIST = "/settings/integrations"
QUALTRICS = f"{LIST}/qualtrics"
EDIT = f"{QUALTRICS}/edit"
NEW = "another-token-of-forty-characters-000002"
SURVEY = "SV_RelationshipA01"


def measure(world: World, name: str) -> None:
    """Make a metric on the survey."""
    metrics = world.app_state.metrics.metrics
    definition = Definition(survey_id=SURVEY, calculation=Calculation.RESPONSES)
    world.run(metrics.add(world.actor(), "qualtrics", name, definition))


def check(browser: Browser) -> str:
    """Press Check again; give the page that comes of it."""
    return browser.finish(QUALTRICS, f"{QUALTRICS}/check", {}).text


def test_a_revoked_token_is_told_and_mended(world: World) -> None:
    """Connection Error says that the token is revoked and what to do; a new token mends it."""
    world.connect()
    ada = world.client(Role.ADMIN)
    world.sandbox.state.set_token(NEW)

    revoked = check(ada)
    mended = ada.finish(EDIT, EDIT, {"api_token": NEW, "base_url": world.sandbox.host}).text

    assert "Connection Error" in revoked
    assert "Token revoked" in revoked
    assert "Edit Configuration" in revoked
    assert SUPPORT in revoked
    assert "Connection established" in mended
    assert "••••••••0002" in mended
    assert NEW not in mended


def test_what_stays_blank_stays_as_it_is(world: World) -> None:
    """Edit Configuration shows the host and no token; an empty token keeps the present one."""
    world.connect()
    ada = world.client(Role.ADMIN)

    form = ada.get(EDIT).text
    kept = ada.finish(EDIT, EDIT, {"api_token": "", "base_url": world.sandbox.host}).text

    assert f'value="{world.sandbox.host}"' in form
    assert "Leave empty to keep the current value (••••••••0001)." in form
    assert "Changing it requires the API token again." in form
    assert TOKEN not in form
    assert "Connection established" in kept
    assert "••••••••0001" in kept


def test_a_new_place_needs_the_secret_again(world: World) -> None:
    """A changed base URL without the token is refused in words, and stays in the form."""
    world.connect()
    ada = world.client(Role.ADMIN)

    page = ada.finish(EDIT, EDIT, {"api_token": "", "base_url": "iad1.qualtrics.com"}).text

    assert "A new Base URL requires the API token again" in page
    assert 'value="iad1.qualtrics.com"' in page
    assert world.sandbox.host in ada.get(QUALTRICS).text


def test_new_credentials_that_see_less_are_told(world: World) -> None:
    """After an edit, the metrics whose survey can no longer be seen are named, until later."""
    world.connect()
    measure(world, "Visits <b>in</b> spring")
    world.sandbox.state.share(SURVEY, shared=False)
    ada = world.client(Role.ADMIN)

    page = ada.finish(EDIT, EDIT, {"api_token": TOKEN, "base_url": world.sandbox.host}).text

    assert "1 metric can no longer access its survey" in page
    assert "<bdi>Visits &lt;b&gt;in&lt;/b&gt; spring</bdi>" in page
    assert "can no longer access" not in ada.get(QUALTRICS).text


def test_an_issue_that_stops_nothing_is_a_warning(world: World) -> None:
    """A connection that works is established even with an issue; the right host is one click."""
    world.connect()
    world.sandbox.state.set_account(proxied_to="sjc1.qualtrics.com")
    ada = world.client(Role.ADMIN)

    page = check(ada)
    form = ada.get(f"{EDIT}?suggested=true").text

    assert "Connection established" in page
    assert '<div class="banner warn"' in page
    assert f'href="{EDIT}?suggested=true">Use sjc1.qualtrics.com</a>' in page
    assert 'value="sjc1.qualtrics.com"' in form


def test_deleting_names_what_stops(world: World) -> None:
    """Delete Configuration asks and names the metrics; only then are the credentials gone."""
    world.connect()
    measure(world, "Visits")
    ada = world.client(Role.ADMIN)

    asked = ada.get(f"{QUALTRICS}/delete").text
    before = ada.get(QUALTRICS).text
    after = ada.submit(f"{QUALTRICS}/delete", f"{QUALTRICS}/delete", {}).text

    assert "1 metric will stop refreshing" in asked
    assert "<bdi>Visits</bdi>" in asked
    assert "Connection established" in before
    assert "Qualtrics is no longer connected" in after
    assert "Set up" in after
    assert [one.name for one in world.run(world.app_state.metrics.metrics.list(world.actor()))] == [
        "Visits"
    ]


def test_what_was_deleted_meanwhile_is_said(world: World) -> None:
    """Whoever acts on a connection that somebody else has deleted is told so."""
    world.connect()
    ada = world.client(Role.ADMIN)
    world.run(world.app_state.metrics.connections.delete(world.actor(), "qualtrics"))

    for path in ("/edit", "/check", "/delete", "/debug"):
        answer = ada.submit(LIST, f"{QUALTRICS}{path}", {"api_token": NEW})
        assert answer.status_code == 404, path
        assert "not connected to Qualtrics" in answer.text


def test_lost_keys_are_said_and_mended(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Without the key that sealed them, the page says what to do; entering them anew mends it."""
    home = tmp_path / "home"
    with running(home, sandbox) as world:
        world.connect()
    (home / "key").unlink()
    with running(home, sandbox) as world:
        ada = world.client(Role.ADMIN)
        lost = ada.get(QUALTRICS).text
        checked = check(ada)
        form = ada.get(EDIT).text
        mended = ada.finish(EDIT, EDIT, {"api_token": TOKEN, "base_url": sandbox.host}).text

    assert "Connection Error" in lost
    assert "The key file" in lost
    assert "Connection Error" in checked
    assert "Leave empty" not in form
    assert "Connection established" in mended
