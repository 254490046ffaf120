"""Journey maps: who sees which, what is on them, and what stands where there is nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.map_factories import add_map, add_metric, measure, place
from smaply_metrics_core.host import Role
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


def test_an_account_without_maps_says_what_a_map_is(world: World) -> None:
    """An Editor is shown how to make one, a Viewer who can."""
    emil, vera = world.client(Role.EDITOR), world.client(Role.VIEWER)

    assert "Create journey map" in emil.get("/maps").text
    nothing = vera.get("/maps").text
    assert "An Editor can create one." in nothing
    assert "Create journey map" not in nothing


def test_an_editor_makes_a_map_and_goes_on_editing_it(world: World) -> None:
    """It begins with the usual stages and lanes, if that is wanted."""
    emil = world.client(Role.EDITOR)
    workspace = world.app_state.people.workspaces(ACCOUNT)[0].id
    new = {"workspace": workspace, "name": "Buying a bike"}

    usual = emil.submit("/maps", "/maps", {**new, "usual": "on"})
    bare = emil.submit("/maps", "/maps", new)

    assert usual.url.path.endswith("/edit")
    assert "Become aware" in usual.text
    assert "Become aware" not in bare.text
    assert emil.get("/maps").text.count("Buying a bike") >= 2


def test_a_viewer_makes_no_map(world: World) -> None:
    """Not by form either."""
    vera = world.client(Role.VIEWER)
    page = add_map(world).path

    answer = vera.submit(page, "/maps", {"name": "Mine", "workspace": "wor_1"})

    assert answer.status_code == 403
    assert "Editor" in answer.text


def test_maps_are_listed_by_workspace(world: World) -> None:
    """With several workspaces one can be chosen."""
    vera = world.client(Role.VIEWER)
    add_map(world, "Online")
    stores = world.app_state.people.add_workspace(ACCOUNT, "Stores")
    world.app_state.maps.add(ACCOUNT, stores.id, "On the high street")

    everything, chosen = vera.get("/maps").text, vera.get(f"/maps?workspace={stores.id}").text

    assert "Online" in everything
    assert "On the high street" in everything
    assert "On the high street" in chosen
    assert ">Online<" not in chosen


def test_a_map_shows_stages_lanes_texts_and_cards(world: World) -> None:
    """All of it without a script, the values at once from what is stored."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world, heading="Would recommend us"))
    world.app_state.maps.write(
        ACCOUNT, Cell(corner.map, corner.texts, corner.stage), "Looks around"
    )
    measure(world)

    page = world.client(Role.VIEWER).get(corner.path).text

    for said in ("Discover", "Customer does", "Looks around", "Would recommend us", "n = "):
        assert said in page
    assert "/edit" not in page
    assert "Refresh now" not in page


def test_loading_a_map_begins_what_is_due_and_waits_for_nothing(world: World) -> None:
    """The first visit says that the value is on its way."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world))

    page = world.client(Role.VIEWER).get(corner.path).text

    assert "Calculating…" in page


def test_several_cards_with_the_same_trouble_say_it_once_above(world: World) -> None:
    """One banner with the remedy, and how many cards it is on; each keeps its value."""
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


def test_an_editor_refreshes_a_map_at_once(world: World) -> None:
    """Although nothing is due; a Viewer cannot."""
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


def test_a_map_of_another_account_is_not_there(world: World) -> None:
    """Its page, its stream, its cards and its charts are all unknown."""
    theirs = add_map(world, account="globex")
    emil = world.client(Role.EDITOR)

    for path in ("", "/edit", "/events", "/cards", "/charts.json?theme=light&digests=x", "/delete"):
        assert emil.get(theirs.path + path).status_code == 404, path
    assert emil.get("/maps/none").status_code == 404
