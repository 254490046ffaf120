"""Editing a map with forms: names, stages, lanes, texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.map_factories import add_map
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def test_an_editor_changes_names_and_texts(world: World) -> None:
    """An Editor changes the names of a map, a stage and a lane, and a text."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    edit = f"{corner.path}/edit"

    emil.submit(edit, f"{corner.path}/name", {"name": "Buying 🚴‍♀️"})
    emil.submit(edit, f"{corner.path}/stages/{corner.stage}", {"name": "Entdecken"})
    emil.submit(edit, f"{corner.path}/lanes/{corner.texts}", {"name": "思考"})
    cell = {"lane": corner.texts, "stage": corner.stage}
    emil.submit(edit, f"{corner.path}/texts", {**cell, "text": "“Is this <b>it</b>?”"})

    page = emil.get(corner.path).text
    for said in ("Buying 🚴‍♀️", "Entdecken", "思考", "“Is this &lt;b&gt;it&lt;/b&gt;?”"):
        assert said in page


def test_an_editor_adds_and_removes_stages_and_lanes(world: World) -> None:
    """Removing needs no confirmation, since it can be undone."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    edit = f"{corner.path}/edit"

    emil.submit(edit, f"{corner.path}/stages", {"name": "Order"})
    emil.submit(edit, f"{corner.path}/lanes", {"name": "Volume", "kind": "data"})
    emil.submit(edit, f"{corner.path}/stages/{corner.stage}/remove", {})
    emil.submit(edit, f"{corner.path}/lanes/{corner.texts}/remove", {})

    journey = world.app_state.maps.show(world.account, corner.map)
    assert [stage.name for stage in journey.stages] == ["Order"]
    assert [(lane.name, lane.kind) for lane in journey.lanes] == [
        ("Experience", "data"),
        ("Volume", "data"),
    ]


def test_deleting_a_map_is_confirmed(world: World) -> None:
    """The confirmation states that metrics are not deleted."""
    corner, emil = add_map(world), world.client(Role.EDITOR)

    question = emil.get(f"{corner.path}/delete").text
    answer = emil.submit(f"{corner.path}/delete", f"{corner.path}/delete", {})

    assert "It contains no texts or cards." in question
    assert answer.url.path == "/maps"
    assert emil.get(corner.path).status_code == 404


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/name", {"name": " "}),
        ("/stages", {"name": "two\nlines"}),
        ("/lanes", {"name": "x" * 301}),
        ("/texts", {"lane": "none", "stage": "none", "text": "?"}),
        ("/stages/none", {"name": "New"}),
        ("/lanes/none/remove", {}),
    ],
)
def test_invalid_input_is_refused(world: World, path: str, fields: dict[str, str]) -> None:
    """The page shows a remedy, and nothing is changed."""
    corner, emil = add_map(world), world.client(Role.EDITOR)
    before = world.app_state.maps.show(world.account, corner.map)

    answer = emil.submit(f"{corner.path}/edit", corner.path + path, fields)

    assert answer.status_code in {404, 422}
    assert '<div class="banner bad" role="alert">' in answer.text
    assert world.app_state.maps.show(world.account, corner.map) == before


def test_a_viewer_cannot_edit_a_map(world: World) -> None:
    """The edit page and all forms return 403."""
    corner, vera = add_map(world), world.client(Role.VIEWER)
    before = world.app_state.maps.show(world.account, corner.map)

    assert vera.get(f"{corner.path}/edit").status_code == 403
    for path in ("/name", "/stages", f"/stages/{corner.stage}/remove", "/texts", "/delete"):
        answer = vera.submit(corner.path, corner.path + path, {"name": "Mine"})
        assert answer.status_code == 403, path
    assert world.app_state.maps.show(world.account, corner.map) == before
