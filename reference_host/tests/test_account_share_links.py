"""Account settings → Share links: an Admin lists and ends the links of all maps."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.api.seeded_account import program
from reference_host.tests.app_fixture import ACCOUNT
from reference_host.tests.map_factories import add_map
from reference_host.tests.test_share_links import person, share, without_time
from smaply_metrics_core.host import AuditAction, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import Browser, World

PAGE = "/settings/share-links"


@pytest.fixture
def ada(world: World) -> Browser:
    """The browser of an Admin."""
    return world.client(Role.ADMIN)


def audited(world: World) -> list[tuple[str, AuditAction, str, str]]:
    """Return the newest entries of the audit trail, without those about single maps."""
    entries = world.run(world.app_state.metrics.audit.list(world.actor()))
    return [
        (one.user, one.action, one.subject, one.detail)
        for one in entries
        if one.subject == ACCOUNT and one.action is not AuditAction.SET_ACCOUNT
    ]


def switch(ada: Browser, setting: str) -> str:
    """Switch share links on or off and return the page that follows."""
    answer = ada.submit(PAGE, f"{PAGE}/setting", {"sharing": setting})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_links_of_all_maps_are_listed_and_revoked(world: World, ada: Browser) -> None:
    """Newest first, each with its map and creator; one revocation leaves the others."""
    first, second = add_map(world, "Buying online"), add_map(world, "Returning")
    others = add_map(world, "Of another account", account="globex")
    globex = next(iter(world.app_state.people.of_account("globex")))
    world.app_state.share_links.add(others.map, 7, by=globex)
    old = share(world, first)
    world.clock.forward(timedelta(minutes=1))
    new = share(world, second)
    (link,) = world.app_state.share_links.of_map(ACCOUNT, second.map)

    page = ada.get(PAGE).text

    assert 0 < page.index("Returning") < page.index("Buying online")
    assert page.count("by <bdi>Emil</bdi>") == 2
    assert "Of another account" not in page
    assert "Link revoked" in ada.submit(PAGE, f"{PAGE}/{second.map}/{link.id}/revoke", {}).text
    guest = world.client(None)
    assert (guest.get(new).status_code, guest.get(old).status_code) == (404, 200)
    assert world.client(Role.EDITOR).get(PAGE).status_code == 403


def test_all_links_are_revoked_at_once(world: World, ada: Browser) -> None:
    """After a confirmation with their number; links of another account stay."""
    paths = [share(world, add_map(world, name)) for name in ("Buying online", "Returning")]
    others = add_map(world, account="globex")
    globex = next(iter(world.app_state.people.of_account("globex")))
    world.app_state.share_links.add(others.map, 7, by=globex)
    assert "has 2 links." in ada.get(f"{PAGE}/revoke").text

    page = ada.submit(f"{PAGE}/revoke", f"{PAGE}/revoke", {}).text
    ada.submit(f"{PAGE}/revoke", f"{PAGE}/revoke", {})  # Repeating it revokes nothing.

    assert "All links revoked" in page
    assert "There are no links" in page
    assert {world.client(None).get(path).status_code for path in paths} == {404}
    assert len(world.app_state.share_links.of_account("globex")) == 1
    detail = "all links of the account: 2 links"
    assert audited(world) == [("Ada", AuditAction.END_SHARE, ACCOUNT, detail)]


def test_links_do_not_work_while_sharing_is_switched_off(world: World, ada: Browser) -> None:
    """They answer the page of a wrong link, none is created, and unexpired ones work again."""
    corner, others = add_map(world), add_map(world, account="globex")
    path, expired = share(world, corner), share(world, corner, "7")
    globex = next(iter(world.app_state.people.of_account("globex")))
    _, their_token = world.app_state.share_links.add(others.map, 30, by=globex)
    guest, emil, page = world.client(None), world.client(Role.EDITOR), f"{corner.path}/share"

    assert "switched off" in switch(ada, "off")
    switch(ada, "off")  # No change, no entry in the audit trail.

    wrong = guest.get("/shared/unknown/map")
    assert wrong.status_code == 404
    assert without_time(guest.get(path)) == without_time(wrong)
    assert guest.get(path.replace("/map", "/cards")).status_code == 404
    assert guest.get(f"/shared/{their_token}/map").status_code == 200
    assert "Ask an Admin to switch them on." in emil.get(page).text
    assert f'href="{PAGE}"' in ada.get(page).text
    editor = program(world, Role.EDITOR, ACCOUNT)
    for refused in (
        # An open page still has the form.
        emil.submit("/maps", page, {"days": "7"}),
        editor.post(f"/api{page}-links", json={"days": 7}),
    ):
        assert refused.status_code == 422
        assert "Share links are switched off for this account." in refused.text
        assert "An Admin can switch them on" in refused.text
    assert len(world.app_state.share_links.of_map(ACCOUNT, corner.map)) == 2

    world.clock.forward(timedelta(days=7))
    ada = world.client(Role.ADMIN)  # The session has expired.
    assert "switched on" in switch(ada, "on")
    assert (guest.get(path).status_code, guest.get(expired).status_code) == (200, 404)
    assert audited(world) == [
        ("Ada", AuditAction.SHARE, ACCOUNT, "share links switched on"),
        ("Ada", AuditAction.END_SHARE, ACCOUNT, "share links switched off"),
    ]
    assert ada.submit(PAGE, f"{PAGE}/setting", {"sharing": "x"}).status_code == 422


def test_an_open_page_ends_when_sharing_is_switched_off(world: World, ada: Browser) -> None:
    """At once, not at the next check of the access."""
    path = share(world, add_map(world))

    with world.client(None).stream("GET", path.replace("/map", "/events")) as stream:
        pieces = stream.iter_text()
        received = next(pieces)
        while "event: state" not in received:
            received += next(pieces)
        switch(ada, "off")
        received += "".join(pieces)

    assert "event: over\ndata: no-access" in received


def test_removing_a_person_counts_their_links(world: World, ada: Browser) -> None:
    """The confirmation links to the list, where their links can be revoked first."""
    corner = add_map(world)
    share(world, corner)
    emil = person(world, Role.EDITOR)
    address = f"/settings/account/people/{emil.id}/remove"

    page = ada.get(address).text
    assert "1 share link that they created is not revoked. To end it," in page
    assert f'href="{PAGE}"' in page
    share(world, corner)
    assert "2 share links that they created are not revoked. To end them," in ada.get(address).text
    world.app_state.share_links.revoke_all(ACCOUNT)
    assert PAGE not in ada.get(address).text.split("<form", 1)[1].split("</form>")[0]
