"""Arranging a map: move, insert, duplicate, undo, and edits at the same time."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from reference_host.tests.form_client import FormFiller
from reference_host.tests.map_factories import add_map, add_metric, place
from reference_host.tests.metric_factories import RELATIONSHIP, saved
from smaply_metrics_core.host import Display, Role
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.store.removals import EXPIRY, MOST_STORED, Removals
from smaply_metrics_host.store.tables import removals

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import Browser, World
    from reference_host.tests.map_factories import SmallMap
    from smaply_metrics_host.store.map_models import JourneyMap


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def journey(world: World, corner: SmallMap) -> JourneyMap:
    """Return a map."""
    return world.app_state.maps.show(world.account, corner.map)


def names(world: World, corner: SmallMap) -> tuple[list[str], list[str]]:
    """Return the names of the stages and of the lanes."""
    shown = journey(world, corner)
    return [stage.name for stage in shown.stages], [lane.name for lane in shown.lanes]


def post(emil: Browser, corner: SmallMap, path: str, **fields: str) -> None:
    """Submit a form of the edit page."""
    answer = emil.submit(f"{corner.path}/edit", corner.path + path, fields)
    assert answer.is_success, answer.text


def test_stages_and_lanes_are_inserted_moved_and_duplicated(world: World) -> None:
    """At any position; a copy has the texts and the cards with their display settings."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    placements = world.app_state.card_placements
    placements.place(world.account, corner.cell, "met_1", Display(heading="Mine", target=40))
    world.app_state.maps.write(world.account, Cell(corner.map, corner.texts, corner.stage), "Looks")

    post(emil, corner, "/stages", name="First", before=corner.stage)
    post(emil, corner, "/lanes", name="Top", kind="text", before=corner.texts)
    first = journey(world, corner).stages[0].id
    post(emil, corner, f"/stages/{first}/move", before="")
    post(emil, corner, f"/lanes/{corner.metrics}/move", before=corner.texts)
    post(emil, corner, f"/stages/{corner.stage}/duplicate")

    assert names(world, corner) == (
        ["Discover", "Discover (copy)", "First"],
        ["Top", "Experience", "Customer does"],
    )
    shown = journey(world, corner)
    copy = shown.stages[1].id
    assert shown.texts[corner.texts, copy] == "Looks"
    assert [card.display for card in shown.cards] == [Display(heading="Mine", target=40)] * 2
    assert [card.stage for card in shown.cards] == [corner.stage, copy]


def test_cards_move_between_cells_with_their_display(world: World) -> None:
    """Before another card, to the end of a cell, to another cell; and duplicates."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    world.connect()
    other = world.app_state.maps.add_stage(world.account, corner.map, "Use")
    cards = [place(world, corner, add_metric(world, name, heading=name)) for name in "ABC"]
    here, there = f"{corner.metrics} {corner.stage}", f"{corner.metrics} {other}"

    assert f"{here} {cards[0]}" in emil.get(f"{corner.path}/cards/{cards[2]}/move").text
    post(emil, corner, f"/cards/{cards[2]}/move", place=f"{here} {cards[0]}")
    post(emil, corner, f"/cards/{cards[0]}/move", place=here)
    post(emil, corner, f"/cards/{cards[1]}/move", place=there)
    post(emil, corner, f"/cards/{cards[2]}/duplicate")

    placed = [(card.display.heading, card.stage) for card in journey(world, corner).cards]
    assert sorted(placed) == sorted(
        [("C", corner.stage), ("C", corner.stage), ("A", corner.stage), ("B", other)]
    )
    assert [name for name, stage in placed if stage == corner.stage] == ["C", "C", "A"]


def test_an_invalid_place_is_refused(world: World) -> None:
    """A text lane, a card of another cell, a stage of another map."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    another = add_map(world, "Another")
    cell = corner.cell
    card, second = (
        world.app_state.card_placements.place(world.account, cell, "met_1", Display()) for _ in "ab"
    )
    other = world.app_state.maps.add_stage(world.account, corner.map, "Use")
    before = journey(world, corner)

    for path, fields in (
        (f"/cards/{card}/move", {"place": f"{corner.texts} {corner.stage}"}),
        (f"/cards/{card}/move", {"place": f"{corner.metrics} {other} {second}"}),
        (f"/cards/{card}/move", {"place": ""}),
        (f"/stages/{corner.stage}/move", {"before": another.stage}),
        (f"/stages/{another.stage}/move", {"before": ""}),
        (f"/stages/{another.stage}/duplicate", {}),
        (f"/stages/{another.stage}/remove", {}),
    ):
        answer = emil.submit(f"{corner.path}/edit", corner.path + path, fields)
        assert answer.status_code in {404, 422}, path
    assert journey(world, corner) == before


