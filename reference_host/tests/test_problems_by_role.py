"""Each person reads a problem as their role may: on maps, in live updates, and in forms."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import Browser
from reference_host.tests.form_client import FormFiller
from reference_host.tests.map_factories import SmallMap, add_map, add_metric, measure, place
from reference_host.tests.metric_factories import make
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

AN_HOUR = timedelta(hours=1, minutes=1)
BROKEN = "The connection to Qualtrics is broken."
FOR_OTHERS = "An Admin can fix it."
FOR_ADMINS = "Enter the current API token"


@pytest.fixture
def corner(world: World) -> SmallMap:
    """A map with two cards whose last refresh failed, since the token was revoked."""
    corner = add_map(world)
    world.connect()
    for name in ("NPS", "NPS of all"):
        place(world, corner, add_metric(world, name))
    measure(world)
    world.sandbox.state.set_token(None)
    world.clock.forward(AN_HOUR)
    measure(world)
    return corner


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
def test_people_who_cannot_fix_a_connection_read_who_can(
    world: World, corner: SmallMap, role: Role
) -> None:
    """The cards and the shared notice have no instruction and no detail for an Admin."""
    page = world.client(role).get(corner.path).text

    assert page.count('class="banner bad"') == 1
    assert "(2 cards)" in page
    assert page.count(FOR_OTHERS) == 3
    assert f"{BROKEN} {FOR_OTHERS}" in page
    assert page.count(BROKEN) == 5, "also in the last attempts of both cards"
    for detail in ("API token", "Request ID", "Open Integrations", world.sandbox.host):
        assert detail not in page


def test_an_admin_reads_the_whole_problem(world: World, corner: SmallMap) -> None:
    """Also right after a Viewer has opened the same map, and the other way around."""
    vera, ada = world.client(Role.VIEWER), world.client(Role.ADMIN)
    vera.get(corner.path)

    page = ada.get(corner.path).text

    assert page.count(FOR_ADMINS) == 3
    assert page.count("Open Integrations") == 1
    assert "Request ID" in page
    assert BROKEN not in page
    assert FOR_ADMINS not in vera.get(corner.path).text


@pytest.mark.parametrize("role", list(Role))
def test_live_updates_match_the_role(world: World, corner: SmallMap, role: Role) -> None:
    """Polling and the versions in the stream match the page of the same role."""
    person = world.client(role)
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
