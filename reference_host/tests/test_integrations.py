"""The list of integrations: the state of each source and the actions of each role."""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import SUPPORT, TOKEN, running
from smaply_metrics_core.host import Role, SourceRegistry, SourceSettings

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World
    from smaply_metrics_qualtrics_sandbox import SandboxServer

LIST = "/settings/integrations"
QUALTRICS = f"{LIST}/qualtrics"
GROUP = "smaply_metrics.sources"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def point(folder: Path, name: str, distribution: str, more: str = "") -> EntryPoint:
    """Return an entry point to a missing module, from a distribution in a folder."""
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {distribution}\nVersion: 1.0\n{more}", encoding="utf-8")
    made = EntryPoint(name=name, value="there_is_no_such_module:source", group=GROUP)
    vars(made)["dist"] = Distribution.at(info)
    return made


def test_settings_open_on_integrations(world: World) -> None:
    """Account settings opens on the list of integrations."""
    page = world.client(Role.ADMIN).get("/settings")

    assert page.url.path == LIST
    assert "Metrics tools" in page.text


def test_an_admin_is_offered_set_up(world: World) -> None:
    """An Admin sees Set up for a source that is not connected."""
    page = world.client(Role.ADMIN).get(LIST).text

    assert f'href="{QUALTRICS}/new"' in page
    assert "Set up" in page


def test_an_editor_reads_whom_to_ask(world: World) -> None:
    """An Editor sees the state of each source and whom to ask, without links to forms."""
    world.client(Role.ADMIN)

    page = world.client(Role.EDITOR).get(LIST).text

    assert "Ask an Admin to connect it: <bdi>Ada</bdi>" in page
    assert f"{LIST}/" not in page


def test_a_connection_is_visible_to_its_account_only(world: World) -> None:
    """A connection of one account does not show in another."""
    world.connect()

    ours = world.client(Role.ADMIN).get(LIST).text
    theirs = world.client(Role.ADMIN, account="other").get(LIST).text

    assert "Connected by <bdi>Ada</bdi>" in ours
    assert "Connected by" not in theirs


def test_the_issue_of_a_connection_is_in_the_list(world: World) -> None:
    """An Editor also sees a revoked token, with what to do and whom to ask."""
    world.connect()
    world.sandbox.state.set_token(None)
    world.run(world.app_state.metrics.connections.check(world.actor(), "qualtrics"))

    page = world.client(Role.EDITOR).get(LIST).text

    assert "Token revoked" in page
    assert "The connection to Qualtrics is broken." in page
    assert "An Admin can fix it." in page
    assert SUPPORT in page


def test_the_pages_of_a_source_are_for_admins(world: World) -> None:
    """An Editor gets 403 with “Ask an Admin” and no details of the connection."""
    world.connect()
    emil = world.client(Role.EDITOR)

    for path in ("", "/edit", "/delete", "/debug", "/debug/surveys", "/edit?suggested=true"):
        answer = emil.get(f"{QUALTRICS}{path}")
        assert answer.status_code == 403, path
        assert "Ask an Admin" in answer.text
        assert world.sandbox.host not in answer.text


def test_only_an_admin_changes_a_source(world: World) -> None:
    """An Editor who submits a form for Admins changes nothing."""
    world.connect()
    world.sandbox.state.clear_log()
    emil = world.client(Role.EDITOR)
    values = {"base_url": world.sandbox.host, "api_token": TOKEN, "survey": "SV_RelationshipA01"}

    for path in ("", "/edit", "/check", "/delete", "/debug"):
        assert emil.submit(LIST, f"{QUALTRICS}{path}", values).status_code == 403, path

    assert world.sandbox.state.calls() == []
    assert world.run(world.app_state.metrics.connections.list(world.actor()))


def test_a_viewer_cannot_open_settings(world: World) -> None:
    """A Viewer gets 403 on every settings page."""
    vera = world.client(Role.VIEWER)

    for path in ("/settings", LIST, QUALTRICS):
        assert vera.get(path).status_code == 403, path


def test_unusable_sources_show_the_reason(sandbox: SandboxServer, tmp_path: Path) -> None:
    """Broken, incompatible, clashing and blocked plugins show a reason; others work."""
    points = [
        *entry_points(group=GROUP),
        point(tmp_path, "torn", "acme-torn"),
        point(tmp_path, "old", "acme-old", "Requires-Dist: smaply-metrics-core<0.0.1\n"),
        point(tmp_path, "kept_out", "acme-kept-out"),
        point(tmp_path, "rival", "acme-one"),
        point(tmp_path, "rival", "acme-two"),
    ]
    settings = SourceSettings(blocked=frozenset({"kept_out"}))
    registry = SourceRegistry(settings, entry_points=lambda: points)
    with running(tmp_path / "home", sandbox, registry=registry) as world:
        ada = world.client(Role.ADMIN)
        page = ada.get(LIST).text
        own = ada.get(f"{LIST}/torn")
        for_editors = world.client(Role.EDITOR).get(LIST).text

    assert "No module named" in page
    assert "No module named" not in for_editors
    assert "The operator of this installation can fix it." in for_editors
    assert "acme-torn 1.0" in page
    assert ">Incompatible</span>" in page
    assert "It is blocked by SMAPLY_METRICS_SOURCES_BLOCKED." in page
    assert page.count(">Clash</span>") == 2
    assert f'href="{QUALTRICS}/new"' in page
    assert f"{LIST}/torn" not in page
    assert own.status_code == 502
    assert "cannot be used" in own.text


def test_only_an_admin_reads_why_a_source_is_broken(sandbox: SandboxServer, tmp_path: Path) -> None:
    """The API gives Editors no instructions that only the operator can follow."""
    points = [point(tmp_path, "torn", "acme-torn")]
    registry = SourceRegistry(entry_points=lambda: points)
    with running(tmp_path / "home", sandbox, registry=registry) as world:
        (for_admin,) = world.client(Role.ADMIN).get("/api/sources").json()
        (for_editor,) = world.client(Role.EDITOR).get("/api/sources").json()

    assert "No module named" in for_admin["reason"]
    assert for_editor == {**for_admin, "reason": "The operator of this installation can fix it."}


def test_a_connection_outlives_its_plugin(sandbox: SandboxServer, tmp_path: Path) -> None:
    """The connection of an uninstalled plugin is listed and can be deleted."""
    with running(tmp_path / "home", sandbox) as world:
        world.connect()
    registry = SourceRegistry(entry_points=list)
    with running(tmp_path / "home", sandbox, registry=registry) as world:
        ada = world.client(Role.ADMIN)
        listed = ada.get(LIST).text
        own = ada.get(QUALTRICS).text
        after = ada.submit(f"{QUALTRICS}/delete", f"{QUALTRICS}/delete", {}).text

    assert "No source “qualtrics” is installed" in listed
    assert "Connection Error" in own
    assert "Edit Configuration</a>" not in own
    assert "No source is installed" in after