def test_removals_are_undone_in_reverse_order(world: World) -> None:
    """A card, then its stage and its lane; everything is at its place again."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    world.app_state.maps.add_stage(world.account, corner.map, "Use")
    display = Display(heading="Mine", suffix=" pts")
    cards = [
        world.app_state.card_placements.place(world.account, corner.cell, "met_1", one)
        for one in (display, Display())
    ]
    world.app_state.maps.write(world.account, Cell(corner.map, corner.texts, corner.stage), "Looks")
    before = journey(world, corner)

    post(emil, corner, f"/cards/{cards[0]}/remove")
    post(emil, corner, f"/stages/{corner.stage}/remove")
    post(emil, corner, f"/lanes/{corner.texts}/remove")
    assert journey(world, corner).cards == ()
    for name in ("Customer does", "Discover", "Mine"):
        latest = world.app_state.removals.latest(world.account, corner.map)
        assert latest is not None
        assert latest.name == name
        assert name in emil.get(f"{corner.path}/edit").text
        stale = emil.submit(f"{corner.path}/edit", f"{corner.path}/undo", {"removal": "0"})
        assert stale.status_code == 409
        post(emil, corner, "/undo", removal=str(latest.id))

    assert journey(world, corner) == before
    assert "Undo removal" not in emil.get(f"{corner.path}/edit").text


def test_a_removal_expires(world: World) -> None:
    """After a day, it is not offered, and its content is deleted with the next removal."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    post(emil, corner, f"/lanes/{corner.texts}/remove")
    first = world.app_state.removals.latest(world.account, corner.map)
    assert first is not None

    world.clock.forward(EXPIRY + timedelta(seconds=1))
    emil = world.client(Role.EDITOR)
    assert "Undo removal" not in emil.get(f"{corner.path}/edit").text
    answer = emil.submit(f"{corner.path}/edit", f"{corner.path}/undo", {"removal": str(first.id)})
    assert answer.status_code == 404


def stored_removals(world: World, account: str) -> int:
    """Return the number of stored removals of an account."""
    of_account = removals.c.account == account
    with world.app_state.database.reading() as db:
        return db.execute(select(func.count()).where(of_account)).scalar_one()


def test_a_map_has_a_limited_number_of_removals(world: World) -> None:
    """The oldest ones are deleted, so that repeated removals do not fill the disk."""
    corner, other, app_state = add_map(world), add_map(world, "Other"), world.app_state
    app_state.removals.remove(world.account, other.map, "lane", other.texts)
    for number in range(MOST_STORED + 2):
        lane = app_state.maps.add_lane(world.account, corner.map, f"Lane {number}", "text")
        app_state.removals.remove(world.account, corner.map, "lane", lane)

    assert stored_removals(world, world.account) == MOST_STORED + 1, "those of the other map stay"
    latest = app_state.removals.latest(world.account, corner.map)
    assert latest is not None
    assert latest.name == f"Lane {MOST_STORED + 1}"


def test_removals_of_all_accounts_expire(world: World) -> None:
    """With the removal of another account, and when the host starts."""
    corner, other = add_map(world), add_map(world, account="other")
    world.app_state.removals.remove(world.account, corner.map, "lane", corner.texts)
    world.clock.forward(EXPIRY + timedelta(seconds=1))
    world.app_state.removals.remove("other", other.map, "lane", other.texts)
    assert (stored_removals(world, world.account), stored_removals(world, "other")) == (0, 1)

    world.clock.forward(EXPIRY + timedelta(seconds=1))
    Removals(world.app_state.database, world.clock)
    assert stored_removals(world, "other") == 0


