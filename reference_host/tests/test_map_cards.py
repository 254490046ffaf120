"""Cards on a map: placing, changing the display, removing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import add_map, add_metric, place
from smaply_metrics_core.host import ChartType, Display, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World
    from smaply_metrics_host.store.map_models import PlacedCard


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def cards(world: World, map_id: str) -> tuple[PlacedCard, ...]:
    """Return the cards on a map."""
    return world.app_state.maps.show(world.account, map_id).cards


def test_new_display_defaults_are_for_new_cards(world: World) -> None:
    """Existing cards keep their display."""
    corner = add_map(world)
    world.connect()
    metric, emil = add_metric(world, heading="Then"), world.client(Role.EDITOR)
    chosen = {"lane": corner.metrics, "stage": corner.stage, "metric": metric.id}
    where = f"{corner.path}/cards/new?lane={corner.metrics}&stage={corner.stage}"

    assert "NPS of “How likely" in emil.get(where).text
    emil.submit(where, f"{corner.path}/cards", chosen)
    edit = world.app_state.metrics.metrics.edit
    world.run(edit(world.actor(), metric.id, display=Display(heading="Now")))
    emil.submit(where, f"{corner.path}/cards", chosen)

    assert [card.display.heading for card in cards(world, corner.map)] == ["Then", "Now"]


def test_several_metrics_are_placed_together(world: World) -> None:
    """The cards have the order of the list; an empty selection is refused."""
    corner = add_map(world)
    world.connect()
    metrics = [add_metric(world, name) for name in ("One", "Two")]
    emil = world.client(Role.EDITOR)
    where = f"{corner.path}/cards/new?lane={corner.metrics}&stage={corner.stage}"
    cell = {"lane": corner.metrics, "stage": corner.stage}

    emil.submit(where, f"{corner.path}/cards", {**cell, "metric": [one.id for one in metrics]})
    nothing = emil.submit(where, f"{corner.path}/cards", cell)

    assert [card.metric for card in cards(world, corner.map)] == [one.id for one in metrics]
    assert nothing.status_code == 422
    assert "No metric selected." in nothing.text


def test_the_display_of_a_card_is_changed(world: World) -> None:
    """The display defaults of the metric do not change."""
    corner = add_map(world)
    world.connect()
    metric = add_metric(world, heading="Default")
    card, emil = place(world, corner, metric), world.client(Role.EDITOR)
    form = f"{corner.path}/cards/{card}/display"

    assert 'value="Default"' in emil.get(form).text
    emil.submit(form, form, {"chart": "gauge", "heading": "Mine", "target": "50", "suffix": " p"})

    shown = cards(world, corner.map)[0].display
    assert shown == Display(chart=ChartType.GAUGE, heading="Mine", target=50, suffix=" p")
    kept = world.run(world.app_state.metrics.metrics.show(world.actor(), metric.id))
    assert kept.display == Display(heading="Default")


def test_an_invalid_display_is_refused(world: World) -> None:
    """The form keeps the input and shows the error at its field."""
    corner = add_map(world)
    world.connect()
    card, emil = place(world, corner, add_metric(world)), world.client(Role.EDITOR)
    form = f"{corner.path}/cards/{card}/display"

    answer = emil.submit(form, form, {"heading": "Kept", "target": "many"})

    assert answer.status_code == 422
    assert "Enter a number, such as 4.5." in answer.text
    assert 'value="Kept"' in answer.text
    assert cards(world, corner.map)[0].display == Display()


def test_removing_a_card_keeps_its_metric(world: World) -> None:
    """The metric and its other cards are not removed."""
    corner = add_map(world)
    world.connect()
    metric = add_metric(world)
    card, other = place(world, corner, metric), place(world, corner, metric)

    emil = world.client(Role.EDITOR)
    emil.submit(f"{corner.path}/edit", f"{corner.path}/cards/{card}/remove", {})

    assert [one.id for one in cards(world, corner.map)] == [other]
    assert world.run(world.app_state.metrics.metrics.show(world.actor(), metric.id)) == metric


def test_the_card_of_a_deleted_metric_is_marked(world: World) -> None:
    """Other cards are not affected, and an Editor can remove the card."""
    corner = add_map(world)
    world.connect()
    gone, kept = add_metric(world, "Old"), add_metric(world, "Kept")
    card, _ = place(world, corner, gone), place(world, corner, kept)
    world.run(world.app_state.metrics.metrics.delete(world.actor(), gone.id))
    emil = world.client(Role.EDITOR)

    page, edit = emil.get(corner.path).text, emil.get(f"{corner.path}/edit").text

    assert "was deleted" in page
    assert "Kept" in page
    assert f"/cards/{card}/display" not in edit
    assert emil.get(f"{corner.path}/cards/{card}/display").status_code == 404
    assert emil.submit(f"{corner.path}/edit", f"{corner.path}/cards/{card}/remove", {}).is_success


def test_cards_are_for_data_lanes(world: World) -> None:
    """A text lane and an unknown cell are refused."""
    corner = add_map(world)
    world.connect()
    metric, emil = add_metric(world), world.client(Role.EDITOR)
    texts = {"lane": corner.texts, "stage": corner.stage, "metric": metric.id}

    assert emil.get(f"{corner.path}/cards/new?lane={corner.texts}&stage=x").status_code == 404
    refused = emil.submit(f"{corner.path}/edit", f"{corner.path}/cards", texts)
    assert refused.status_code == 422
    assert "This lane contains texts." in refused.text


def test_a_viewer_cannot_change_cards(world: World) -> None:
    """A Viewer cannot place, restyle or remove cards."""
    corner = add_map(world)
    world.connect()
    card, vera = place(world, corner, add_metric(world)), world.client(Role.VIEWER)

    where = f"{corner.path}/cards"
    assert vera.get(f"{where}/new").status_code == 403
    for path in (where, f"{where}/{card}/display", f"{where}/{card}/remove"):
        assert vera.submit(corner.path, path, {"heading": "Mine"}).status_code == 403, path
    assert len(cards(world, corner.map)) == 1
