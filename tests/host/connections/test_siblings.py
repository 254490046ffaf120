"""Several connections of one source in an account: their names, and which metrics are theirs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import (
    AlreadyExists,
    AmbiguousConnection,
    InputError,
    NotFound,
    RoleRequired,
)
from smaply_metrics_core.host import Actor, AuditAction, Freshness, Role, card_json
from smaply_metrics_core.host.metrics import service
from smaply_metrics_core.host.metrics.metric_values import changed_metric
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    TOKEN,
    VIEWER,
    load,
    sqlite_only,
    value_of,
)
from tests.host.fake_source import Hold, stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import ConnectionView, MetricsHost
    from smaply_metrics_core.models.metric import Metric
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="names and choices, on either store")

EU_TOKEN = "right-token-of-the-eu"
RIVAL = Actor("rival", "rita", Role.ADMIN)


@pytest.fixture(autouse=True)
def _two_tokens(world: World) -> None:
    """The token of the EU sees other answers to the same survey."""
    world.shop.tokens.add(EU_TOKEN)
    world.shop.answers_of[EU_TOKEN] = {"S1": stars("1", "2"), "S2": stars("5")}


@pytest.fixture
def eu(world: World, connected: MetricsHost) -> ConnectionView:
    """A second connection to the shop."""
    world.clock.forward(1)
    return connected.connections.connect(ADMIN, "shop", {"api_token": EU_TOKEN}, name=" EU ")


def shown(host: MetricsHost) -> dict[str, float | None]:
    """Return the values of all cards by their names, after a refresh of those that are due."""
    return {card.name: value_of(card) for card in load(host)}


def test_connections_have_names(connected: MetricsHost, eu: ConnectionView) -> None:
    """The first one has the title of the source, the second one its own."""
    first, second = connected.connections.list(ADMIN)
    assert (first.name, first.label) == ("The Shop", "The Shop")
    assert (second.name, second.label) == ("EU", "EU (The Shop)")
    assert second.id == eu.id


def test_a_second_connection_requires_a_name(world: World, connected: MetricsHost) -> None:
    """Without one, nothing is requested, and the message names the existing connection."""
    requests = world.shop.attempts
    with pytest.raises(AlreadyExists) as refused:
        connected.connections.connect(ADMIN, "shop", {"api_token": EU_TOKEN}, name="  ")
    assert "already connected to The Shop: “The Shop”." in refused.value.message
    assert "enter a name" in refused.value.remedy
    assert world.shop.attempts == requests


@pytest.mark.parametrize("name", ["EU", "eu", "  eU ", "the shop"])
def test_names_are_unique_in_an_account(
    connected: MetricsHost, eu: ConnectionView, name: str
) -> None:
    """Names that differ only in case are the same; another account may use the name."""
    with pytest.raises(AlreadyExists, match="already has a connection named"):
        connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name=name)
    third = connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name="US")
    with pytest.raises(AlreadyExists, match="already has a connection named"):
        connected.connections.rename(ADMIN, third.id, name)
    connected.connections.connect(RIVAL, "shop", {"api_token": TOKEN}, name=eu.name)


def test_a_connection_of_an_earlier_release_has_the_title_of_its_source(
    world: World, connected: MetricsHost
) -> None:
    """Rows without a name are shown with the title, which others cannot use then."""
    world.query("UPDATE connections SET name = '' WHERE account = 'acme'")
    assert connected.connections.show(ADMIN, "the shop").name == "The Shop"
    with pytest.raises(AlreadyExists):
        connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name="The shop")
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (card,) = load(connected)
    assert card.connection == "The Shop"


def test_a_connection_is_renamed(world: World, connected: MetricsHost, eu: ConnectionView) -> None:
    """Its credentials are not checked, its metrics stay, and the trail has the new name."""
    metric = connected.metrics.add(EDITOR, "EU", "Stars", AVERAGE)
    requests = world.shop.attempts
    assert connected.connections.rename(ADMIN, "EU", " Europe ").name == "Europe"
    assert connected.connections.rename(ADMIN, eu.id, "europe").name == "europe"
    assert world.shop.attempts == requests
    assert connected.metrics.show(VIEWER, metric.id).connection_id == eu.id
    entry = connected.audit.list(ADMIN)[0]
    assert (entry.action, entry.subject) == (AuditAction.RENAME_CONNECTION, eu.id)
    assert entry.detail == "europe (shop)"
    for name, error in {"": AlreadyExists, "a\nb": InputError, "x" * 201: InputError}.items():
        with pytest.raises(error):
            connected.connections.rename(ADMIN, eu.id, name)
    with pytest.raises(RoleRequired):
        connected.connections.rename(EDITOR, eu.id, "Mine")


def test_a_connection_is_found_by_its_name_and_by_an_unambiguous_source(
    connected: MetricsHost, eu: ConnectionView
) -> None:
    """Where several match, the error lists them; the id of a source has priority over case."""
    connections = connected.connections
    first, _ = connections.list(ADMIN)
    assert connections.show(ADMIN, "EU").id == connections.show(ADMIN, " eu").id == eu.id
    assert connections.show(ADMIN, "The Shop").id == first.id
    with pytest.raises(AmbiguousConnection) as refused:
        connections.show(ADMIN, "shop")
    assert f"“The Shop” ({first.id}), “EU” ({eu.id})" in refused.value.message
    assert "name or ID" in refused.value.remedy
    connections.rename(ADMIN, first.id, "Shop")
    with pytest.raises(AmbiguousConnection):
        connections.show(ADMIN, "shop")
    connections.delete(ADMIN, first.id)
    assert connections.show(ADMIN, "shop").id == eu.id
    with pytest.raises(NotFound):
        connections.show(ADMIN, "Shop 2")


def test_each_metric_has_the_values_of_its_connection(
    world: World, connected: MetricsHost, eu: ConnectionView
) -> None:
    """The same survey of two connections is exported once for each, and cards name theirs."""
    first, _ = connected.connections.list(ADMIN)
    connected.metrics.add(EDITOR, first.id, "World", AVERAGE)
    connected.metrics.add(EDITOR, "EU", "Europe", AVERAGE)
    connected.metrics.add(EDITOR, "EU", "More of Europe", AVERAGE)
    assert shown(connected) == {"World": 4.0, "Europe": 1.5, "More of Europe": 1.5}
    assert sorted(len(queries) for _, queries in world.shop.fetches) == [1, 2]
    cards = {card.name: card for card in connected.cards.load(VIEWER)}
    assert (cards["World"].connection_id, cards["World"].connection) == (first.id, "The Shop")
    assert (cards["Europe"].connection_id, cards["Europe"].connection) == (eu.id, "EU")
    assert card_json(cards["Europe"])["connection"] == "EU"
    assert connected.metrics.preview(EDITOR, "EU", AVERAGE).current.value == 1.5
    assert connected.metrics.preview(EDITOR, first.id, AVERAGE).current.value == 4.0


def test_a_rejection_affects_one_connection(
    world: World, connected: MetricsHost, eu: ConnectionView
) -> None:
    """The metrics of the other one are still refreshed."""
    first, _ = connected.connections.list(ADMIN)
    connected.metrics.add(EDITOR, first.id, "World", AVERAGE)
    connected.metrics.add(EDITOR, eu.id, "Europe", AVERAGE)
    world.shop.tokens.discard(EU_TOKEN)
    freshness = {card.name: card.freshness for card in load(connected)}
    assert freshness == {"World": Freshness.FRESH, "Europe": Freshness.FAILED}
    assert connected.connections.show(VIEWER, first.id).problem is None
    assert connected.connections.show(VIEWER, eu.id).problem is not None


def test_a_new_connection_adopts_only_metrics_without_one(
    world: World, connected: MetricsHost, eu: ConnectionView
) -> None:
    """Metrics of a deleted connection keep their values until a connection of it adopts them."""
    first, _ = connected.connections.list(ADMIN)
    world_metric = connected.metrics.add(EDITOR, first.id, "World", AVERAGE)
    eu_metric = connected.metrics.add(EDITOR, eu.id, "Europe", AVERAGE)
    load(connected)
    deleted = connected.connections.delete(ADMIN, eu.id)
    assert (deleted.name, deleted.metrics) == ("EU", ("Europe",))
    cards = {card.name: card for card in load(connected)}
    assert cards["World"].freshness is Freshness.FRESH
    assert (cards["Europe"].freshness, cards["Europe"].connection) == (Freshness.NOT_CONNECTED, "")
    assert value_of(cards["Europe"]) == 1.5
    assert cards["Europe"].problem is not None
    assert "not connected" in cards["Europe"].problem.message

    again = connected.connections.connect(ADMIN, "shop", {"api_token": EU_TOKEN}, name="EU")
    assert connected.metrics.show(VIEWER, eu_metric.id).connection_id == again.id
    assert connected.metrics.show(VIEWER, world_metric.id).connection_id == first.id
    (card,) = connected.cards.load(VIEWER, [eu_metric.id], refresh=False)
    assert value_of(card) == 1.5
    assert len(connected.metrics.history(VIEWER, eu_metric.id)) == 1


def test_a_new_connection_names_adopted_metrics_that_it_cannot_see(
    world: World, connected: MetricsHost, eu: ConnectionView
) -> None:
    """The check is about the metrics without a connection, not about those of others."""
    first, _ = connected.connections.list(ADMIN)
    connected.metrics.add(EDITOR, first.id, "World", OTHER)
    connected.metrics.add(EDITOR, eu.id, "Europe", OTHER)
    connected.connections.delete(ADMIN, eu.id)
    del world.shop.answers["S2"]
    third = connected.connections.connect(ADMIN, "shop", {"api_token": EU_TOKEN}, name="US")
    assert third.unseen == ("Europe",)


def test_a_moved_metric_never_shows_values_of_the_connection_before(
    world: World, connected: MetricsHost, eu: ConnectionView
) -> None:
    """Its value, history and attempt belong to the other connection; back again starts anew."""
    first, _ = connected.connections.list(ADMIN)
    metric = connected.metrics.add(EDITOR, first.id, "Stars", AVERAGE)
    assert shown(connected) == {"Stars": 4.0}
    moved = connected.metrics.edit(EDITOR, metric.id, connection_id="EU", version=1)
    assert (moved.connection_id, moved.version) == (eu.id, 2)
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert (card.result, card.freshness) == (None, Freshness.NEVER)
    assert connected.metrics.history(VIEWER, metric.id) == ()
    assert shown(connected) == {"Stars": 1.5}
    assert [one.value for one in connected.metrics.history(VIEWER, metric.id)] == [1.5]
    connected.metrics.edit(EDITOR, metric.id, name="Renamed")
    assert shown(connected) == {"Renamed": 1.5}
    connected.metrics.edit(EDITOR, metric.id, connection_id=first.id)
    assert connected.cards.load(VIEWER, refresh=False)[0].result is None
    world.clock.forward(1)
    assert shown(connected) == {"Renamed": 4.0}


def test_a_metric_without_a_connection_is_moved_to_another_one(
    connected: MetricsHost, eu: ConnectionView
) -> None:
    """An Editor edits it; the values of the deleted connection are not shown any more."""
    metric = connected.metrics.add(EDITOR, eu.id, "Stars", AVERAGE)
    load(connected)
    connected.connections.delete(ADMIN, eu.id)
    with pytest.raises(NotFound):
        connected.metrics.edit(EDITOR, metric.id, definition=OTHER)
    connected.metrics.edit(EDITOR, metric.id, connection_id="shop")
    assert connected.cards.load(VIEWER, refresh=False)[0].result is None
    assert shown(connected) == {"Stars": 4.0}


def test_a_refresh_that_ends_after_a_move_saves_nothing(
    world: World, connected: MetricsHost, eu: ConnectionView
) -> None:
    """The late answers of the connection before do not replace those of the new one."""
    first, _ = connected.connections.list(ADMIN)
    metric = connected.metrics.add(EDITOR, first.id, "Stars", AVERAGE)
    world.shop.on_fetch = hold = Hold()
    connected.cards.load(VIEWER)
    hold.wait_until_started()
    connected.metrics.edit(EDITOR, metric.id, connection_id="EU")
    world.shop.on_fetch = None
    assert shown(connected) == {"Stars": 1.5}
    hold.release()
    connected.close()  # Waits for the late refresh.
    (card,) = world.open().cards.load(VIEWER, refresh=False)
    assert (value_of(card), card.freshness) == (1.5, Freshness.FRESH)


def test_a_metric_is_not_moved_to_a_connection_of_another_account(
    connected: MetricsHost,
) -> None:
    """Neither by its id nor by its name."""
    theirs = connected.connections.connect(RIVAL, "shop", {"api_token": TOKEN}, name="Theirs")
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    for given in (theirs.id, theirs.name):
        with pytest.raises(NotFound):
            connected.metrics.edit(EDITOR, metric.id, connection_id=given)
        with pytest.raises(NotFound):
            connected.metrics.add(EDITOR, given, "Stars", AVERAGE)


@sqlite_only
def test_an_edit_keeps_a_connection_that_adopted_the_metric_meanwhile(
    connected: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit read the metric before; it must not return it to the deleted connection."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.connections.delete(ADMIN, "shop")

    def connect_first(old: Metric, **changed: object) -> Metric:
        monkeypatch.undo()
        connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
        return changed_metric(old, **changed)

    monkeypatch.setattr(service, "changed_metric", connect_first)
    connected.metrics.edit(EDITOR, metric.id, name="Renamed")

    stored = connected.metrics.show(VIEWER, metric.id)
    assert stored.name == "Renamed"
    assert stored.connection_id == connected.connections.show(ADMIN, "shop").id


def test_concurrent_connects_have_different_names(world: World, host: MetricsHost) -> None:
    """Of several that choose a name at once, one gets it, and one adopts the metrics."""
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.connections.delete(ADMIN, "shop")

    def connect(number: int) -> str | None:
        try:
            name = "" if number % 2 else "EU"
            return (
                world.open().connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name=name).id
            )
        except AlreadyExists:
            return None

    with ThreadPoolExecutor(4) as pool:
        made = [one for one in pool.map(connect, range(4)) if one is not None]
    views = host.connections.list(ADMIN)
    assert sorted(view.id for view in views) == sorted(made)
    assert len({view.name.casefold() for view in views}) == len(views)
    assert {view.name for view in views} <= {"EU", "The Shop"}
    assert host.metrics.show(VIEWER, metric.id).connection_id in made
