"""Share links of a map: people without an account read it until the link expires or is revoked."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import SUPPORT
from reference_host.tests.map_factories import NPS, add_map, add_metric, measure, place
from smaply_metrics_core.host import AccountSettings, AuditAction, GroupBy, MetricType, Role
from smaply_metrics_host.app import GUEST_BURST
from smaply_metrics_host.store.database import NAME
from smaply_metrics_host.store.people import SEEN_SECONDS
from smaply_metrics_host.store.share_links import MOST_LINKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from reference_host.tests.app_fixture import World
    from reference_host.tests.map_factories import SmallMap
    from smaply_metrics_core.host import Card
    from smaply_metrics_host.store.people import Person

BY_CHANNEL = NPS.model_copy(
    update={"type": MetricType.SERIES, "group_by": GroupBy.parse("question:QID3")}
)


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def measured_map(world: World) -> SmallMap:
    """Return a map with a chart, whose heading hides the name of its metric."""
    corner = add_map(world)
    world.connect(name="Secret connection")
    place(world, corner, add_metric(world, "Secret metric", BY_CHANNEL, heading="Fans"))
    measure(world)
    return corner


@contextmanager
def loading(world: World, card: Card) -> Iterator[None]:
    """Let the app load this card, as if its source had given it."""

    async def load(*_: object, **__: object) -> tuple[Card, ...]:
        return (card,)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.app_state.metrics.cards, "load", load)
        yield


def person(world: World, role: Role) -> Person:
    """Return the person of the account with a role."""
    return next(one for one in world.app_state.people.of_account(world.account) if one.role is role)


def share(world: World, corner: SmallMap, days: str = "30") -> str:
    """Create a link as an Editor and return its path."""
    page = f"{corner.path}/share"
    answer = world.client(Role.EDITOR).submit(page, page, {"days": days})
    assert answer.status_code == 200, answer.text
    found = re.search(r'value="([^"]+/shared/[^"]+/map)"', answer.text)
    assert found is not None
    return found[1].removeprefix(world.url)


@pytest.mark.usefixtures("canned_charts")
def test_a_guest_reads_the_map_and_nothing_else(world: World) -> None:
    """Cards, charts and updates; no name, remedy, navigation, address of the account, or token."""
    corner = measured_map(world)
    path = share(world, corner)
    folder, token = path.removesuffix("/map"), path.split("/")[2]
    world.sandbox.state.set_token("another-token-of-forty-characters-000001")
    world.clock.forward(timedelta(hours=2))
    measure(world)
    guest = world.client(None)

    page = guest.get(path)

    assert page.status_code == 200
    assert "Fans" in page.text
    assert "Not updated" in page.text, "the token of the survey tool was revoked"
    hidden = ("Secret", "Token", "Admin", "Emil", SUPPORT, corner.map, token, "<form", "csrf")
    assert [text for text in hidden if text in page.text] == []
    links = re.findall(r'(?:href|src|srcset|action|data-charts|data-live)="([^"]*)"', page.text)
    own = re.compile(r"/static/|/charts/vega\.js|\.(/charts(\.json|/\w+\.svg\?theme=\w+))?$")
    assert [one for one in links if one and not own.match(one)] == []
    for answer in (page, guest.get(f"{folder}/cards"), guest.get(f"{folder}/nothing")):
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    (digest,) = set(re.findall(r"charts/(\w+)\.svg", page.text))
    drawing = guest.get(f"{folder}/charts/{digest}.svg", params={"theme": "light"})
    assert drawing.headers["content-type"] == "image/svg+xml"
    specs = guest.get(f"{folder}/charts.json", params={"theme": "light", "digests": digest})
    assert set(specs.json()) == {digest}
    parts = guest.get(f"{folder}/cards").json()["parts"]
    assert [text for text in hidden for part in parts if text in part["html"]] == []
    for other in (corner.path, f"{corner.path}/cards", "/api/maps"):
        assert guest.get(other, follow_redirects=False).status_code in {303, 401}
    home = world.app_state.settings.home
    assert token.encode() not in (home / NAME).read_bytes()


def test_a_guest_does_not_read_notes_of_the_source(world: World) -> None:
    """They may name surveys and people; how a number was counted is written by the core."""
    corner = measured_map(world)
    path, guest, vera = share(world, corner), world.client(None), world.client(Role.VIEWER)
    loaded = world.run(world.app_state.metrics.cards.load(world.actor(), refresh=False))
    result = loaded[0].result
    assert result is not None
    assert result.source_notes == ()
    noted = {
        "notes": ("Survey “Secret survey” of Eve.", "Weights are scaled."),
        "source_notes": ("Survey “Secret survey” of Eve.",),
    }
    for update, seen in ((noted, True), (noted | {"source_notes": None}, False)):
        store = result.model_copy(update=update)
        with loading(world, loaded[0].model_copy(update={"result": store})):
            page, own = guest.get(path).text, vera.get(corner.path).text
        assert "Secret survey" in own
        assert "Secret survey" not in page
        assert ("Weights are scaled." in page) == seen
        assert "Responses: " in page


@pytest.mark.usefixtures("canned_charts")
def test_nothing_of_a_map_stays_in_the_browser_of_a_guest(world: World) -> None:
    """Neither the page nor its charts, which people of the account may cache."""
    corner = measured_map(world)
    path, guest = share(world, corner), world.client(None)
    (digest,) = set(re.findall(r"charts/(\w+)\.svg", guest.get(path).text))
    parts = (
        "map",
        "cards",
        f"charts/{digest}.svg?theme=light",
        f"charts.json?theme=light&digests={digest}",
    )
    for part in parts:
        answer = guest.get(path.replace("map", part))
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), part
    chart = f"{corner.path}/charts/{digest}.svg?theme=light"
    assert "private" in world.client(Role.VIEWER).get(chart).headers["cache-control"]


def test_the_requests_of_a_link_are_limited(world: World) -> None:
    """All of its guests get 429 for a while, others and people of the account do not."""
    corner = add_map(world)
    first, second = share(world, corner), share(world, corner)
    links = world.app_state.share_links.of_map(world.account, corner.map)
    guest = world.client(None)
    for _ in range(GUEST_BURST):
        world.app_state.guest_requests.take(links[-1].id)
    refused = [guest.get(first), guest.get(first.replace("/map", "/cards"))]
    assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(429, "1")}
    assert "Too many requests" in refused[0].text
    assert "<nav" not in refused[0].text
    assert guest.get(second).status_code == 200
    assert world.client(Role.VIEWER).get(corner.path).status_code == 200
    world.clock.forward(timedelta(seconds=2))
    assert guest.get(first).status_code == 200


def test_a_guest_refreshes_like_a_viewer(world: World) -> None:
    """Loading starts the refreshes that are due, an hour after the last; nothing forces one."""
    corner = measured_map(world)
    path = share(world, corner)
    guest, exports = world.client(None), world.sandbox.state.exports
    before = len(exports.jobs())

    guest.get(path)
    assert guest.post(path.replace("/map", "/refresh")).status_code == 404
    assert len(exports.jobs()) == before
    world.clock.forward(timedelta(hours=1, minutes=1))
    guest.get(path.replace("/map", "/cards"))
    assert len(exports.jobs()) == before, "only loading the page refreshes"
    assert "refreshing" in guest.get(path).text
    measure(world)
    assert len(exports.jobs()) == before + 1


def test_revoked_expired_and_wrong_links_are_the_same_page(world: World) -> None:
    """A 404 without navigation, also for a person who is signed in."""
    corner = add_map(world)
    revoked, expired = share(world, corner), share(world, corner, "7")
    guest, emil = world.client(None), world.client(Role.EDITOR)
    assert guest.get(revoked).status_code == guest.get(expired).status_code == 200
    first = world.app_state.share_links.of_map(world.account, corner.map)[-1]
    page = f"{corner.path}/share"
    assert "Link revoked." in emil.submit(page, f"{page}/{first.id}/revoke", {}).text
    assert guest.get(revoked).status_code == 404
    assert guest.get(expired).status_code == 200
    world.clock.forward(timedelta(days=7))

    answers = [
        browser.get(path)
        for browser in (guest, world.client(Role.ADMIN))
        for path in (revoked, expired, "/shared/unknown/map", f"/shared/{'x' * 5000}/map")
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({without_time(answer) for answer in answers}) == 1
    assert "This link does not work" in answers[0].text
    assert "<nav" not in answers[0].text
    assert "<a " not in answers[0].text
    assert {
        guest.get(revoked.replace("/map", part)).status_code
        for part in ("/cards", "/events", "/charts.json?theme=light&digests=", "/charts/0.svg")
    } == {404}


def without_time(answer: httpx.Response) -> str:
    """Return the text of a page without the time of the server."""
    return re.sub(r'data-now="[^"]+"', "", answer.text)


def test_links_are_listed_with_their_creator_and_last_use(world: World) -> None:
    """On a page of the map; both actions are in the audit trail."""
    corner = add_map(world)
    path, emil = share(world, corner), world.client(Role.EDITOR)
    page = f"{corner.path}/share"

    assert "never" in emil.get(page).text
    world.client(None).get(path)
    (link,) = world.app_state.share_links.of_map(world.account, corner.map)
    assert link.created_by == "Emil"
    assert link.expires_at - link.created_at == timedelta(days=30)
    used = link.used_at
    assert used is not None
    world.clock.forward(timedelta(seconds=SEEN_SECONDS + 1))
    world.client(None).get(path)
    (link,) = world.app_state.share_links.of_map(world.account, corner.map)
    assert link.used_at is not None
    assert link.used_at > used
    shown = emil.get(page).text
    assert "never" not in shown
    assert path.split("/")[2] not in shown, "the link is shown only once"
    emil.submit(page, f"{page}/{link.id}/revoke", {})

    entries = world.run(world.app_state.metrics.audit.list(world.actor()))
    assert [(one.user, one.action, one.subject, one.detail) for one in entries] == [
        ("Emil", AuditAction.END_SHARE, corner.map, "Buying online"),
        ("Emil", AuditAction.SHARE, corner.map, "Buying online, for 30 days"),
    ]


def test_only_editors_share_a_map_of_their_account(world: World) -> None:
    """A Viewer and another account cannot; the days and the number of links are limited."""
    corner, others = add_map(world), add_map(world, account="globex")
    page, emil = f"{corner.path}/share", world.client(Role.EDITOR)
    vera = world.client(Role.VIEWER)
    assert vera.get(page).status_code == 403
    assert "/share" not in vera.get(corner.path).text
    assert emil.get(f"{others.path}/share").status_code == 404
    assert emil.submit(page, f"{others.path}/share", {"days": "30"}).status_code == 404
    for days in ("", "31", "-7", "9" * 5000):
        assert emil.submit(page, page, {"days": days}).status_code == 422
    links = world.app_state.share_links
    for _ in range(MOST_LINKS):
        links.add(corner.map, 7, by=person(world, Role.EDITOR))

    assert emil.submit(page, page, {"days": "30"}).status_code == 422
    mine = links.of_map(world.account, corner.map)[0]
    assert emil.submit(page, f"{others.path}/share/{mine.id}/revoke", {}).status_code == 404
    world.clock.forward(timedelta(days=7))
    assert share(world, corner)  # Expired links do not count.
    assert len(links.of_map(world.account, corner.map)) == 1


def test_a_link_ends_with_its_map_and_outlives_its_creator(world: World) -> None:
    """A removed person is no longer named; without the map, the link is not valid."""
    corner = add_map(world)
    path, guest = share(world, corner), world.client(None)
    world.client(Role.ADMIN)
    people = world.app_state.people
    emil = person(world, Role.EDITOR)
    people.remove(world.account, emil.id, by=person(world, Role.ADMIN))

    assert guest.get(path).status_code == 200
    assert "a person who was removed" in world.client(Role.ADMIN).get(f"{corner.path}/share").text
    world.app_state.maps.delete(world.account, corner.map)
    assert guest.get(path).status_code == 404


def test_small_groups_are_hidden_from_guests(world: World) -> None:
    """Values of groups below the account's minimum are neither in the page nor in the chart."""
    corner = measured_map(world)
    path, guest = share(world, corner), world.client(None)
    settings = AccountSettings(minimum_group=1_000)
    assert "fewer than 1,000 answers" not in guest.get(path).text

    world.run(world.app_state.metrics.accounts.edit(world.actor(), settings))

    assert "fewer than 1,000 answers" in guest.get(path).text


def test_an_open_page_of_a_revoked_link_ends(world: World) -> None:
    """At once, not at the next check of the access."""
    corner = add_map(world)
    path, emil = share(world, corner), world.client(Role.EDITOR)
    (link,) = world.app_state.share_links.of_map(world.account, corner.map)
    page = f"{corner.path}/share"

    with world.client(None).stream("GET", path.replace("/map", "/events")) as stream:
        pieces = stream.iter_text()
        received = next(pieces)
        while "event: state" not in received:
            received += next(pieces)
        emil.submit(page, f"{page}/{link.id}/revoke", {})
        received += "".join(pieces)

    assert "event: over\ndata: no-access" in received
