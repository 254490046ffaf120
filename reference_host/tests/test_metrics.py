"""The list of metrics: found, refreshed, deleted, and what each role gets to see of it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import ACCOUNT, TOKEN
from reference_host.tests.metric_factories import NPS, make
from smaply_metrics_core.host import (
    Display,
    GroupBy,
    Metric,
    MetricType,
    Role,
)
from smaply_metrics_host.metric_form.metric_list import ON_A_PAGE, page_of
from smaply_metrics_host.store.map_models import Cell

if TYPE_CHECKING:
    from reference_host.tests.metric_factories import NPS, make
from reference_host.tests.app_fixture import World

BY_MONTH = NPS.model_copy(
    update={"type": MetricType.SERIES, "group_by": GroupBy.parse("period:month")}
)


def place(world: World, metric: Metric, name: str, cards: int) -> str:
    """Make a map on which a metric has some cards; gives the map's id."""
    workspace = world.app_state.people.workspaces(ACCOUNT)[0].id
    map_id = world.app_state.maps.add(ACCOUNT, workspace, name)
    lane = world.app_state.maps.add_lane(ACCOUNT, map_id, "Metrics", "data")
    stage = world.app_state.maps.add_stage(ACCOUNT, map_id, "Buy")
    for _ in range(cards):
        world.app_state.card_placements.place(
            ACCOUNT, Cell(map_id, lane, stage), metric.id, Display()
        )
    return map_id


def names(page: str) -> list[str]:
    """Give the names in the list, in order."""
    return re.findall(r'class="metric-name">\s*<bdi>(.*?)</bdi>', page)


def test_the_list_says_of_each_metric_what_it_is(world: World) -> None:
    """Name, source, type, when it was made and changed, where it is used, what can be done."""
    world.connect()
    metric = make(world, "NPS <by> month", BY_MONTH)
    map_id = place(world, metric, "Buying & paying", 2)
    world.clock.forward(timedelta(minutes=12))

    page = world.client(Role.EDITOR).get("/metrics").text

    for heading in ("NAME", "SOURCE", "TYPE", "CREATED", "UPDATED", "USED IN", "ACTIONS"):
        assert f">{heading}</th>" in page
    assert names(page) == ["NPS &lt;by&gt; month"]
    assert "NPS of “How likely are you to recommend Nordlicht to a friend or colleague?”" in page
    assert "by month, all time" in page
    assert ">Qualtrics</td>" in page
    assert ">Series</td>" in page
    assert page.count("12 minutes ago</time>") == 2
    assert f'datetime="{metric.created_at.isoformat()}"' in page
    assert "<summary>2 cards</summary>" in page
    assert f'<a href="/maps/{map_id}"><bdi>Buying &amp; paying</bdi></a>' in page
    assert f'href="/metrics/{metric.id}/edit"' in page


def test_the_one_changed_last_stands_first(world: World) -> None:
    """What somebody works on is at the top."""
    world.connect()
    first = make(world, "First")
    world.clock.forward(timedelta(seconds=1))
    make(world, "Second")
    emil = world.client(Role.EDITOR)
    assert names(emil.get("/metrics").text) == ["Second", "First"]

    world.clock.forward(timedelta(seconds=1))
    world.run(world.app_state.metrics.metrics.edit(world.actor(), first.id, name="First again"))

    assert names(emil.get("/metrics").text) == ["First again", "Second"]


def test_search_looks_at_names_sources_types_and_questions(world: World) -> None:
    """Each word has to be found somewhere; a script gets the list alone."""
    world.connect()
    make(world, "Promoters")
    make(world, "Über Monate", BY_MONTH)
    emil = world.client(Role.EDITOR)

    def found(search: str) -> set[str]:
        return set(names(emil.get("/metrics", params={"search": search}).text))

    assert found("PROMO") == {"Promoters"}
    assert found("über") == {"Über Monate"}
    assert found("qualtrics") == {"Promoters", "Über Monate"}
    assert found("series nps") == {"Über Monate"}
    assert found("nordlicht number") == {"Promoters"}
    none = emil.get("/metrics", params={"search": "<b>nothing</b>"})
    assert "Nothing matches “<bdi>&lt;b&gt;nothing&lt;/b&gt;</bdi>”" in none.text
    alone = emil.get("/metrics?search=promo", headers={"x-fragment": "metric-list"}).text
    assert "<html" not in alone
    assert names(alone) == ["Promoters"]


def test_a_workspace_shows_its_own(world: World) -> None:
    """With several workspaces the list can be of one."""
    world.connect()
    make(world, "Here")
    emil = world.client(Role.EDITOR)
    assert 'name="workspace"' not in emil.get("/metrics").text
    other = world.app_state.people.add_workspace(ACCOUNT, "Shops")
    make(world, "There", workspace=other.id)

    page = emil.get(f"/metrics?workspace={other.id}").text

    assert set(names(emil.get("/metrics").text)) == {"Here", "There"}
    assert names(page) == ["There"]
    assert f'<option value="{other.id}" selected>Shops</option>' in page


def test_a_thousand_metrics_are_cut_into_pages(world: World) -> None:
    """A page holds fifty; one beyond the last is the last."""
    world.connect()
    metric = make(world, "One")
    many = [metric.model_copy(update={"id": f"met_{n}", "name": f"M{n}"}) for n in range(1000)]

    def page(number: int, search: str = "") -> tuple[int, int, int]:
        cut = page_of(many, search=search, number=number, titles={}, uses={})
        return cut.number, cut.pages, len(cut.lines)

    assert page(1) == (1, 20, ON_A_PAGE)
    assert page(99) == (20, 20, ON_A_PAGE)
    assert page(1, "M99") == (1, 1, 11)
    assert page(3, "none") == (1, 1, 0)


