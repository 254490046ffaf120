"""The first steps of an account, its time zone, and the health of its maps."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import add_map, add_metric, measure, place
from reference_host.tests.metric_factories import make
from smaply_metrics_core.host import AccountSettings, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

ZONE = "/settings/account/zone"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def steps(page: str) -> list[tuple[str, bool, str]]:
    """Return each first step: its title, whether it is done, and its link."""
    items = re.findall(r'<li class="first-step( done)?">(.*?)</li>', page, re.DOTALL)
    return [
        (
            re.findall(r"<strong>(.*?)</strong>", text)[0],
            bool(done),
            next(iter(re.findall(r'href="(.*?)"', text)), ""),
        )
        for done, text in items
    ]


def test_each_role_reads_its_own_first_steps(world: World) -> None:
    """A link leads to each step that the person can take now; others read who can."""
    links = {
        role: [link for _, _, link in steps(world.client(role).get("/maps").text)] for role in Role
    }

    assert links[Role.ADMIN] == ["/settings/integrations", "", ""]
    assert links[Role.EDITOR] == ["/metrics/upload", "", ""]
    assert links[Role.VIEWER] == ["", "", ""]
    vera = world.client(Role.VIEWER).get("/maps").text
    assert "An Admin does this." in vera
    assert vera.count("An Editor does this.") == 2


def test_steps_that_are_done_are_ticked(world: World) -> None:
    """The list ends with the first card on a map."""
    ada = world.client(Role.ADMIN)
    world.connect()
    connected = steps(ada.get("/maps").text)
    metric = make(world)
    measured = steps(ada.get("/maps").text)
    corner = add_map(world)
    mapped = steps(ada.get("/maps").text)
    place(world, corner, metric)

    assert [done for _, done, _ in connected] == [True, False, False]
    assert connected[1][2] == "/metrics/new"
    assert [done for _, done, _ in measured] == [True, True, False]
    assert measured[2][2] == "#create"
    assert mapped[2][2] == f"{corner.path}/edit"
    assert steps(ada.get("/maps").text) == []


@pytest.mark.parametrize(("chosen", "stored"), [("UTC", "UTC"), ("Asia/Tokyo", "Asia/Tokyo")])
def test_a_time_zone_is_proposed_until_an_admin_chooses(
    world: World, chosen: str, stored: str
) -> None:
    """Nothing changes before the choice; keeping UTC is a choice too."""
    ada, emil = world.client(Role.ADMIN), world.client(Role.EDITOR)

    assert ZONE in ada.get("/maps").text
    assert ZONE not in emil.get("/maps").text
    assert world.run(world.app_state.metrics.accounts.show(world.actor())) == AccountSettings()
    after = ada.submit("/maps", ZONE, {"zone": chosen})

    assert ZONE not in after.text
    assert world.run(world.app_state.metrics.accounts.show(world.actor())).zone == stored
    assert emil.submit("/maps", ZONE, {"zone": "UTC"}).status_code == 403


def test_a_proposed_zone_is_validated_and_keeps_the_other_settings(world: World) -> None:
    """A zone that does not exist is refused."""
    ada = world.client(Role.ADMIN)
    kept = AccountSettings("UTC", 7, 90.0, 5)
    world.run(world.app_state.metrics.accounts.edit(world.actor(), kept))

    assert ada.submit("/maps", ZONE, {"zone": "Mars/Olympus"}).status_code == 422
    ada.submit("/maps", ZONE, {"zone": "Europe/Vienna"})

    account = world.run(world.app_state.metrics.accounts.show(world.actor()))
    assert account == AccountSettings("Europe/Vienna", 7, 90.0, 5)


def test_tiles_show_the_health_of_their_maps(world: World) -> None:
    """Targets met, cards out of date and failing cards, each from stored values."""
    corner = add_map(world)
    world.connect()
    metric = add_metric(world)
    vera = world.client(Role.VIEWER)

    def tile() -> str:
        found = re.search(r'<span class="tile-health">(.*?)</a>', vera.get("/maps").text, re.DOTALL)
        assert found is not None
        return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())

    assert "tile-health" not in vera.get("/maps").text
    for target in (-100, 100):
        shown = metric.model_copy(
            update={"display": metric.display.model_copy(update={"target": target})}
        )
        place(world, corner, shown)
    place(world, corner, metric)

    assert tile() == "3 out of date 3 cards"
    measure(world)
    assert tile() == "1 of 2 targets met Up to date 3 cards"
    world.clock.forward(timedelta(hours=1, minutes=1))
    vera = world.client(Role.VIEWER)
    assert tile() == "1 of 2 targets met 3 out of date 3 cards"
    world.sandbox.state.set_token(None)
    measure(world)
    assert tile() == "1 of 2 targets met 3 failing 3 cards"
    world.run(world.app_state.metrics.metrics.delete(world.actor(), metric.id))
    assert tile() == "3 failing 3 cards"
    assert world.app_state.card_placements.displays("other") == {}
    assert len(world.app_state.card_placements.displays(world.account)[corner.map]) == 3
