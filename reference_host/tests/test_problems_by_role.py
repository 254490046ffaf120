"""Each person reads a problem as their role may: on maps, in live updates, and in forms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import pytest

from reference_host.tests.app_fixture import TOKEN, Browser
from reference_host.tests.form_client import FormFiller
from reference_host.tests.map_factories import SmallMap, add_map, add_metric, measure, place
from reference_host.tests.metric_factories import make
from smaply_metrics_core.host import AccountSettings, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

AN_HOUR = timedelta(hours=1, minutes=1)
BROKEN = "The connection to Qualtrics is broken."
FOR_OTHERS = "An Admin can fix it."
FOR_ADMINS = "Enter the current API token"


@pytest.fixture(scope="module")
def corner(shared: World) -> SmallMap:
    """A map with two cards whose last refresh failed, in an app that no test changes."""
    return broken_map(shared)


def broken_map(world: World) -> SmallMap:
    """Return a map with two cards whose last refresh failed, since the token was revoked."""
    corner = add_map(world)
    world.connect()
    for name in ("NPS", "NPS of all"):
        place(world, corner, add_metric(world, name))
    measure(world)
    world.sandbox.state.set_token(None)
    world.clock.forward(AN_HOUR)
    measure(world)
    return corner


def revoke(world: World) -> None:
    """Revoke the token."""
    world.sandbox.state.set_token(None)


def fail(world: World) -> None:
    """Let the survey tool fail."""
    for point in ("whoami", "surveys", "definition", "export_start"):
        world.sandbox.state.add_fault(point, kind="status", status=503, times=0)


def disconnect(world: World) -> None:
    """Delete the connection."""
    world.run(world.app_state.metrics.connections.delete(world.actor(), "qualtrics"))


@dataclass(frozen=True)
class Place:
    """A place where people read about a problem.

    Attributes:
        read: Returns what a person reads there.
        role: The lowest role that can read it.
    """

    name: str
    read: Callable[[Browser, SmallMap, str], str]
    role: Role = Role.VIEWER


def at(path: str, role: Role = Role.VIEWER) -> Place:
    """Return the place at an address, with the map and the metric in braces."""
    return Place(path, lambda person, on, of: person.get(filled(path, on, of)).text, role)


def filled(path: str, on: SmallMap, metric: str) -> str:
    """Return an address of a map, its only card and its metric."""
    return path.format(map=on.path, metric=metric)


def streamed(person: Browser, on: SmallMap, _metric: str) -> str:
    """Return the first event of a map's stream."""
    with person.stream("GET", f"{on.path}/events") as answer:
        return next(line for line in answer.iter_lines() if line.startswith("data: "))


def refreshed_map(person: Browser, on: SmallMap, _metric: str) -> str:
    """Return a map after “Refresh now”."""
    return person.submit(on.path, f"{on.path}/refresh", {}).text


def refreshed_metric(person: Browser, _on: SmallMap, metric: str) -> str:
    """Return the list of metrics after “Refresh now” of one."""
    return person.finish("/metrics", f"/metrics/{metric}/refresh", {}).text


def refreshed_by_api(person: Browser, on: SmallMap, metric: str) -> str:
    """Return the cards of a refresh by the API."""
    token = person.get("/api/session").json()["csrf_token"]
    body = {"metrics": [metric], "wait": 20}
    return person.post("/api/cards/refresh", json=body, headers={"x-csrf-token": token}).text


def previewed(person: Browser, _on: SmallMap, metric: str) -> str:
    """Return the metric form after a preview."""
    form = FormFiller(person, f"/metrics/{metric}/edit")
    form.press("/metrics/preview", reload_data="1")
    return form.page


def card_page(person: Browser, on: SmallMap, _metric: str) -> str:
    """Return the page of a card of a map."""
    links = re.findall(rf'href="({on.path}/cards/\w+)"', person.get(on.path).text)
    return person.get(links[0]).text


PLACES: Final = (
    at("{map}"),
    Place("page of a card", card_page),
    at("{map}/cards"),
    Place("stream", streamed),
    at("/maps"),
    at("/metrics"),
    at("/metrics?refreshed={metric}"),
    at("/api/cards"),
    at("/api/cards?refresh=false&draw=light"),
    at("/api/metrics/{metric}"),
    at("/api/connections", Role.EDITOR),
    at("/api/connections/qualtrics/surveys", Role.EDITOR),
    at("{map}/edit", Role.EDITOR),
    at("/settings/integrations", Role.EDITOR),
    at("/metrics/{metric}/edit", Role.EDITOR),
    at("/metrics/new?source=qualtrics", Role.EDITOR),
    Place("preview", previewed, Role.EDITOR),
    Place("refresh of a map", refreshed_map, Role.EDITOR),
    Place("refresh of a metric", refreshed_metric, Role.EDITOR),
    Place("refresh by the API", refreshed_by_api, Role.EDITOR),
)
"""Where Viewers and Editors read about problems of cards and connections."""

INSTRUCTIONS: Final = ("API token", "Edit Configuration", "Open Integrations", "Connect the source")
"""What only Admins can follow."""


