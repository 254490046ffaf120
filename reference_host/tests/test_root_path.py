"""The root path: the app below a path of a host, behind a reverse proxy."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import httpx
import pytest
from starlette.responses import Response

from reference_host.tests.api.seeded_account import SURVEY, prepare, program
from reference_host.tests.app_fixture import ACCOUNT, NAMES, running
from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import RELATIONSHIP
from smaply_metrics_core.host import InputError, Role
from smaply_metrics_host.settings import HostSettings, checked_root_path
from smaply_metrics_host.web.authentication import cookie_name, set_cookie
from tests.http_clients import PLAIN_HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reference_host.tests.app_fixture import World
    from smaply_metrics_qualtrics_sandbox import SandboxServer

ROOT: Final = "/cx/metrics"
ADDRESS: Final = re.compile(r'\s([a-z-]+)="(/[^"]*)"')
"""An attribute whose value is a path on this host."""
FOLLOWED: Final = {"href", "src"}
PAGES: Final = {"/", "/maps", "/metrics", "/metrics/new", "/settings/account"}
"""Some of the pages that the links lead to."""


@pytest.fixture
def prefixed(sandbox: SandboxServer, tmp_path: Path) -> Iterator[World]:
    """The app below a path."""
    with running(tmp_path / "home", sandbox, root_path=ROOT) as world:
        yield world


@pytest.mark.usefixtures("canned_charts")
def test_each_address_of_each_page_has_the_prefix(prefixed: World) -> None:
    """Every link, form and file of every page that an Admin reaches is below the root path."""
    prepared = prepare(prefixed, ACCOUNT)
    browser = prefixed.client(Role.ADMIN)
    waiting, seen = [f"{ROOT}/", f"{ROOT}/maps/{prepared.map}"], set[str]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = browser.get(path.removeprefix(ROOT))
        assert answer.status_code == 200, path
        assert answer.url.path.startswith(ROOT), path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        found = ADDRESS.findall(answer.text)
        assert found, path
        for name, address in found:
            assert f"{address}/".startswith(f"{ROOT}/"), f"{path} has {name}={address}"
        waiting += [
            address.replace("&amp;", "&").partition("#")[0]
            for name, address in found
            if name in FOLLOWED
        ]

    assert {ROOT + page for page in PAGES} <= {path.partition("?")[0] for path in seen}
    assert any("/static/" in path for path in seen)


def test_each_address_of_a_preview_has_the_prefix(prefixed: World) -> None:
    """Its chart is an image for browsers without scripts, in both themes."""
    prefixed.connect()
    form = FormFiller(
        prefixed.client(Role.EDITOR), f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"
    )
    form.choose(question="QID1", type="series")
    form.choose(group_by="period:month")
    form.press("/metrics/preview")

    found = [one for one in ADDRESS.findall(form.page) if "/chart.svg" in one[1]]
    assert {name for name, _ in found} == {"srcset", "src"}
    assert all(address.startswith(f"{ROOT}/metrics/drafts/") for _, address in found)


def test_each_address_of_the_list_of_surveys_has_the_prefix(prefixed: World) -> None:
    """The list for a debug bundle is a part of a page, which scripts load."""
    connection = prefixed.connect()
    page = prefixed.client(Role.ADMIN).get(
        f"/settings/integrations/{connection}/debug/surveys?search="
    )

    found = ADDRESS.findall(page.text)
    assert any("reload=true" in address for _, address in found)
    assert all(address.startswith(f"{ROOT}/") for _, address in found)


def test_each_address_of_other_pages_has_the_prefix(prefixed: World) -> None:
    """Those of errors, and those that people see before they sign in."""
    token = prefixed.app_state.people.invite(ACCOUNT, NAMES[Role.VIEWER], Role.VIEWER)
    viewer = prefixed.client(Role.VIEWER)
    pages = [
        (viewer.get("/nowhere"), 404),
        (viewer.get("/maps/map_none"), 404),
        (viewer.get("/settings/account"), 403),
    ]
    with httpx.Client(verify=PLAIN_HTTP) as stranger:
        pages += [
            (stranger.get(f"{prefixed.url}/sign-in"), 200),
            (stranger.get(f"{prefixed.url}/sign-in/{token}"), 200),
        ]
    for page, status in pages:
        assert page.status_code == status, page.url
        found = ADDRESS.findall(page.text)
        assert found, page.url
        assert all(f"{address}/".startswith(f"{ROOT}/") for _, address in found), found


def test_redirects_and_the_cookie_have_the_prefix(prefixed: World) -> None:
    """A form redirects below the root path, and other apps of the host get no cookie."""
    token = prefixed.app_state.people.invite(ACCOUNT, NAMES[Role.ADMIN], Role.ADMIN)
    with httpx.Client(verify=PLAIN_HTTP) as client:
        bare = client.get(prefixed.url)
        stranger = client.get(f"{prefixed.url}/maps")
        signed_in = client.post(f"{prefixed.url}/sign-in/{token}?next=/maps")

    assert (bare.status_code, bare.headers["location"]) == (308, f"{ROOT}/")
    assert (stranger.status_code, stranger.headers["location"]) == (303, f"{ROOT}/sign-in")
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"{ROOT}/maps")
    assert f"Path={ROOT};" in signed_in.headers["set-cookie"]


def test_scripts_receive_addresses_with_the_prefix(prefixed: World) -> None:
    """The JSON of a job names its event stream and its result below the root path."""
    prepared = prepare(prefixed, ACCOUNT)
    client = program(prefixed, Role.ADMIN, ACCOUNT)
    client.headers["accept"] = "application/json"

    started = client.post(f"/metrics/{prepared.metric}/refresh").json()
    assert started["events"] == f"{ROOT}/jobs/{started['id']}/events"
    events = client.get(started["events"].removeprefix(ROOT)).text
    last = json.loads(re.findall(r"^data: (.*)$", events, re.MULTILINE)[-1])
    assert last["location"].startswith(f"{ROOT}/metrics?refreshed={prepared.metric}&")

    moved = client.post(f"/metrics/{prepared.metric}/delete", headers={"x-fragment": "metric-list"})
    assert moved.json()["location"].startswith(f"{ROOT}/metrics?deleted=")


def test_the_api_is_below_the_root_path(prefixed: World) -> None:
    """The OpenAPI document names the server, and a created object its address."""
    prepared = prepare(prefixed, ACCOUNT)
    client = program(prefixed, Role.ADMIN, ACCOUNT)
    definition = {"survey_id": SURVEY, "question_id": "nps", "calculation": "nps"}
    body = {
        "connection": prepared.connection,
        "workspace": prepared.workspace,
        "name": "Again",
        "definition": definition,
    }

    assert client.get("/openapi.json").json()["servers"] == [{"url": ROOT}]
    made = client.post("/api/metrics", json=body)
    assert made.status_code == 201, made.text
    assert made.headers["location"].startswith(f"{ROOT}/api/metrics/")
    refused = client.post("/api/metrics", json={})
    assert refused.json()["kind"] == "invalid_input"  # JSON, as for every path of the API.


def test_probes_need_no_prefix(prefixed: World) -> None:
    """A probe calls the process without the proxy."""
    direct = prefixed.url.removesuffix(ROOT)

    assert httpx.get(f"{direct}/livez", verify=PLAIN_HTTP).status_code == 200
    assert httpx.get(f"{prefixed.url}/livez", verify=PLAIN_HTTP).status_code == 200


def test_with_https_the_cookie_stays_below_the_prefix(tmp_path: Path) -> None:
    """Browsers accept ``__Host-`` only for a whole host, so the name changes with a root path."""
    url = "https://example.com"
    whole = HostSettings.from_environment(tmp_path, url, {})
    below = HostSettings.from_environment(tmp_path, url, {}, root_path=ROOT)
    response = Response()
    set_cookie(response, "token", below)
    answer = response.headers["set-cookie"]

    assert cookie_name(whole) == "__Host-smaply_session"
    assert answer.startswith("__Secure-smaply_session=")
    assert f"Path={ROOT}" in answer
    assert "Secure" in answer


@pytest.mark.parametrize("text", ["cx", "//evil.example", "/a//b", "/a/../b", "/.", '/a"b', "/ä"])
def test_an_invalid_root_path_is_rejected(text: str) -> None:
    """A prefix that could leave the host, or would have to be escaped, is an error."""
    with pytest.raises(InputError, match="root path"):
        checked_root_path(text)


@pytest.mark.parametrize(("text", "root"), [("", ""), ("/", ""), ("/cx/", "/cx"), (ROOT, ROOT)])
def test_a_root_path_has_no_trailing_slash(text: str, root: str) -> None:
    """A trailing slash is removed; a slash alone is the root of the host."""
    assert checked_root_path(text) == root