def test_refresh_now_asks_at_once_and_once_a_minute(world: World) -> None:
    """The new value is told; whoever asks again too soon reads why not."""
    world.connect()
    metric = make(world, "NPS")
    emil = world.client(Role.EDITOR)
    address = f"/metrics/{metric.id}/refresh"

    done = emil.finish("/metrics", address, {})
    assert re.search(r"Updated: -?\d+, n = [\d,]+\.", done.text)
    assert done.url.params["refreshed"] == metric.id

    soon = emil.finish("/metrics", address, {}).text
    assert "Refreshed less than a minute ago." in soon or "Updated:" in soon
    job = world.client(Role.EDITOR)
    job.headers["accept"] = "application/json"
    token = re.search(r'name="csrf_token" value="(\w+)"', job.get("/metrics").text)
    assert token is not None
    started = job.post(address, data={"csrf_token": token[1]}).json()
    told = job.get(started["events"]).text
    assert re.search(r"Refreshed less than a minute ago\. Try again in \d\d? s\.", told)


def test_a_refresh_that_fails_says_why(world: World) -> None:
    """The problem and its remedy stand in the metric's row."""
    world.connect()
    metric = make(world, "NPS")
    world.sandbox.state.set_token(None)

    page = world.client(Role.EDITOR).finish("/metrics", f"/metrics/{metric.id}/refresh", {}).text

    assert "note-bad" in page
    assert "Updated:" not in page
    world.sandbox.state.set_token(TOKEN)


def test_deleting_asks_and_names_the_maps_that_lose_cards(world: World) -> None:
    """The metric goes with its cards, once that was said; the maps themselves stay."""
    world.connect()
    metric, other = make(world, "NPS"), make(world, "Other")
    map_id = place(world, metric, "Buying", 2)
    place(world, other, "Paying", 1)
    emil = world.client(Role.EDITOR)

    asked = emil.get(f"/metrics/{metric.id}/delete").text
    assert "Delete “<bdi>NPS</bdi>”?" in asked
    assert "This also removes its cards from:" in asked
    assert "Buying" in asked
    assert "Paying" not in asked
    assert "2 cards" in asked

    gone = emil.submit(f"/metrics/{metric.id}/delete", f"/metrics/{metric.id}/delete", {})
    assert "2 cards were removed." in gone.text
    assert names(gone.text) == ["Other"]
    assert world.app_state.maps.show(ACCOUNT, map_id).cards == ()
    assert world.app_state.card_placements.uses(ACCOUNT) == {other.id: 1}
    assert emil.get(f"/metrics/{metric.id}/delete").status_code == 404


def test_a_viewer_sees_the_list_and_no_way_to_change_it(world: World) -> None:
    """The names are there; the actions are not, and their addresses refuse."""
    world.connect()
    metric = make(world, "NPS")
    vera = world.client(Role.VIEWER)

    page = vera.get("/metrics").text

    assert names(page) == ["NPS"]
    assert "ACTIONS" not in page
    assert "/metrics/" not in re.sub(r"/static/\S+", "", page)
    assert vera.get(f"/metrics/{metric.id}/delete").status_code == 403
    for action in ("delete", "refresh"):
        refused = vera.submit("/metrics", f"/metrics/{metric.id}/{action}", {})
        assert refused.status_code == 403
    assert world.run(world.app_state.metrics.metrics.show(world.actor(), metric.id)) == metric


def test_nothing_crosses_accounts(world: World) -> None:
    """Another account sees none of these metrics, and their ids lead nowhere."""
    world.connect()
    metric = make(world, "NPS")
    eve = world.client(Role.EDITOR, account="other")

    assert names(eve.get("/metrics").text) == []
    assert eve.get(f"/metrics/{metric.id}/delete").status_code == 404
    for action in ("delete", "refresh"):
        assert eve.submit("/metrics", f"/metrics/{metric.id}/{action}", {}).status_code == 404


def test_an_empty_list_says_what_to_do_first(world: World) -> None:
    """An Admin gets the way to an integration; an Editor reads whom to ask, a Viewer what comes."""
    ada, emil, vera = (world.client(role) for role in (Role.ADMIN, Role.EDITOR, Role.VIEWER))

    assert 'href="/settings/integrations">Set up an integration</a>' in ada.get("/metrics").text
    unconnected = emil.get("/metrics").text
    assert "Ask an Admin" in unconnected
    assert "Create metric" not in unconnected

    world.connect()
    assert "No metrics yet" in emil.get("/metrics").text
    assert "Create metric" in emil.get("/metrics").text
    assert "when an Editor creates them" in vera.get("/metrics").text
    assert "Create metric" not in vera.get("/metrics").text


def test_a_metric_that_was_deleted_elsewhere_is_not_refreshed(world: World) -> None:
    """Somebody else may delete it at any time: the page says that it is not there."""
    world.connect()
    metric = make(world, "NPS")
    world.run(world.app_state.metrics.metrics.delete(world.actor(), metric.id))
    emil = world.client(Role.EDITOR)

    assert emil.submit("/metrics", f"/metrics/{metric.id}/refresh", {}).status_code == 404
    assert emil.get(f"/metrics?refreshed={metric.id}&saved={metric.id}").status_code == 200
