"""A card by itself: definition, past values, what is excluded, and who changed it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import SmallMap, add_map, add_metric, measure, place
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


@pytest.fixture
def corner(world: World) -> SmallMap:
    """An empty map of a connected account."""
    corner = add_map(world)
    world.connect()
    return corner


def test_a_card_leads_to_its_page(world: World, corner: SmallMap) -> None:
    """The heading of the card is a link; the page has no control for Viewers."""
    metric = add_metric(world, "NPS", heading="Would recommend us")
    card = place(world, corner, metric)
    measure(world)
    world.clock.forward(timedelta(hours=1, minutes=1))
    measure(world)
    vera = world.client(Role.VIEWER)
    path = f"{corner.path}/cards/{card}"

    assert f'<a href="{path}">Would recommend us</a>' in vera.get(corner.path).text
    calls = len(world.sandbox.state.calls())
    page = vera.get(path).text

    assert len(world.sandbox.state.calls()) == calls, "a Viewer causes no request"
    for said in ("How likely are you to recommend", "NPS", "All time", "Responses: "):
        assert said in page
    assert len(re.findall(r'<tr><th scope="row">\d', page)) == 2
    assert "2 values since" in page
    assert "/edit" not in page
    assert "Compared with" not in page
    assert "by <bdi>Emil</bdi>" not in page


def test_only_admins_read_who_changed_it(world: World, corner: SmallMap) -> None:
    """An Admin reads the changes from the audit trail, the newest first."""
    metric = add_metric(world)
    card = place(world, corner, metric)
    world.clock.forward(timedelta(minutes=5))
    world.run(world.app_state.metrics.metrics.edit(world.actor(), metric.id, name="NPS of all"))
    path = f"{corner.path}/cards/{card}"

    for_admin = world.client(Role.ADMIN).get(path).text
    for_editor = world.client(Role.EDITOR).get(path).text

    assert re.findall(r"<li>(\w+) by <bdi>(\w+)</bdi>", for_admin) == [
        ("Changed", "Ada"),
        ("Created", "Emil"),
    ]
    assert "No value yet" in for_editor
    assert "by <bdi>" not in for_editor
    assert "/edit" in for_editor


def test_the_page_of_a_card_that_is_gone_says_so(world: World, corner: SmallMap) -> None:
    """Deleted metrics, unknown cards and cards of other accounts return 404."""
    metric = add_metric(world)
    card = place(world, corner, metric)
    path = f"{corner.path}/cards/{card}"
    world.run(world.app_state.metrics.metrics.delete(world.actor(), metric.id))
    vera = world.client(Role.VIEWER)

    gone = vera.get(path)
    assert (gone.status_code, "The metric of this card was deleted." in gone.text) == (404, True)
    assert f'href="{path}"' not in vera.get(corner.path).text
    assert vera.get(f"{corner.path}/cards/none").status_code == 404
    assert world.client(Role.VIEWER, account="other").get(path).status_code == 404