def test_the_second_editor_sees_both_versions(world: World) -> None:
    """Of a text and a name; the own version can then be saved."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    cell = {"lane": corner.texts, "stage": corner.stage}
    post(emil, corner, "/texts", text="Theirs\r\nof two lines", was="", **cell)
    post(emil, corner, f"/stages/{corner.stage}", name="Their stage", was="Discover")
    edit = f"{corner.path}/edit"

    text = emil.submit(edit, f"{corner.path}/texts", {**cell, "text": "Mine", "was": ""})
    name = {"name": "My stage", "was": "Discover"}
    stage = emil.submit(edit, f"{corner.path}/stages/{corner.stage}", name)

    assert text.status_code == stage.status_code == 409
    assert "Theirs\nof two lines" in text.text
    assert ">Mine</textarea>" in text.text
    assert "Their stage" in stage.text
    assert 'value="My stage"' in stage.text
    shown = journey(world, corner)
    assert shown.texts[corner.texts, corner.stage] == "Theirs\nof two lines"
    again = {**cell, "text": "Mine", "was": "Theirs\r\nof two lines"}
    post(emil, corner, "/texts", **again)
    post(emil, corner, "/texts", **{**again, "was": "another"})  # Both entered the same.
    assert journey(world, corner).texts[corner.texts, corner.stage] == "Mine"


def test_the_second_editor_sees_both_displays(world: World) -> None:
    """Of a card; the differing settings are listed, and the own version can then be saved."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    world.connect()
    card = place(world, corner, add_metric(world, heading="Fans", target=40))
    page, edit = f"{corner.path}/cards/{card}/display", f"{corner.path}/edit"
    was = unescape(re.findall(r'name="was" value="([^"]+)"', emil.get(page).text)[0])
    theirs = {"heading": "Their fans", "target": "40"}
    assert emil.submit(edit, page, {**theirs, "was": was}).is_success

    own = {"heading": "My fans", "target": "50", "start_at_zero": "1"}
    refused = emil.submit(edit, page, {**own, "was": was})

    assert refused.status_code == 409
    cells = re.findall(r"<t[hd][^>]*>([^<]+)</t[hd]>", refused.text.partition("<tbody>")[2])
    assert [cells[at : at + 3] for at in range(0, len(cells), 3)] == [
        ["Heading", "Their fans", "My fans"],
        ["Target", "40", "50"],
        ["Start values at zero", "no", "yes"],
    ]
    assert 'value="My fans"' in refused.text
    (shown,) = journey(world, corner).cards
    assert shown.display == Display(heading="Their fans", target=40)
    now = unescape(re.findall(r'name="was" value="([^"]+)"', refused.text)[0])
    post(emil, corner, f"/cards/{card}/display", **own, was=now)
    post(emil, corner, f"/cards/{card}/display", **own, was=was)  # Both entered the same.
    (shown,) = journey(world, corner).cards
    assert shown.display == Display(heading="My fans", target=50, start_at_zero=True)
    for broken in ("x", "[]", '{"chart": "x"}'):
        answer = emil.submit(edit, page, {**own, "was": broken})
        assert answer.status_code == 422, broken


def test_a_metric_is_created_and_placed(world: World) -> None:
    """From “Add cards” of a cell; nothing is saved if the cell was removed."""
    corner = add_map(world)
    connection, emil = world.connect(), world.client(Role.EDITOR)
    where = f"{corner.path}/cards/new?lane={corner.metrics}&stage={corner.stage}"
    address = emil.get(where).text.split('href="/metrics/new?')[1].split('"')[0]
    address = f"/metrics/new?{address.replace('&amp;', '&')}&source={connection}"

    form = FormFiller(emil, f"{address}&survey={RELATIONSHIP}&name=Fans")
    assert "Save and place" in form.page
    form.choose(question="QID1")
    answer = form.send("/metrics")

    (metric,) = saved(world)
    assert answer.url.path == f"{corner.path}/edit"
    assert [card.metric for card in journey(world, corner).cards] == [metric.id]
    world.app_state.removals.remove(world.account, corner.map, "stage", corner.stage)
    refused = form.send("/metrics")
    assert refused.status_code == 404
    assert "This cell does not exist." in refused.text
    assert len(saved(world)) == 1


def test_a_viewer_cannot_arrange_a_map(world: World) -> None:
    """All forms return 403 and change nothing."""
    corner, vera = add_map(world), world.client(Role.VIEWER)
    before = journey(world, corner)

    for path in (f"/stages/{corner.stage}/move", f"/lanes/{corner.texts}/duplicate", "/undo"):
        assert vera.submit(corner.path, corner.path + path, {}).status_code == 403, path
    assert journey(world, corner) == before
