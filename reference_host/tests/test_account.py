"""Account settings → Account: dates and times, people, workspaces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import AccountSettings, Role, RoleRequired

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import Browser, World

PAGE = "/settings/account"
LONG = "N" * 201


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def link_on(text: str) -> str:
    """Return the sign-in link on a page."""
    (link,) = re.findall(r'id="link" value="([^"]+)"', text)
    return str(link)


def id_of(world: World, name: str) -> str:
    """Return the id of a person."""
    (person,) = (
        one for one in world.app_state.people.of_account(world.account) if one.name == name
    )
    return person.id


@pytest.fixture
def ada(world: World) -> Browser:
    """The browser of an Admin."""
    return world.client(Role.ADMIN)


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_the_page_is_for_admins(world: World, role: Role) -> None:
    """Other roles get 403 with whom to ask, and no link to the page."""
    browser = world.client(role)

    assert browser.get(PAGE).status_code == 403
    assert "Ask an Admin" in browser.get(PAGE).text
    assert PAGE not in browser.get("/maps").text


def test_dates_and_times_are_chosen_from_lists(world: World, ada: Browser) -> None:
    """The lists show zones with their UTC offset, and weekdays; the saved values are selected."""
    chosen = {"zone": "Asia/Kolkata", "week_start": "7", "confidence": "99.9"}
    page = ada.submit(PAGE, f"{PAGE}/times", chosen)

    assert page.url.path == PAGE
    assert "Settings saved" in page.text
    assert '<option value="Asia/Kolkata" selected>Kolkata (UTC+05:30)</option>' in page.text
    assert '<option value="7" selected>Sunday</option>' in page.text
    assert '<option value="99.9" selected>99.9 %</option>' in page.text
    account = world.run(world.app_state.metrics.accounts.show(world.actor()))
    assert account == AccountSettings("Asia/Kolkata", 7, 99.9)


@pytest.mark.parametrize(
    ("zone", "week_start", "confidence"),
    [
        ("Asia/Kolkatta", "1", "95"),
        ("", "1", "95"),
        ("UTC", "8", "95"),
        ("UTC", "²", "95"),
        ("UTC", "", "95"),
        ("UTC", "1", "79.9"),
        ("UTC", "1", "100"),
        ("UTC", "1", "9.9.9"),
        ("UTC", "1", ""),
    ],
)
def test_invalid_settings_are_refused(
    ada: Browser, zone: str, week_start: str, confidence: str
) -> None:
    """A value that is not in the lists is refused, and nothing is saved."""
    chosen = {"zone": zone, "week_start": week_start, "confidence": confidence}
    page = ada.submit(PAGE, f"{PAGE}/times", chosen)

    assert page.status_code == 422
    assert "Not saved" in page.text
    assert '<option value="UTC" selected>UTC</option>' in page.text


def test_small_groups_are_hidden_from_a_number_of_answers(world: World, ada: Browser) -> None:
    """The number is saved; numbers that protect nobody are refused, and change nothing."""
    times = {"zone": "UTC", "week_start": "1", "confidence": "95"}
    page = ada.submit(PAGE, f"{PAGE}/times", times | {"minimum_group": "5"})
    assert 'value="5" aria-describedby="minimum-group-hint"' in page.text
    ada.submit(PAGE, f"{PAGE}/times", {"minimum_group": " 7 ", **times})
    for refused in ("2", "1001", "x", "-5"):
        page = ada.submit(PAGE, f"{PAGE}/times", times | {"minimum_group": refused})
        assert page.status_code == 422
    account = world.run(world.app_state.metrics.accounts.show(world.actor()))
    assert account == AccountSettings(minimum_group=7)


def test_an_invitation_link_is_shown_once(world: World, ada: Browser) -> None:
    """The link is only on the page after the invitation, and signs in once."""
    shown = ada.submit(PAGE, f"{PAGE}/people", {"name": " Nora ", "role": "editor"})
    link = link_on(shown.text)

    assert link.startswith(f"{world.url}/sign-in/")
    assert link not in ada.get(PAGE).text
    entered = world.client(None).post(link)
    assert "Nora" in entered.text
    assert "Editor" in entered.text
    assert world.client(None).get(link).status_code == 422


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "", "role": "viewer"}, "Enter 1 to 200 characters"),
        ({"name": LONG, "role": "viewer"}, "Enter 1 to 200 characters"),
        ({"name": "Nora", "role": "owner"}, "This role does not exist"),
        ({"name": "Nora"}, "This role does not exist"),
        ({"name": "Ada", "role": "viewer"}, "Ada is already in this account"),
    ],
)
def test_an_invalid_invitation_is_refused(ada: Browser, fields: dict[str, str], said: str) -> None:
    """The page shows the error and keeps the input; no role changes."""
    page = ada.submit(PAGE, f"{PAGE}/people", fields)

    assert page.status_code == 422
    assert said in page.text
    assert f'name="name" value="{fields["name"]}"' in page.text
    assert ada.get(PAGE).status_code == 200


def test_a_new_link_can_be_created(world: World, ada: Browser) -> None:
    """A new link for an existing person does not change their role."""
    world.client(Role.EDITOR)

    shown = ada.submit(PAGE, f"{PAGE}/people/{id_of(world, 'Emil')}/link", {})

    entered = world.client(None).get(link_on(shown.text))
    assert "Emil" in entered.text
    assert "Editor" in entered.text


def test_a_new_role_takes_effect_immediately(world: World, ada: Browser) -> None:
    """A new role applies to the next request of a signed-in person."""
    emil = world.client(Role.EDITOR)
    address = f"{PAGE}/people/{id_of(world, 'Emil')}/role"

    before = emil.get(PAGE).status_code
    said = ada.submit(PAGE, address, {"role": "admin"}).text
    as_admin = emil.get(PAGE).status_code
    ada.submit(PAGE, address, {"role": "viewer"})
    as_viewer = emil.get("/settings/integrations").status_code

    assert (before, as_admin, as_viewer) == (403, 200, 403)
    assert "Role changed" in said
    assert ada.submit(PAGE, address, {"role": "owner"}).status_code == 422


def test_a_removed_person_is_signed_out(world: World, ada: Browser) -> None:
    """After a confirmation, the person's session and links no longer work."""
    emil = world.client(Role.EDITOR)
    address = f"{PAGE}/people/{id_of(world, 'Emil')}/remove"
    link = link_on(ada.submit(PAGE, f"{PAGE}/people/{id_of(world, 'Emil')}/link", {}).text)

    asked = ada.get(address).text
    page = ada.submit(address, address, {})

    assert "Remove <bdi>Emil</bdi>?" in asked
    assert "Person removed" in page.text
    assert "Emil" not in page.text
    assert emil.get("/maps").url.path == "/sign-in"
    assert world.client(None).get(link).status_code == 422
    assert ada.get(address).status_code == 404


