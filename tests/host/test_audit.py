"""The audit trail: who connected, edited, deleted and exported what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import CheckFailed, InputError, RoleRequired
from smaply_metrics_core.host import AccountSettings, Actor, AuditAction, Role
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, load

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World


def test_actions_are_recorded_with_their_user(
    world: World, host: MetricsHost, tmp_path: Path
) -> None:
    """Each change adds one entry with its time, and none contains a secret."""
    connection = host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.connections.edit(ADMIN, "shop", {"nickname": "Corner"})
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    host.metrics.edit(EDITOR, metric.id, name="Five stars")
    host.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "1.zip", include_personal=True)
    host.accounts.edit(ADMIN, AccountSettings("Europe/Vienna", 7, minimum_group=5))
    host.metrics.delete(EDITOR, metric.id)
    host.connections.delete(ADMIN, "shop")
    entries = host.audit.list(ADMIN)
    assert [(one.user, one.action, one.subject, one.detail) for one in reversed(entries)] == [
        ("ada", AuditAction.CONNECT, connection.id, "shop"),
        ("ada", AuditAction.EDIT_CONNECTION, connection.id, "shop"),
        ("ed", AuditAction.ADD_METRIC, metric.id, "Stars"),
        ("ed", AuditAction.EDIT_METRIC, metric.id, "Five stars"),
        ("ada", AuditAction.EXPORT, connection.id, "S1, with personal columns"),
        (
            "ada",
            AuditAction.SET_ACCOUNT,
            "acme",
            "Europe/Vienna, weeks start on day 7, 95 % confidence, groups below 5 answers hidden",
        ),
        ("ed", AuditAction.DELETE_METRIC, metric.id, "Five stars"),
        ("ada", AuditAction.DELETE_CONNECTION, connection.id, "shop"),
    ]
    assert {one.at for one in entries} == {world.clock.now()}
    assert TOKEN not in repr(entries)


def test_refused_actions_are_not_recorded(world: World, host: MetricsHost) -> None:
    """Entries are about actions, not about attempts."""
    world.shop.tokens = set()
    with pytest.raises(CheckFailed):
        host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert host.audit.list(ADMIN) == ()


def test_a_host_app_records_its_own_actions_only(host: MetricsHost) -> None:
    """Sharing by an Editor; no other action, no empty subject, and no entry of a Viewer."""
    host.audit.record(EDITOR, AuditAction.SHARE, "map_1", "Buying online")
    host.audit.record(ADMIN, AuditAction.END_SHARE, "map_1")
    for action, subject, detail in (
        (AuditAction.CONNECT, "shop", ""),
        (AuditAction.SHARE, "", ""),
        (AuditAction.SHARE, "m" * 401, ""),
        (AuditAction.SHARE, "map_1", "d" * 1_001),
    ):
        with pytest.raises(InputError):
            host.audit.record(EDITOR, action, subject, detail)
    with pytest.raises(RoleRequired):
        host.audit.record(Actor("acme", "vera", Role.VIEWER), AuditAction.SHARE, "map_1")
    entries = [(one.user, one.action, one.subject, one.detail) for one in host.audit.list(ADMIN)]
    assert entries == [
        ("ada", AuditAction.END_SHARE, "map_1", ""),
        ("ed", AuditAction.SHARE, "map_1", "Buying online"),
    ]


def test_only_admins_read_the_trail_and_only_of_their_account(connected: MetricsHost) -> None:
    """An Editor gets an error, and another account's Admin sees no entry."""
    with pytest.raises(RoleRequired):
        connected.audit.list(EDITOR)
    assert connected.audit.list(Actor("rival", "rita", Role.ADMIN)) == ()


def test_the_trail_is_read_in_pages(connected: MetricsHost) -> None:
    """Each page starts where the previous one ended."""
    for number in range(4):
        connected.metrics.add(EDITOR, "shop", f"M{number}", AVERAGE)
    first = connected.audit.list(ADMIN, limit=3)
    rest = connected.audit.list(ADMIN, limit=3, before=first[-1].id)
    assert [one.detail for one in (*first, *rest)] == ["M3", "M2", "M1", "M0", "shop"]
    for limit in (0, 1_001):
        with pytest.raises(InputError):
            connected.audit.list(ADMIN, limit=limit)


def test_old_entries_are_neither_shown_nor_stored(world: World) -> None:
    """With a retention, a refresh and the start of a process delete them; others stay."""
    world.options = {"audit_retention_days": 30}
    host = world.open()
    for actor in (ADMIN, Actor("rival", "rita", Role.ADMIN)):
        host.connections.connect(actor, "shop", {"api_token": TOKEN})
    world.clock.forward(31 * 86_400)
    metric = host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    assert [one.subject for one in host.audit.list(ADMIN)] == [metric.id]
    stored = "SELECT account, action FROM audit ORDER BY id"
    assert len(world.query(stored)) == 3
    load(host)
    assert world.query(stored) == [("rival", "connect"), ("acme", "add_metric")]
    world.open()
    assert world.query(stored) == [("acme", "add_metric")]
