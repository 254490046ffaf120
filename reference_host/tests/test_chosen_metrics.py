"""Actions on several metrics: refresh, delete, place; and the small lines of past values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import add_map, measure
from reference_host.tests.metric_factories import make, saved
from smaply_metrics_core.host import Role
from smaply_metrics_host.rendering.sparkline import sparkline

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

CHOSEN = "/metrics/chosen"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def test_several_metrics_are_refreshed_deleted_and_placed(world: World) -> None:
    """Each action applies to the selected metrics only, and deleting is confirmed first."""
    corner = add_map(world)
    world.connect()
    first, second, other = (make(world, name) for name in ("First", "Second", "Other"))
    measure(world)
    emil = world.client(Role.EDITOR)
    chosen = {"metric": [first.id, second.id]}

    refreshed = emil.submit("/metrics", f"{CHOSEN}/refresh", chosen)
    assert "Refreshing 2 cards." in refreshed.text

    asked = emil.submit("/metrics", f"{CHOSEN}/place", chosen)
    place = f"{corner.map} {corner.metrics} {corner.stage}"
    assert f'<option value="{place}">Discover, Experience</option>' in asked.text
    placed = emil.submit("/metrics", f"{CHOSEN}/place", {**chosen, "place": place})
    assert placed.url.path == f"{corner.path}/edit"
    on_map = world.app_state.maps.show(world.account, corner.map).cards
    assert [card.metric for card in on_map] == [first.id, second.id]

    confirm = emil.submit("/metrics", f"{CHOSEN}/delete", chosen)
    assert "Delete 2 metrics?" in confirm.text
    assert "First" in confirm.text
    assert len(saved(world)) == 3
    gone = emil.submit("/metrics", f"{CHOSEN}/delete", {**chosen, "confirmed": "1"})
    assert "2 metrics deleted" in gone.text
    assert "2 cards were removed." in gone.text
    assert [metric.id for metric in saved(world)] == [other.id]
    assert world.app_state.maps.show(world.account, corner.map).cards == ()


@pytest.mark.parametrize("action", ["refresh", "place", "delete"])
def test_unknown_and_missing_selections_are_refused(world: World, action: str) -> None:
    """No selection is 422, a metric of another account 404, and a Viewer gets 403."""
    world.connect()
    metric = make(world)
    sent = {"metric": metric.id, "confirmed": "1", "place": "no such cell"}
    emil, vera = world.client(Role.EDITOR), world.client(Role.VIEWER)
    eve = world.client(Role.EDITOR, account="other")

    none = emil.submit("/metrics", f"{CHOSEN}/{action}", {})
    assert (none.status_code, "No metric is selected." in none.text) == (422, True)
    assert vera.submit("/metrics", f"{CHOSEN}/{action}", sent).status_code == 403
    assert eve.submit("/metrics", f"{CHOSEN}/{action}", sent).status_code == 404
    assert [one.id for one in saved(world)] == [metric.id]


def test_a_cell_that_does_not_exist_is_refused(world: World) -> None:
    """Nothing is placed."""
    world.connect()
    sent = {"metric": make(world).id, "place": "map_1 lan_1 sta_1"}

    assert world.client(Role.EDITOR).submit("/metrics", f"{CHOSEN}/place", sent).status_code == 404


@pytest.mark.parametrize(
    ("values", "lines"),
    [
        ([1, 3], ("3,21 93,3",)),
        ([2, 2, 2], ("3,12 48,12 93,12",)),
        ([1, None, 3, 5], ("3,21", "63,12 93,3")),
        ([-5, 0], ("3,21 93,3",)),
    ],
)
def test_a_sparkline_spans_its_values(values: list[float | None], lines: tuple[str, ...]) -> None:
    """The lowest value is at the bottom, and a missing value interrupts the line."""
    found = sparkline(values, "")

    assert found is not None
    assert found.lines == lines


@pytest.mark.parametrize("values", [[], [1.0], [None, 1.0, None]])
def test_fewer_than_two_values_have_no_sparkline(values: list[float | None]) -> None:
    """One value is not a trend."""
    assert sparkline(values, "") is None
