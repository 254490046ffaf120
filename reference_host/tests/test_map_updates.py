"""Updates of an open map: event stream, polling, access."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.app_fixture import Browser
from reference_host.tests.map_factories import SmallMap, add_map, add_metric, measure, place
from smaply_metrics_core.host import Role
from smaply_metrics_host.live_updates import CHECK_SECONDS

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

Events = Iterator[tuple[str, Any]]


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


@contextmanager
def following(browser: Browser, corner: SmallMap) -> Iterator[Events]:
    """Follow a map's event stream for the duration of the block."""
    with browser.stream("GET", f"{corner.path}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield _events(answer.iter_lines())


def _events(lines: Iterator[str]) -> Events:
    name = ""
    for line in lines:
        kind, _, said = line.partition(": ")
        if kind == "event":
            name = said
        elif kind == "data":
            yield name, json.loads(said) if said.startswith("{") else said


def one_card(world: World) -> tuple[SmallMap, str]:
    """Return a map with one card without a value, and the card's id."""
    corner = add_map(world)
    world.connect()
    return corner, place(world, corner, add_metric(world))


def test_a_card_updates_after_its_refresh(world: World) -> None:
    """A follower receives the new card when another person started the refresh."""
    corner, card = one_card(world)
    vera, emil = world.client(Role.VIEWER), world.client(Role.EDITOR)

    with following(vera, corner) as events:
        name, state = next(events)
        emil.get(corner.path)
        html = ""
        while "n = " not in html:
            told, news = next(events)
            assert told == "parts"
            html = next((one["html"] for one in news["parts"] if one["id"] == card), html)

    assert (name, set(state["versions"])) == ("state", {"notices", card})


def test_following_a_map_starts_no_refresh(world: World) -> None:
    """Neither the stream nor polling sends requests to the survey tool."""
    corner, _ = one_card(world)
    vera = world.client(Role.VIEWER)
    before = len(world.sandbox.state.calls())

    with following(vera, corner) as events:
        next(events)
    vera.get(f"{corner.path}/cards")

    assert len(world.sandbox.state.calls()) == before


def test_polling_returns_changed_parts(world: World) -> None:
    """Without a stream, polling returns all parts at first and then only changed ones."""
    corner, card = one_card(world)
    vera = world.client(Role.VIEWER)

    first = vera.get(f"{corner.path}/cards").json()
    have = ",".join(part["version"] for part in first["parts"])
    again = vera.get(f"{corner.path}/cards?have={have}").json()
    measure(world)
    then = vera.get(f"{corner.path}/cards?have={have}").json()

    assert [part["id"] for part in first["parts"]] == ["notices", card]
    assert again == {"structure": first["structure"], "refreshing": False, "parts": []}
    assert [part["id"] for part in then["parts"]] == [card]
    assert "n = " in then["parts"][0]["html"]


def test_page_and_stream_have_the_same_versions(world: World) -> None:
    """A browser can detect changes between loading the page and opening the stream."""
    corner, _ = one_card(world)
    measure(world)
    vera = world.client(Role.VIEWER)
    page = vera.get(corner.path).text

    with following(vera, corner) as events:
        _, state = next(events)

    assert f'data-structure="{state["structure"]}"' in page
    for part, version in state["versions"].items():
        assert f'data-part="{part}" data-version="{version}"' in page


def test_an_open_map_receives_edits(world: World) -> None:
    """A new display is sent as a part; a new stage changes the structure."""
    corner, card = one_card(world)
    measure(world)
    vera, emil = world.client(Role.VIEWER), world.client(Role.EDITOR)
    display = f"{corner.path}/cards/{card}/display"

    with following(vera, corner) as events:
        _, state = next(events)
        emil.submit(display, display, {"heading": "Loyalty"})
        _, restyled = next(events)
        emil.submit(f"{corner.path}/edit", f"{corner.path}/stages", {"name": "Order"})
        _, longer = next(events)

    assert "Loyalty" in restyled["parts"][0]["html"]
    assert restyled["structure"] == state["structure"]
    assert longer["structure"] != state["structure"]


def test_a_stream_ends_with_its_session(world: World) -> None:
    """The stream of a removed person ends, and polling returns 401."""
    corner, _ = one_card(world)
    vera = world.client(Role.VIEWER)
    people = world.app_state.people
    by_name = {person.name: person for person in people.of_account(world.account)}
    world.client(Role.ADMIN)
    ada = next(one for one in people.of_account(world.account) if one.role is Role.ADMIN)

    with following(vera, corner) as events:
        next(events)
        people.remove(world.account, by_name["Vera"].id, by=ada)
        world.clock.forward(timedelta(seconds=CHECK_SECONDS))
        world.run(_nudge(world, corner))
        ended = list(events)

    assert ended == [("over", "no-access")]
    gone = vera.get(f"{corner.path}/cards", headers={"accept": "application/json"})
    assert gone.status_code == 401


async def _nudge(world: World, corner: SmallMap) -> None:
    world.app_state.live_updates.nudge(world.account, corner.map)
