"""Key rotation: while processes run, without the survey tool, and again after an interruption."""

from __future__ import annotations

import logging
import stat
from dataclasses import dataclass
from threading import Barrier, Thread
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import EncryptionError, EncryptionKeyMissing, InputError
from smaply_metrics_core.host import Actor, ConnectionStatus, KeyStatus, Role
from smaply_metrics_core.host.connections.keys import new_key
from smaply_metrics_core.host.store.connections import PAGE
from tests.host.conftest import ADMIN, KEY, TOKEN, on_both_stores, sqlite_only

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same steps on either store")

VARIABLE = "SMAPLY_METRICS_ENCRYPTION_KEYS"
ACCOUNTS = [Actor(f"account-{number}", "ada", Role.ADMIN) for number in range(3)]
NEW = new_key()


@dataclass
class Rotation:
    """Three connected accounts, and hosts with other keys on the same store."""

    world: World
    old: MetricsHost

    def open(self, *keys: str) -> MetricsHost:
        """Open a host with these keys, the encrypting one first."""
        self.world.environment[VARIABLE] = ",".join(keys)
        return self.world.open()

    def connected(self, host: MetricsHost) -> bool:
        """Whether a host can use the credentials of all accounts."""
        return all(
            host.connections.show(actor, "shop").status is ConnectionStatus.CONNECTED
            for actor in ACCOUNTS
        )


@pytest.fixture
def rotation(world: World) -> Rotation:
    """Three accounts that are connected with the old key."""
    host = world.open()
    for actor in ACCOUNTS:
        host.connections.connect(actor, "shop", {"api_token": TOKEN})
    return Rotation(world, host)


def uses(status: KeyStatus) -> list[tuple[int, bool, bool]]:
    """Return the number of connections of each key, whether it is configured and encrypts."""
    return [(key.connections, key.configured, key.encrypts) for key in status.keys]


@on_both_stores
def test_the_steps_of_a_rotation_never_break_a_process(rotation: Rotation) -> None:
    """Added last, put first, rotated and removed: in each step all processes decrypt."""
    added = rotation.open(KEY, NEW)
    assert uses(added.keys.status()) == [(3, True, True), (0, True, False)]
    first = rotation.open(NEW, KEY)
    calls = rotation.world.shop.attempts
    first.connections.edit(ACCOUNTS[0], "shop", {"nickname": "new"})
    assert rotation.connected(added)
    assert uses(first.keys.status()) == [(1, True, True), (2, True, False)]
    calls = rotation.world.shop.attempts
    done = first.keys.rotate()
    assert (done.encrypted, done.current, done.failed) == (2, 1, ())
    assert rotation.world.shop.attempts == calls
    assert uses(first.keys.status()) == [(3, True, True), (0, True, False)]
    assert rotation.connected(added)
    assert rotation.connected(first)
    assert rotation.connected(rotation.open(NEW))


def test_a_second_rotation_changes_nothing(rotation: Rotation) -> None:
    """It reports that all connections are current, and rewrites none."""
    host = rotation.open(NEW, KEY)
    host.keys.rotate()
    before = rotation.world.query("SELECT id, sealed FROM connections ORDER BY id")
    done = host.keys.rotate()
    assert (done.encrypted, done.current) == (0, 3)
    assert rotation.world.query("SELECT id, sealed FROM connections ORDER BY id") == before


