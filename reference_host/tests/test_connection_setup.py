"""Setting up a source: the form, the check on Save, and suggestions after a failure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import SUPPORT, TOKEN
from smaply_metrics_core.host import Blame, Problem, Role
from smaply_metrics_host.routes.connection_saving import fit_form

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import Browser, World

LIST = "/settings/integrations"
QUALTRICS = f"{LIST}/qualtrics"
CSV = f"{LIST}/csv_example"
WRONG = "a-wrong-token-of-forty-characters-000001"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def values(world: World, **given: str) -> dict[str, str]:
    """Return valid values, except for the given ones."""
    return {"base_url": world.sandbox.host, "api_token": TOKEN, **given}


def connected(world: World) -> bool:
    """Whether a connection is stored."""
    return bool(world.run(world.app_state.metrics.connections.list(world.actor())))


def save(browser: Browser, fields: dict[str, str]) -> str:
    """Press Save and return the resulting page."""
    return browser.finish(QUALTRICS, QUALTRICS, fields).text


def test_the_form_begins_empty(world: World) -> None:
    """The fields are labelled API token and Base URL, are empty, and have help texts."""
    page = world.client(Role.ADMIN).get(QUALTRICS).text

    assert "<h1>Configure Qualtrics</h1>" in page
    assert re.findall(r'<label for="field-\w+">([^<]+)</label>', page) == ["API token", "Base URL"]
    assert re.search(r'name="api_token"\s+type="password"\s+placeholder', page)
    assert re.search(r'name="base_url"\s+type="text"\s+value=""', page)
    assert "shown only once" in page
    assert "Use a shared account" in page
    assert "Datacenter ID" in page


def test_valid_credentials_connect(world: World) -> None:
    """Valid credentials are stored and shown with a masked token."""
    ada = world.client(Role.ADMIN)

    page = save(ada, values(world))

    assert "Connection established" in page
    assert "Qualtrics integration details" in page
    assert "••••••••0001" in page
    assert world.sandbox.host in page
    assert "brand sandbox" in page
    assert "<bdi>Ada</bdi>" in page
    assert TOKEN not in page
    assert connected(world)


def test_a_wrong_base_url_suggests_the_right_one(world: World) -> None:
    """A pasted page URL is refused, and a button applies the host name in it."""
    ada = world.client(Role.ADMIN)
    address = f"https://{world.sandbox.host}/Q/MyProjects"

    refused = save(ada, values(world, base_url=address))
    offered = re.search(r'name="(use:base_url)" value="([^"]+)"', refused)
    assert offered is not None
    accepted = save(ada, values(world, base_url=address) | {offered[1]: offered[2]})

    assert f"Use {world.sandbox.host}</button>" in refused
    assert f'value="{address}"' in refused
    assert "Not saved" in refused
    assert TOKEN not in refused
    assert "Connection established" in accepted


def test_enter_saves_even_with_a_suggestion(world: World) -> None:
    """Save is the first button of the form, so Enter presses it and not the suggestion."""
    page = save(world.client(Role.ADMIN), values(world, base_url=f"https://{world.sandbox.host}/"))

    form = page[page.index('data-job="saving"') :]

    assert form.index(">Save</button>") < form.index("use:base_url")


@pytest.mark.parametrize(
    ("remedy", "on_the_form"),
    [
        ("Enter a current token under Edit Configuration.", "Enter a current token."),
        ("Use `a.example` under `Edit Configuration`, then save.", "Use `a.example`, then save."),
        ("Open Edit Configuration.", "Open Edit Configuration."),
    ],
)
def test_a_remedy_on_the_form_does_not_lead_to_the_form(remedy: str, on_the_form: str) -> None:
    """During set-up there is no configuration to edit yet."""
    problem = Problem(kind="x", message="x", remedy=remedy, blame=Blame.CREDENTIAL)

    assert fit_form(problem).remedy == on_the_form


def test_a_wrong_token_stores_nothing(world: World) -> None:
    """Connection Failed shows the issue, the remedy, the support contact and the steps."""
    page = save(world.client(Role.ADMIN), values(world, api_token=WRONG))

    assert "Connection Failed" in page
    assert "Authentication" in page
    assert "rejected the API token" in page
    assert "Edit Configuration" not in page
    assert SUPPORT in page
    assert '<li class="step passed">Connect to Qualtrics' in page
    assert '<li class="step failed">Verify the API token' in page
    assert '<li class="step skipped">List surveys' in page
    assert f'value="{world.sandbox.host}"' in page
    assert WRONG not in page
    assert not connected(world)


def test_a_missing_value_is_reported_without_a_request(world: World) -> None:
    """A missing value is reported at its field, before the survey tool is called."""
    page = save(world.client(Role.ADMIN), {"base_url": world.sandbox.host, "api_token": "  "})

    assert re.search(r'id="field-api_token-problem">Enter a value', page)
    assert world.sandbox.state.calls() == []


def test_the_steps_show_as_they_run(world: World) -> None:
    """The event stream reports completed and pending steps, and finally the result."""
    ada = world.client(Role.ADMIN)
    ada.headers["accept"] = "application/json"

    begun = ada.submit(QUALTRICS, QUALTRICS, values(world, api_token=WRONG))
    told = [
        json.loads(line.removeprefix("data: "))
        for line in ada.get(begun.json()["events"]).text.splitlines()
        if line.startswith("data: ")
    ]

    assert begun.status_code == 202
    order = ["reach", "authenticate", "list_surveys", "export"]
    for view in told:
        assert [step["name"] for step in view["steps"] + view["pending"]] == order
    assert told[-1]["state"] == "failed"
    assert told[-1]["problem"]["issue"] == "authentication"
    assert "Connection Failed" in told[-1]["html"]
    assert WRONG not in json.dumps(told)


def test_two_admins_at_once(world: World) -> None:
    """The second Admin reads that the source is already connected."""
    world.connect()

    page = save(world.client(Role.ADMIN), values(world))

    assert "This account is already connected to Qualtrics" in page
    assert "Qualtrics integration details" in page


def test_any_source_has_such_a_page(world: World) -> None:
    """The form has the fields that the source declares, such as a folder for CSV files."""
    folder = world.app_state.settings.files_of(world.account) / "shop"
    folder.mkdir()
    (folder / "visits.csv").write_text("recorded_at,score\n2026-01-31,9\n", encoding="utf-8")
    ada = world.client(Role.ADMIN)

    form = ada.get(CSV).text
    outside = ada.finish(CSV, CSV, {"folder": "../.."}).text
    inside = ada.finish(CSV, CSV, {"folder": "shop"}).text

    assert "Configure CSV files" in form
    assert ">Folder</label>" in form
    assert "is outside the folder" in outside
    assert 'value="../.."' in outside
    assert "CSV files integration details" in inside


def test_a_source_that_is_not_installed_has_no_page(world: World) -> None:
    """The page of an unknown source returns 404."""
    answer = world.client(Role.ADMIN).get(f"{LIST}/acme")

    assert answer.status_code == 404
    assert "No source “acme” is installed" in answer.text


def test_a_form_of_another_site_is_refused(world: World) -> None:
    """Without the CSRF token, nothing is checked or stored."""
    answer = world.client(Role.ADMIN).post(QUALTRICS, data=values(world))

    assert answer.status_code == 403
    assert world.sandbox.state.calls() == []
