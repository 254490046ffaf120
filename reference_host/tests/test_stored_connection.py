"""A stored connection: issues, editing, deleting."""

from __future__ import annotations

import re
from datetime import timedelta
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
ANOTHER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"


def measure(world: World, name: str) -> None:
    """Create a metric on the survey."""
    metrics = world.app_state.metrics.metrics
    definition = Definition(survey_id=SURVEY, calculation=Calculation.RESPONSES)
    world.run(metrics.add(world.actor(), "qualtrics", name, definition))


def check(browser: Browser) -> str:
    """Press Check again and return the resulting page."""
    return browser.finish(QUALTRICS, f"{QUALTRICS}/check", {}).text


def test_a_revoked_token_is_reported_and_replaced(own_account: World) -> None:
    """Connection Error shows that the token is revoked; a new token fixes it."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)
    own_account.sandbox.state.set_token(NEW)

    revoked = check(ada)
    mended = ada.finish(EDIT, EDIT, {"api_token": NEW, "base_url": own_account.sandbox.host}).text

    assert "Connection Error" in revoked
    assert "Token revoked" in revoked
    assert "Edit Configuration" in revoked
    assert SUPPORT in revoked
    assert "Connection established" in mended
    assert "••••••••0002" in mended
    assert NEW not in mended


def test_a_check_older_than_the_problem_is_marked(own_account: World) -> None:
    """The steps of a check are shown as earlier after a refresh that failed since."""
    own_account.connect()
    measure(own_account, "Visits")
    ada = own_account.client(Role.ADMIN)
    own_account.clock.forward(timedelta(minutes=20))
    own_account.sandbox.state.set_token(NEW)
    own_account.run(own_account.app_state.metrics.cards.load(own_account.actor(), wait=120.0))
    own_account.clock.forward(timedelta(minutes=2))

    page = ada.get(QUALTRICS).text
    listed = ada.get(LIST).text
    checked = check(ada)

    assert "Earlier check" in page
    assert "Last check<" not in page
    found = re.search(r"The problem above was found <time[^>]*>(.*?)</time>, after this", page)
    assert found is not None
    assert found[1] == "2 minutes ago"
    assert re.search(r"Found <time[^>]*>2 minutes ago</time>, after the last check", listed)
    assert "<h3>Last check</h3>" in checked
    assert "Earlier check" not in checked


def test_an_empty_token_is_unchanged(own_account: World) -> None:
    """Edit Configuration does not show the token; an empty field keeps it."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)

    form = ada.get(EDIT).text
    kept = ada.finish(EDIT, EDIT, {"api_token": "", "base_url": own_account.sandbox.host}).text

    assert f'value="{own_account.sandbox.host}"' in form
    assert "Leave empty to keep the current value (••••••••0001)." in form
    assert "Changing it requires the API token again." in form
    assert TOKEN not in form
    assert "Connection established" in kept
    assert "••••••••0001" in kept


def test_a_new_base_url_requires_the_token(own_account: World) -> None:
    """A changed base URL without the token is refused, and the form keeps the input."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)

    page = ada.finish(EDIT, EDIT, {"api_token": "", "base_url": "iad1.qualtrics.com"}).text

    assert "A new Base URL requires the API token again" in page
    assert 'value="iad1.qualtrics.com"' in page
    assert own_account.sandbox.host in ada.get(QUALTRICS).text


def test_metrics_without_access_to_their_survey_are_listed(world: World) -> None:
    """After an edit, the page lists metrics whose survey is no longer accessible."""
    world.connect()
    measure(world, "Visits <b>in</b> spring")
    world.sandbox.state.share(SURVEY, shared=False)
    ada = world.client(Role.ADMIN)

    page = ada.finish(EDIT, EDIT, {"api_token": TOKEN, "base_url": world.sandbox.host}).text

    assert "1 metric can no longer access its survey" in page
    assert "<bdi>Visits &lt;b&gt;in&lt;/b&gt; spring</bdi>" in page
    assert "can no longer access" not in ada.get(QUALTRICS).text


def test_a_minor_issue_is_a_warning(world: World) -> None:
    """A working connection with an issue is established, with a suggested host."""
    connection = world.connect()
    world.sandbox.state.set_account(proxied_to="sjc1.qualtrics.com")
    ada = world.client(Role.ADMIN)

    page = check(ada)
    form = ada.get(f"{EDIT}?suggested=true").text

    assert "Connection established" in page
    assert '<div class="banner warn"' in page
    assert (
        f'href="/settings/integrations/{connection}/edit?suggested=true">Use sjc1.qualtrics.com</a>'
        in page
    )
    assert 'value="sjc1.qualtrics.com"' in form


def test_deleting_a_connection_is_confirmed(own_account: World) -> None:
    """The confirmation lists the metrics that stop refreshing."""
    own_account.connect()
    measure(own_account, "Visits")
    ada = own_account.client(Role.ADMIN)

    asked = ada.get(f"{QUALTRICS}/delete").text
    before = ada.get(QUALTRICS).text
    after = ada.submit(f"{QUALTRICS}/delete", f"{QUALTRICS}/delete", {}).text

    assert "1 metric will stop refreshing" in asked
    assert "resumes refreshing when Qualtrics is connected again." in asked
    assert "<bdi>Visits</bdi>" in asked
    assert "Connection established" in before
    assert "Qualtrics is no longer connected" in after
    assert "Set up" in after
    assert [
        one.name
        for one in own_account.run(own_account.app_state.metrics.metrics.list(own_account.actor()))
    ] == ["Visits"]


def test_a_deleted_connection_is_reported(own_account: World) -> None:
    """Acting on a connection that another Admin deleted returns 404."""
    own_account.connect()
    ada = own_account.client(Role.ADMIN)
    own_account.run(
        own_account.app_state.metrics.connections.delete(own_account.actor(), "qualtrics")
    )

    for path in ("/edit", "/check", "/delete", "/debug"):
        answer = ada.submit(LIST, f"{QUALTRICS}{path}", {"api_token": NEW})
        assert answer.status_code == 404, path
        assert "not connected to Qualtrics" in answer.text


def test_a_replaced_key_is_reported_and_fixed(sandbox: SandboxServer, tmp_path: Path) -> None:
    """With another key, the page shows what to do; entering the credentials again fixes it."""
    home = tmp_path / "home"
    with running(home, sandbox) as world:
        world.connect()
    (home / "key").write_text(ANOTHER_KEY, encoding="ascii")
    with running(home, sandbox) as world:
        ada = world.client(Role.ADMIN)
        lost = ada.get(QUALTRICS).text
        checked = check(ada)
        form = ada.get(EDIT).text
        mended = ada.finish(EDIT, EDIT, {"api_token": TOKEN, "base_url": sandbox.host}).text

    assert "Connection Error" in lost
    assert "which is not configured" in lost
    assert "Connection Error" in checked
    assert "Leave empty" not in form
    assert "Connection established" in mended
