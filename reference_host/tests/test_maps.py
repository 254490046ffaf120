"""Journey maps: list, contents, roles, empty states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import add_map, add_metric, measure, place
from smaply_metrics_core.host import Role
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def test_an_empty_list_shows_what_to_do(world: World) -> None:
    """An Editor can create a map; a Viewer reads who can."""
    emil, vera = world.client(Role.EDITOR), world.client(Role.VIEWER)

    assert "Create journey map" in emil.get("/maps").text
    nothing = vera.get("/maps").text
    assert "An Editor can create one." in nothing
    assert "Create journey map" not in nothing


def test_an_editor_creates_a_map_and_edits_it(world: World) -> None:
    """The default stages and lanes are optional."""
    emil = world.client(Role.EDITOR)
    workspace = world.app_state.people.workspaces(world.account)[0].id
    new = {"workspace": workspace, "name": "Buying a bike"}

    usual = emil.submit("/maps", "/maps", {**new, "usual": "on"})
    bare = emil.submit("/maps", "/maps", new)

    assert usual.url.path.endswith("/edit")
    assert "Become aware" in usual.text
    assert "Become aware" not in bare.text
    assert emil.get("/maps").text.count("Buying a bike") >= 2


def test_a_viewer_cannot_create_a_map(world: World) -> None:
    """The form returns 403 for a Viewer."""
    vera = world.client(Role.VIEWER)
    page = add_map(world).path

    answer = vera.submit(page, "/maps", {"name": "Mine", "workspace": "wor_1"})

    assert answer.status_code == 403
    assert "Editor" in answer.text


def test_maps_are_listed_by_workspace(world: World) -> None:
    """The list can be filtered by workspace."""
    vera = world.client(Role.VIEWER)
    add_map(world, "Online")
    stores = world.app_state.people.add_workspace(world.account, "Stores")
    world.app_state.maps.add(world.account, stores.id, "On the high street")

    everything, chosen = vera.get("/maps").text, vera.get(f"/maps?workspace={stores.id}").text

    assert "Online" in everything
    assert "On the high street" in everything
    assert "On the high street" in chosen
    assert ">Online<" not in chosen


def test_a_map_shows_stages_lanes_texts_and_cards(world: World) -> None:
    """The page has all contents without scripts, with the stored values."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world, heading="Would recommend us"))
    world.app_state.maps.write(
        world.account, Cell(corner.map, corner.texts, corner.stage), "Looks around"
    )
    measure(world)

    page = world.client(Role.VIEWER).get(corner.path).text

    for said in ("Discover", "Customer does", "Looks around", "Would recommend us", "n = "):
        assert said in page
    assert "/edit" not in page
    assert "Refresh now" not in page


def test_loading_a_map_refreshes_in_the_background(world: World) -> None:
    """The first visit shows that the value is being refreshed."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world))

    page = world.client(Role.VIEWER).get(corner.path).text

    assert "Calculating…" in page


def test_cards_with_the_same_problem_share_a_banner(world: World) -> None:
    """One banner has the remedy and the number of cards; each card keeps its value."""
    corner = add_map(world)
    world.connect()
    for name in ("NPS", "NPS again"):
        place(world, corner, add_metric(world, name))
    measure(world)
    admin = world.actor(Role.ADMIN)
    world.run(world.app_state.metrics.connections.delete(admin, "qualtrics"))

    page = world.client(Role.VIEWER).get(corner.path).text

    assert page.count('class="banner warn"') == 1
    assert "(2 cards)" in page
    assert "An Admin can fix it." in page
    assert page.count("n = ") == 2


def test_an_editor_refreshes_a_map(world: World) -> None:
    """An Editor can refresh metrics that are not due; a Viewer cannot."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world))
    measure(world)
    world.sandbox.state.add_fault("export_progress", kind="stuck", times=0)
    emil, vera = world.client(Role.EDITOR), world.client(Role.VIEWER)

    refused = vera.submit(corner.path, f"{corner.path}/refresh", {})
    shown = emil.submit(corner.path, f"{corner.path}/refresh", {})

    assert refused.status_code == 403
    assert "refreshing" in shown.text


def test_a_map_of_another_account_is_not_found(world: World) -> None:
    """Its page, stream, cards and charts return 404."""
    theirs = add_map(world, account="globex")
    emil = world.client(Role.EDITOR)

    for path in ("", "/edit", "/events", "/cards", "/charts.json?theme=light&digests=x", "/delete"):
        assert emil.get(theirs.path + path).status_code == 404, path
    assert emil.get("/maps/none").status_code == 404
