"""The list of metrics: search, refresh, delete, roles."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN
from reference_host.tests.map_factories import measure
from reference_host.tests.metric_factories import NPS, make
from smaply_metrics_core.host import (
    DateRange,
    Display,
    GroupBy,
    Metric,
    MetricType,
    Role,
)
from smaply_metrics_host.metric_form.metric_list import ON_A_PAGE, page_of
from smaply_metrics_host.store.map_models import Cell
from tests.host.refresh.test_batches import statements

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

BY_MONTH = NPS.model_copy(
    update={"type": MetricType.SERIES, "group_by": GroupBy.parse("period:month")}
)


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def place(world: World, metric: Metric, name: str, cards: int) -> str:
    """Create a map with cards of a metric and return the map's id."""
    workspace = world.app_state.people.workspaces(world.account)[0].id
    map_id = world.app_state.maps.add(world.account, workspace, name)
    lane = world.app_state.maps.add_lane(world.account, map_id, "Metrics", "data")
    stage = world.app_state.maps.add_stage(world.account, map_id, "Buy")
    for _ in range(cards):
        world.app_state.card_placements.place(
            world.account, Cell(map_id, lane, stage), metric.id, Display()
        )
    return map_id


def names(page: str) -> list[str]:
    """Return the names in the list, in order."""
    return re.findall(r'class="metric-name">\s*<bdi>(.*?)</bdi>', page)


def test_the_list_describes_each_metric(world: World) -> None:
    """Each row has the name, type, value, source, age, uses and actions."""
    world.connect()
    metric = make(world, "NPS <by> month", BY_MONTH)
    map_id = place(world, metric, "Buying & paying", 2)
    world.clock.forward(timedelta(minutes=12))

    page = world.client(Role.EDITOR).get("/metrics").text

    for heading in (
        "NAME",
        "VALUE",
        "TREND",
        "ANSWERS",
        "UPDATED",
        "SOURCE",
        "USED IN",
        "ACTIONS",
    ):
        assert f">{heading}</th>" in page
    assert names(page) == ["NPS &lt;by&gt; month"]
    assert "NPS of “How likely are you to recommend Nordlicht to a friend or colleague?”" in page
    assert "by month, all time" in page
    assert "<bdi>Qualtrics</bdi></td>" in page
    assert "Series: NPS of" in page
    assert "No value yet" in page
    assert page.count("12 minutes ago</time>") == 1
    assert f'datetime="{metric.updated_at.isoformat()}"' in page
    assert "<summary>2 cards</summary>" in page
    assert f'<a href="/maps/{map_id}"><bdi>Buying &amp; paying</bdi></a>' in page
    assert f'href="/metrics/{metric.id}/edit"' in page


def test_a_series_shows_its_last_full_period(world: World) -> None:
    """Its change is judged and coloured as on cards; a Number has only its trend."""
    world.connect()
    make(world, "By month", BY_MONTH)
    make(world, "Overall", NPS)
    for _ in range(2):
        world.run(world.app_state.metrics.cards.load(world.actor(), wait=120))
        world.clock.forward(timedelta(hours=2))
    page = world.client(Role.VIEWER).get("/metrics").text
    overall, by_month = (part.split("</tr>")[0] for part in page.split('class="metric-name"')[1:])
    assert "<bdi>Overall</bdi>" in overall
    assert 'class="spark"' in overall
    assert "card-change" not in overall
    assert re.search(
        r'class="card-change (good|bad|neutral)">(<span[^>]+>[▲▼]</span>)? ?\S', by_month
    )
    assert re.search(r'class="measures">\w{3} \d{4} vs\. \w{3} \d{4}</span>', by_month)
    assert re.search(r'class="measures">(no clear|clearly) ', by_month)


def test_more_metrics_take_no_more_statements(world: World) -> None:
    """Their values, past values and maps are read together."""
    world.connect()
    counts, page = [], ""
    for _ in range(2):
        for number in range(3):
            place(world, make(world, f"NPS {number}"), "Buying", 1)
        world.run(world.app_state.metrics.cards.load(world.actor(), wait=120))
        vera = world.client(Role.VIEWER)
        vera.get("/metrics")
        with statements() as seen:
            page = vera.get("/metrics").text
        counts.append(len(seen))
    assert len(names(page)) == 6
    assert counts[0] == counts[1]


def test_the_latest_change_is_first(world: World) -> None:
    """Metrics are sorted by their last change."""
    world.connect()
    first = make(world, "First")
    world.clock.forward(timedelta(seconds=1))
    make(world, "Second")
    emil = world.client(Role.EDITOR)
    assert names(emil.get("/metrics").text) == ["Second", "First"]

    world.clock.forward(timedelta(seconds=1))
    world.run(world.app_state.metrics.metrics.edit(world.actor(), first.id, name="First again"))

    assert names(emil.get("/metrics").text) == ["First again", "Second"]


def test_search_covers_names_sources_types_and_questions(world: World) -> None:
    """All words must match; a script receives the list as a fragment."""
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


def test_the_list_is_filtered_by_workspace(world: World) -> None:
    """The filter is shown only with several workspaces."""
    world.connect()
    make(world, "Here")
    emil = world.client(Role.EDITOR)
    assert 'name="workspace"' not in emil.get("/metrics").text
    other = world.app_state.people.add_workspace(world.account, "Shops")
    make(world, "There", workspace=other.id)

    page = emil.get(f"/metrics?workspace={other.id}").text

    assert set(names(emil.get("/metrics").text)) == {"Here", "There"}
    assert names(page) == ["There"]
    assert f'<option value="{other.id}" selected>Shops</option>' in page