def test_admins_cannot_remove_themselves(world: World, ada: Browser) -> None:
    """Admins cannot remove themselves or change their own role."""
    own = f"{PAGE}/people/{id_of(world, 'Ada')}"

    page = ada.get(PAGE).text
    refused = [
        ada.submit(PAGE, f"{own}/role", {"role": "viewer"}),
        ada.submit(PAGE, f"{own}/remove", {}),
    ]

    assert own not in page
    assert [answer.status_code for answer in refused] == [422, 422]
    assert "Ask another Admin of this account" in refused[0].text
    assert ada.get(PAGE).status_code == 200


def test_people_of_another_account_are_not_found(world: World, ada: Browser) -> None:
    """Ids of people of another account return 404."""
    world.client(Role.EDITOR, account="other")
    (other,) = world.app_state.people.of_account("other")
    own = f"{PAGE}/people/{other.id}"

    answers = [
        ada.get(f"{own}/remove"),
        ada.submit(PAGE, f"{own}/remove", {}),
        ada.submit(PAGE, f"{own}/role", {"role": "viewer"}),
        ada.submit(PAGE, f"{own}/link", {}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert world.app_state.people.of_account("other") == (other,)


def test_workspaces_are_added_and_renamed(world: World, ada: Browser) -> None:
    """Names are unique, and markup in them is escaped."""
    (first,) = world.app_state.people.workspaces(world.account)
    world.app_state.people.invite("globex", "Ada", Role.ADMIN)
    others = world.app_state.people.add_workspace("globex", "Theirs")

    ada.submit(PAGE, f"{PAGE}/workspaces", {"workspace": "<b>Retail</b>"})
    taken = ada.submit(PAGE, f"{PAGE}/workspaces", {"workspace": "<b>Retail</b>"})
    same = ada.submit(PAGE, f"{PAGE}/workspaces/{first.id}", {"name": "<b>Retail</b>"})
    renamed = ada.submit(PAGE, f"{PAGE}/workspaces/{first.id}", {"name": "Shops"})
    foreign = ada.submit(PAGE, f"{PAGE}/workspaces/{others.id}", {"name": "Ours"})

    assert (taken.status_code, same.status_code, foreign.status_code) == (422, 422, 404)
    assert 'value="&lt;b&gt;Retail&lt;/b&gt;"' in renamed.text
    assert "<b>Retail" not in renamed.text
    assert [one.name for one in world.app_state.people.workspaces(world.account)] == [
        "<b>Retail</b>",
        "Shops",
    ]


def test_of_two_admins_who_remove_each_other_one_stays(world: World, ada: Browser) -> None:
    """The second Admin is no longer an Admin, so the account keeps one."""
    assert ada.get(PAGE).status_code == 200
    people = world.app_state.people
    people.invite(world.account, "Bert", Role.ADMIN)
    by_name = {one.name: one for one in people.of_account(world.account)}
    first, second = by_name["Ada"], by_name["Bert"]

    people.remove(world.account, second.id, by=first)

    with pytest.raises(RoleRequired):
        people.remove(world.account, first.id, by=second)
    with pytest.raises(RoleRequired):
        people.change_role(world.account, first.id, Role.VIEWER, by=second)
    with pytest.raises(RoleRequired):
        people.invite(world.account, "Ada", Role.VIEWER, by=second)
