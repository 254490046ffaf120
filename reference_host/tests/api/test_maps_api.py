"""Maps, people, workspaces and account settings in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.api.seeded_account import prepare, program
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    import httpx

    from reference_host.tests.api.seeded_account import Prepared
    from reference_host.tests.app_fixture import World


@pytest.fixture
def admin(shared: World, prepared: Prepared) -> httpx.Client:
    """An API client of an Admin."""
    return program(shared, Role.ADMIN, prepared.account)


@pytest.fixture
def editor(shared: World, prepared: Prepared) -> httpx.Client:
    """An API client of an Editor."""
    return program(shared, Role.EDITOR, prepared.account)


def test_a_map_is_created_filled_and_deleted(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """Stages, lanes, texts and cards are returned in order, also for a Viewer."""
    made = editor.post("/api/maps", json={"workspace": prepared.workspace, "name": "Returning"})
    address = made.headers["location"]
    stages = [
        editor.post(f"{address}/stages", json={"name": name}).json()["id"]
        for name in ("Decide", "Send back")
    ]
    texts, data = (
        editor.post(f"{address}/lanes", json={"name": kind, "kind": kind}).json()["id"]
        for kind in ("text", "data")
    )
    editor.put(f"{address}/texts", json={"lane": texts, "stage": stages[0], "text": " Thinks "})
    card = editor.post(
        f"{address}/placed-cards",
        json={"lane": data, "stage": stages[1], "metric": prepared.metric},
    ).json()
    gauge = {"display": {"chart": "gauge"}}
    editor.patch(f"{address}/placed-cards/{card['id']}", json=gauge).raise_for_status()
    editor.patch(f"{address}/stages/{stages[0]}", json={"name": "Think"}).raise_for_status()
    editor.patch(f"{address}/lanes/{data}", json={"name": "Numbers"}).raise_for_status()
    editor.patch(address, json={"name": "Returning things"}).raise_for_status()

    shown = program(shared, Role.VIEWER, prepared.account).get(address).json()

    assert shown["name"] == "Returning things"
    assert [stage["name"] for stage in shown["stages"]] == ["Think", "Send back"]
    assert [(lane["name"], lane["kind"]) for lane in shown["lanes"]] == [
        ("text", "text"),
        ("Numbers", "data"),
    ]
    assert shown["texts"] == [{"lane": texts, "stage": stages[0], "text": "Thinks"}]
    assert [(one["metric"], one["display"]["chart"]) for one in shown["cards"]] == [
        (prepared.metric, "gauge")
    ]

    removed = [
        editor.delete(f"{address}/placed-cards/{card['id']}"),
        editor.delete(f"{address}/stages/{stages[0]}"),
        editor.delete(f"{address}/lanes/{texts}"),
        editor.delete(address),
    ]
    assert [answer.status_code for answer in removed] == [204] * 4
    assert editor.get(address).status_code == 404
    assert [one["id"] for one in editor.get("/api/maps").json()] == [prepared.map]


def test_a_change_of_another_version_is_refused(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """The response names the saved version; it is the one to base the next change on."""
    address = f"/api/maps/{prepared.map}"
    cell = {"lane": prepared.text_lane, "stage": prepared.stage}
    display = editor.get(address).json()["cards"][0]["display"]
    theirs = {**display, "heading": "Theirs", "target": 40.0}
    changes: list[tuple[str, str, dict[str, Any], object, str]] = [
        ("PATCH", "", {"name": "Own"}, "Before", "was"),
        ("PATCH", f"/stages/{prepared.stage}", {"name": "Own"}, "Before", "was"),
        ("PATCH", f"/lanes/{prepared.text_lane}", {"name": "Own"}, "Before", "was"),
        ("PUT", "/texts", {**cell, "text": "Own"}, "Before", "was"),
    ]
    for method, path, body, was, name in changes:
        refused = editor.request(method, f"{address}{path}", json={**body, "was": was})
        assert refused.status_code == 409, path
        (field,) = refused.json()["fields"]
        assert (field["name"], field["suggestion"] in field["message"]) == (name, True), path
        based = {**body, "was": field["suggestion"]}
        assert editor.request(method, f"{address}{path}", json=based).status_code == 200, path

    card = f"{address}/placed-cards/{prepared.card}"
    editor.patch(card, json={"display": theirs, "was": display}).raise_for_status()
    refused = editor.patch(card, json={"display": {"heading": "Own"}, "was": display})
    assert refused.status_code == 409
    assert [(one["name"], one["suggestion"]) for one in refused.json()["fields"]] == [
        ("was.heading", "Theirs"),
        ("was.target", "40.0"),
    ]
    assert editor.get(address).json()["cards"][0]["display"] == theirs
    assert shared.app_state.maps.show(prepared.account, prepared.map).name == "Own"


def test_a_map_is_shared_until_the_link_is_revoked(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """The URL is returned once; a Viewer does not see the links."""
    address = f"/api/maps/{prepared.map}/share-links"
    made = editor.post(address, json={"days": 7})
    assert made.status_code == 201
    link, guest = made.json(), shared.client(None)
    assert guest.get(link["link"]).status_code == 200

    (listed,) = (one for one in editor.get(address).json() if one["id"] == link["share_link"]["id"])
    assert listed["created_by"] == "Emil"
    assert listed["used_at"] is not None
    assert link["link"].split("/")[-2] not in editor.get(address).text
    admin = program(shared, Role.ADMIN, prepared.account)
    assert listed in admin.get("/api/account/share-links").json()
    assert listed["map"] == prepared.map
    assert program(shared, Role.VIEWER, prepared.account).get(address).status_code == 403
    assert editor.post(address, json={"days": 8}).status_code == 422
    assert editor.delete(f"{address}/{listed['id']}").status_code == 204
    assert guest.get(link["link"]).status_code == 404
    assert editor.delete(f"{address}/{listed['id']}").status_code == 404


def test_a_part_is_addressed_by_its_own_map(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """A stage, lane or card is not found under another map of the same account."""
    other = shared.app_state.maps.add(prepared.account, prepared.workspace, "Other")

    answers = [
        editor.delete(f"/api/maps/{other}/stages/{prepared.stage}"),
        editor.delete(f"/api/maps/{other}/lanes/{prepared.data_lane}"),
        editor.delete(f"/api/maps/{other}/placed-cards/{prepared.card}"),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3


def test_cells_hold_the_kind_of_their_lane(prepared: Prepared, editor: httpx.Client) -> None:
    """Texts are for text lanes, cards of existing metrics for data lanes."""
    address = f"/api/maps/{prepared.map}"
    at_stage = {"stage": prepared.stage}

    text = editor.put(
        f"{address}/texts", json={**at_stage, "lane": prepared.data_lane, "text": "x"}
    )
    card = editor.post(
        f"{address}/placed-cards",
        json={**at_stage, "lane": prepared.text_lane, "metric": prepared.metric},
    )
    unknown = editor.post(
        f"{address}/placed-cards",
        json={**at_stage, "lane": prepared.data_lane, "metric": "met_000000000000"},
    )

    assert [text.status_code, card.status_code, unknown.status_code] == [422, 422, 404]


def test_a_role_limits_the_operations(shared: World, prepared: Prepared) -> None:
    """A Viewer cannot change maps; an Editor cannot list people."""
    viewer = program(shared, Role.VIEWER, prepared.account)
    editor = program(shared, Role.EDITOR, prepared.account)

    assert viewer.delete(f"/api/maps/{prepared.map}").status_code == 403
    assert viewer.delete(f"/api/metrics/{prepared.metric}").status_code == 403
    assert viewer.get("/api/connections").status_code == 403
    assert editor.get("/api/people").status_code == 403
    assert editor.get("/api/sources/qualtrics/form").status_code == 403


def test_nothing_of_another_account_is_found(shared: World, editor: httpx.Client) -> None:
    """Ids of another account return 404, in URLs and in bodies."""
    others = prepare(shared, "others")

    answers = [
        editor.get(f"/api/maps/{others.map}"),
        editor.get(f"/api/metrics/{others.metric}"),
        editor.get("/api/cards", params={"metric": others.metric}),
        editor.post("/api/maps", json={"workspace": others.workspace, "name": "Ours"}),
        editor.get("/api/maps", params={"workspace": others.workspace}),
        editor.get(f"/api/connections/{others.connection}"),
    ]

    assert [answer.status_code for answer in answers] == [404] * len(answers)


def test_a_person_is_invited_promoted_and_removed(
    shared: World, prepared: Prepared, admin: httpx.Client
) -> None:
    """The link signs in, a new role applies to the next request, removal ends the session."""
    invited = admin.post("/api/people", json={"name": "Nora", "role": "viewer"}).json()
    person, link = invited["person"]["id"], invited["link"]
    nora = shared.client(None)
    nora.post(link.removeprefix(shared.url)).raise_for_status()

    seen: list[Any] = [nora.get("/api/session").json()["person"]["role"]]
    admin.patch(f"/api/people/{person}", json={"role": "editor"}).raise_for_status()
    seen.append(nora.get("/api/session").json()["person"]["role"])
    names = [one["name"] for one in admin.get("/api/people").json()]
    removed = admin.delete(f"/api/people/{person}")
    seen.append(nora.get("/api/session").status_code)

    assert seen == ["viewer", "editor", 401]
    assert names == ["Ada", "Nora", "Petra"]
    assert removed.status_code == 204
    assert admin.delete(f"/api/people/{person}").status_code == 404


def test_an_admin_cannot_lock_themselves_out(admin: httpx.Client) -> None:
    """Admins cannot change their own role or remove themselves, by name or by id."""
    own = admin.get("/api/session").json()["person"]["id"]

    answers = [
        admin.patch(f"/api/people/{own}", json={"role": "viewer"}),
        admin.post("/api/people", json={"name": "Ada", "role": "viewer"}),
        admin.delete(f"/api/people/{own}"),
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
    assert admin.get("/api/people").status_code == 200


def test_workspace_names_are_unique(prepared: Prepared, admin: httpx.Client) -> None:
    """A name in use is refused when adding or renaming a workspace."""
    added = admin.post("/api/workspaces", json={"name": "Wholesale"})
    again = admin.post("/api/workspaces", json={"name": "Wholesale"})
    address = f"/api/workspaces/{prepared.workspace}"
    taken = admin.patch(address, json={"name": "Wholesale"})
    renamed = admin.patch(address, json={"name": "Shops"})

    assert (added.status_code, again.status_code, taken.status_code) == (201, 422, 422)
    assert renamed.json() == {"id": prepared.workspace, "name": "Shops"}
    assert [one["name"] for one in admin.get("/api/workspaces").json()] == [
        "Shops",
        "Wholesale",
        "Workspace",
    ]


def test_an_admin_changes_the_time_zone_and_week_start(shared: World, prepared: Prepared) -> None:
    """The new values are returned to other roles; an unknown zone is refused."""
    admin = program(shared, Role.ADMIN, prepared.account)
    viewer = program(shared, Role.VIEWER, prepared.account)

    changed = admin.put("/api/account", json={"zone": "Asia/Tokyo", "week_start": 7})
    impossible = admin.put(
        "/api/account", json={"zone": "Asia/Tokyo", "week_start": 7, "confidence": 100}
    )
    refused = admin.put("/api/account", json={"zone": "Asia/Tokio", "week_start": 7})

    assert changed.status_code == 200
    assert impossible.status_code == 422
    assert refused.status_code == 422
    assert "Asia/Tokyo" in refused.json()["remedy"]
    assert viewer.get("/api/account").json() == {
        "id": prepared.account,
        "zone": "Asia/Tokyo",
        "week_start": 7,
        "confidence": 95,
        "minimum_group": 0,
    }