def test_the_list_is_paginated(world: World) -> None:
    """A page has 50 metrics; a number beyond the last page is the last page."""
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


def test_each_row_has_the_stored_value_and_its_past(world: World) -> None:
    """Value, answers, age and trend; a problem is stated for the role; nothing is refreshed."""
    world.connect()
    make(world, "NPS")
    make(world, "By month", BY_MONTH)
    measure(world)
    world.clock.forward(timedelta(hours=1, minutes=1))
    calls = len(world.sandbox.state.calls())

    page = world.client(Role.VIEWER).get("/metrics").text
    assert len(world.sandbox.state.calls()) == calls
    assert len(re.findall(r'"metric-value" dir="auto">\s*<strong>\u2212?\d+</strong>', page)) == 2
    assert re.search(r'data-label="Answers">n = [\d,]+', page)
    assert page.count("1 hour ago</time>") == 4
    assert page.count("Update due") == 2
    assert re.search(r'aria-label="\d+ periods, \w{3} \d{4} to \w{3} \d{4}[^"]*"', page)
    assert page.count("<svg") == 1, "one value of the other metric is not a trend"

    world.sandbox.state.set_token(None)
    measure(world)
    page = world.client(Role.VIEWER).get("/metrics").text
    assert page.count("An Admin can fix it.") == 2
    assert "API token" not in page


def test_the_list_can_be_sorted(world: World) -> None:
    """By name, source, number of answers and age of the value; metrics without a value first."""
    world.connect()
    recent = NPS.model_copy(update={"range": DateRange(preset="last_28_days")})
    make(world, "b all", NPS)
    make(world, "C recent", recent)
    measure(world)
    world.clock.forward(timedelta(minutes=1))
    make(world, "a new", NPS)
    emil = world.client(Role.EDITOR)

    def sorted_by(sort: str) -> list[str]:
        return names(emil.get(f"/metrics?sort={sort}").text)

    assert sorted_by("changed") == ["a new", "C recent", "b all"]
    assert sorted_by("name") == ["a new", "b all", "C recent"]
    assert sorted_by("source") == ["a new", "b all", "C recent"]
    assert sorted_by("answers") == ["a new", "C recent", "b all"]
    assert sorted_by("age")[0] == "a new"
    assert emil.get("/metrics?sort=colour").status_code == 422


def test_refresh_now_is_limited_to_once_a_minute(world: World) -> None:
    """The page shows the new value, or why the metric was not refreshed again."""
    world.connect()
    metric = make(world, "NPS")
    emil = world.client(Role.EDITOR)
    address = f"/metrics/{metric.id}/refresh"

    done = emil.finish("/metrics", address, {})
    assert re.search(r"Updated: \u2212?\d+, n = [\d,]+\.", done.text)
    assert done.url.params["refreshed"] == metric.id

    soon = emil.finish("/metrics", address, {}).text
    assert "A survey can be refreshed at most once a minute." in soon or "Updated:" in soon
    job = world.client(Role.EDITOR)
    job.headers["accept"] = "application/json"
    token = re.search(r'name="csrf_token" value="(\w+)"', job.get("/metrics").text)
    assert token is not None
    started = job.post(address, data={"csrf_token": token[1]}).json()
    told = job.get(started["events"]).text
    assert re.search(r"at most once a minute\. Refresh again at \d\d:\d\d:\d\d\.", told)


def test_a_failed_refresh_shows_the_problem(world: World) -> None:
    """The row of the metric shows the problem."""
    world.connect()
    metric = make(world, "NPS")
    world.sandbox.state.set_token(None)

    page = world.client(Role.EDITOR).finish("/metrics", f"/metrics/{metric.id}/refresh", {}).text

    assert "note-bad" in page
    assert "Updated:" not in page
    world.sandbox.state.set_token(TOKEN)


def test_deleting_a_metric_is_confirmed(world: World) -> None:
    """The confirmation lists the maps with cards, which are removed with the metric."""
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
    assert world.app_state.maps.show(world.account, map_id).cards == ()
    assert world.app_state.card_placements.uses(world.account) == {other.id: 1}
    assert emil.get(f"/metrics/{metric.id}/delete").status_code == 404


def test_a_viewer_sees_a_read_only_list(world: World) -> None:
    """The list has no actions, and their routes return 403."""
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


def test_metrics_of_another_account_are_not_found(world: World) -> None:
    """Another account does not list these metrics, and their ids return 404."""
    world.connect()
    metric = make(world, "NPS")
    eve = world.client(Role.EDITOR, account="other")

    assert names(eve.get("/metrics").text) == []
    assert eve.get(f"/metrics/{metric.id}/delete").status_code == 404
    for action in ("delete", "refresh"):
        assert eve.submit("/metrics", f"/metrics/{metric.id}/{action}", {}).status_code == 404


def test_an_empty_list_shows_the_next_step(world: World) -> None:
    """The text of an empty list depends on the role and on the connections."""
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


def test_a_deleted_metric_is_not_refreshed(world: World) -> None:
    """Refreshing a metric that someone else deleted returns 404."""
    world.connect()
    metric = make(world, "NPS")
    world.run(world.app_state.metrics.metrics.delete(world.actor(), metric.id))
    emil = world.client(Role.EDITOR)

    assert emil.submit("/metrics", f"/metrics/{metric.id}/refresh", {}).status_code == 404
    assert emil.get(f"/metrics?refreshed={metric.id}&saved={metric.id}").status_code == 200