def test_an_interrupted_rotation_continues(rotation: Rotation) -> None:
    """What was encrypted before the interruption stays, and the next run does the rest."""
    host = rotation.open(NEW, KEY)

    def interrupt(done: float, _total: float | None, _what: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        host.keys.rotate(interrupt)
    assert uses(host.keys.status()) == [(2, True, True), (1, True, False)]
    assert rotation.connected(host)
    assert host.keys.rotate().encrypted == 1


def test_one_damaged_connection_does_not_stop_the_rotation(rotation: Rotation) -> None:
    """It is named with its account and the problem, and its row is unchanged."""
    damaged, lost, _ = rotation.world.query("SELECT id, account FROM connections ORDER BY id")
    rotation.world.query("UPDATE connections SET sealed = 'x' WHERE id = :id", id=damaged[0])
    host = rotation.open(NEW, KEY)
    other = rotation.open(new_key(), KEY)
    other.connections.edit(Actor(lost[1], "ada", Role.ADMIN), "shop", {"nickname": "lost"})
    done = host.keys.rotate()
    assert done.encrypted == 1
    assert {(one.connection, one.account) for one in done.failed} == {tuple(damaged), tuple(lost)}
    assert {one.problem.kind for one in done.failed} == {"seal_broken", "credentials_not_usable"}
    status = host.keys.status()
    assert status.damaged == 1
    assert uses(status) == [(1, True, True), (0, True, False), (1, False, False)]
    assert rotation.world.query("SELECT sealed FROM connections WHERE sealed = 'x'") == [("x",)]


@on_both_stores
def test_a_rotation_continues_while_connections_change(rotation: Rotation) -> None:
    """Edits and a deletion during the rotation are neither lost nor fail it."""
    host = rotation.open(NEW, KEY)
    ids = [row[0] for row in rotation.world.query("SELECT account FROM connections ORDER BY id")]
    edited, deleted = (Actor(account, "ada", Role.ADMIN) for account in ids[1:])

    def change(done: float, _total: float | None, _what: str) -> None:
        if done == 1:
            rotation.old.connections.edit(edited, "shop", {"nickname": "meanwhile"})
            rotation.old.connections.delete(deleted, "shop")

    done = host.keys.rotate(change)
    assert (done.encrypted, done.current, done.failed) == (2, 1, ())
    shown = host.connections.show(edited, "shop")
    assert "meanwhile" in {field.value for field in shown.fields}


@on_both_stores
def test_rotations_and_edits_at_once_leave_usable_credentials(rotation: Rotation) -> None:
    """Two processes rotate and a third edits at the same time."""
    editor = rotation.open(KEY, NEW)
    hosts = [rotation.open(NEW, KEY), rotation.open(NEW, KEY)]
    ready = Barrier(3)
    failures: list[object] = []

    def rotate(host: MetricsHost) -> None:
        ready.wait()
        failures.extend(host.keys.rotate().failed)

    def edit() -> None:
        ready.wait()
        for number in range(5):
            for actor in ACCOUNTS:
                editor.connections.edit(actor, "shop", {"nickname": f"n{number}"})

    threads = [Thread(target=rotate, args=[host]) for host in hosts] + [Thread(target=edit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(rotation.connected(host) for host in hosts)
    shown = [hosts[0].connections.show(actor, "shop") for actor in ACCOUNTS]
    assert all("n4" in {field.value for field in view.fields} for view in shown)


def test_rollback_is_refused_after_a_rotation(rotation: Rotation) -> None:
    """The credentials that a rotation replaced are not decrypted although their key is present."""
    ((blob,),) = rotation.world.query("SELECT sealed FROM connections WHERE account = 'account-0'")
    host = rotation.open(NEW, KEY)
    host.keys.rotate()
    rotation.world.query(
        "UPDATE connections SET sealed = :blob WHERE account = 'account-0'", blob=blob
    )
    problem = rotation.open(NEW, KEY).connections.show(ACCOUNTS[0], "shop").problem
    assert problem is not None
    assert "older than those that were saved last" in problem.message


def test_a_process_without_keys_can_neither_start_nor_rotate(
    rotation: Rotation, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a key there is an error; a key that is lacking is named in a warning."""
    rotation.world.environment[VARIABLE] = " "
    without = rotation.world.open()
    for call in (without.keys.require, without.keys.rotate):
        with pytest.raises(EncryptionKeyMissing):
            call()
    assert [key.configured for key in without.keys.status().keys] == [False]
    rotation.world.environment[VARIABLE] = "hunter2"
    invalid = rotation.world.open()
    for failing in (invalid.keys.require, invalid.keys.status, invalid.keys.rotate):
        with pytest.raises(EncryptionError, match="not valid"):
            failing()
    with caplog.at_level(logging.WARNING):
        rotation.open(NEW).keys.require()
    (key,) = rotation.old.keys.status().keys
    assert f"lacks the encryption key {key.id}" in caplog.text


@on_both_stores
def test_more_than_a_page_of_connections_is_counted(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections are read in pages."""
    assert PAGE > 1
    monkeypatch.setattr("smaply_metrics_core.host.store.connections.PAGE", 2)
    assert uses(rotation.old.keys.status()) == [(3, True, True)]


@sqlite_only
def test_a_key_file_is_rotated_while_processes_run(world: World) -> None:
    """Running processes read the file again: they encrypt with its first key, and need no restart.

    No step leaves another file, or one that others can read.
    """
    del world.environment[VARIABLE]
    running, operator = world.open(), world.open()
    running.keys.require()
    running.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    ((old, *_),) = [running.keys.status().keys]
    new = operator.keys.add_to_file()
    assert [key.id for key in operator.keys.status().keys] == [new, old.id]
    assert operator.keys.remove_unused() == ()
    running.connections.edit(ADMIN, "shop", {"nickname": "x"})
    assert uses(operator.keys.status()) == [(1, True, True), (0, True, False)]
    newest = operator.keys.add_to_file()
    assert operator.keys.rotate().encrypted == 1
    assert operator.keys.remove_unused() == (new, old.id)
    assert running.connections.check(ADMIN, "shop").problem is None
    assert [key.id for key in running.keys.status().keys] == [newest]
    assert stat.S_IMODE((world.home / "key").stat().st_mode) == 0o600
    assert not list(world.home.glob(".key-*"))


@sqlite_only
def test_keys_of_the_setting_are_not_changed(world: World) -> None:
    """Only a key file can be changed; the remedy names the variable."""
    host = world.open()
    for call in (host.keys.add_to_file, host.keys.remove_unused):
        with pytest.raises(InputError, match="not in a key file") as refused:
            call()
        assert VARIABLE in refused.value.remedy
    assert not (world.home / "key").exists()