@pytest.mark.parametrize("fault", [revoke, fail, disconnect])
def test_no_place_has_a_host_or_an_instruction_for_admins(
    world: World, fault: Callable[[World], None]
) -> None:
    """Neither Viewers nor Editors read a host, a port, a request ID or what only Admins can do."""
    on = add_map(world)
    world.connect()
    metric = add_metric(world)
    place(world, on, metric)
    measure(world)
    fault(world)
    world.clock.forward(AN_HOUR)
    measure(world)
    port = world.sandbox.host.rpartition(":")[2]
    hidden = (world.sandbox.host, f":{port}", TOKEN, "Request ID", *INSTRUCTIONS)

    for role in (Role.VIEWER, Role.EDITOR):
        person = world.client(role)
        for part in (one for one in PLACES if one.role <= role):
            text = part.read(person, on, metric.id).replace(world.url, "")
            assert "Nothing exists at this address." not in text, part.name
            found = [one for one in hidden if one in text]
            if role is Role.VIEWER and "/settings" in text:
                found.append("/settings")
            assert (role, part.name, found) == (role, part.name, [])


def test_a_problem_states_the_age_of_the_numbers(world: World) -> None:
    """The time is that of the account, with the date if it is not the same day."""
    corner = broken_map(world)
    world.run(
        world.app_state.metrics.accounts.edit(world.actor(), AccountSettings("Asia/Tokyo", 1))
    )
    measure(world)
    world.sandbox.state.set_token(TOKEN)
    world.run(world.app_state.metrics.connections.check(world.actor(), "qualtrics"))
    measure(world)
    world.sandbox.state.set_token(None)
    (card, _) = world.run(world.app_state.metrics.cards.load(world.actor(), refresh=False))
    assert card.as_of is not None
    read_at = card.as_of.astimezone(ZoneInfo("Asia/Tokyo"))

    world.clock.forward(timedelta(days=1))
    measure(world)
    page = world.client(Role.VIEWER).get(corner.path).text

    at = f"{read_at.day} {read_at:%b} {read_at.year} {read_at:%H:%M}"
    assert page.count(f"{FOR_OTHERS} Numbers are from {at}.") == 3


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_people_who_cannot_fix_a_connection_read_who_can(
    shared: World, corner: SmallMap, role: Role
) -> None:
    """The cards and the shared notice have no instruction and no detail for an Admin."""
    page = shared.client(role).get(corner.path).text

    assert page.count('class="banner bad"') == 1
    assert "(2 cards)" in page
    assert page.count(FOR_OTHERS) == 3
    assert f"{BROKEN} {FOR_OTHERS}" in page
    assert page.count(BROKEN) == 5, "also in the last attempts of both cards"
    for detail in ("API token", "Request ID", "Open Integrations", shared.sandbox.host):
        assert detail not in page


def test_an_admin_reads_the_whole_problem(shared: World, corner: SmallMap) -> None:
    """Also right after a Viewer has opened the same map, and the other way around."""
    vera, ada = shared.client(Role.VIEWER), shared.client(Role.ADMIN)
    vera.get(corner.path)

    page = ada.get(corner.path).text

    assert page.count(FOR_ADMINS) == 3
    assert page.count("Open Integrations") == 1
    assert "Request ID" in page
    assert BROKEN not in page
    assert FOR_ADMINS not in vera.get(corner.path).text


@pytest.mark.parametrize("role", list(Role))
def test_live_updates_match_the_role(shared: World, corner: SmallMap, role: Role) -> None:
    """Polling and the versions in the stream match the page of the same role."""
    person = shared.client(role)
    page = person.get(corner.path).text

    polled = person.get(f"{corner.path}/cards").json()["parts"]
    versions = streamed_versions(person, corner)

    for part in polled:
        assert (FOR_ADMINS in part["html"]) is (role is Role.ADMIN)
        assert (BROKEN in part["html"]) is (role is not Role.ADMIN)
        assert versions[part["id"]] == part["version"]
        assert f'data-part="{part["id"]}" data-version="{part["version"]}"' in page


def streamed_versions(person: Browser, corner: SmallMap) -> dict[str, str]:
    """Return the versions in the first event of a map's stream."""
    with person.stream("GET", f"{corner.path}/events") as answer:
        data = next(line for line in answer.iter_lines() if line.startswith("data: "))
    versions: dict[str, str] = json.loads(data.removeprefix("data: "))["versions"]
    return versions


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        (Role.EDITOR, f"<p>{FOR_OTHERS}</p>", "API token"),
        (Role.ADMIN, FOR_ADMINS, FOR_OTHERS),
    ],
)
def test_the_metric_form_has_the_text_for_the_role(
    world: World, role: Role, shown: str, hidden: str
) -> None:
    """While the token is revoked, an Editor is sent to an Admin, who reads what to do."""
    world.connect()
    metric = make(world)
    world.sandbox.state.set_token(None)

    form = FormFiller(world.client(role), f"/metrics/{metric.id}/edit")
    assert shown in form.page
    assert hidden not in form.page

    form.press("/metrics/preview", reload_data="1")
    assert "No preview" in form.page
    assert hidden not in form.page
