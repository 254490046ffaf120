"""Older credentials that are restored in the database without the key are not used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from smaply_metrics_core.errors import DecryptionFailed
from smaply_metrics_core.host import ConnectionStatus
from smaply_metrics_core.host.connections.keys import KeyRing
from smaply_metrics_core.host.connections.vault import (
    NONCE_BYTES,
    UNVERSIONED,
    BlobOwner,
    _associated_data,
    _encode,
)
from tests.host.conftest import ADMIN, KEY, TOKEN

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

NEW_TOKEN = "right-token-0002"
COLUMNS = "source, sealed, version, updated_at, checked_at, problem, report"


@pytest.fixture
def edited(world: World, connected: MetricsHost) -> str:
    """The blob before the token was replaced; the connection now has another token."""
    ((before,),) = world.query("SELECT sealed FROM connections")
    world.shop.tokens = {TOKEN, NEW_TOKEN}
    connected.connections.edit(ADMIN, "shop", {"api_token": NEW_TOKEN})
    return str(before)


def problem_of(host: MetricsHost) -> str:
    """Return the message of the connection's problem, after a check was refused."""
    with pytest.raises(DecryptionFailed):
        host.connections.check(ADMIN, "shop")
    view = host.connections.show(ADMIN, "shop")
    assert view.status is ConnectionStatus.ERROR
    assert view.problem is not None
    return view.problem.message


def write_unversioned(world: World) -> None:
    """Replace the credentials by those that an earlier release would have stored."""
    ((connection, account),) = world.query("SELECT id, account FROM connections")
    ring = KeyRing.from_setting(SecretStr(KEY))
    owner = BlobOwner("connection", account, connection, "shop", 0)
    nonce = bytes(NONCE_BYTES)
    plain = json.dumps({"api_token": TOKEN, "base_url": "shop.example.com"}).encode()
    bound = _associated_data(owner, UNVERSIONED, ring.ids[0])
    sealed = nonce + AESGCM(ring.key(ring.ids[0])).encrypt(nonce, plain, bound)
    blob = f"{UNVERSIONED}.{ring.ids[0]}.{_encode(sealed)}"
    world.query("UPDATE connections SET sealed = :blob", blob=blob)


def test_an_older_blob_is_not_used(world: World, connected: MetricsHost, edited: str) -> None:
    """Neither a running process nor a new one decrypts it, and the shop is not called."""
    world.query("UPDATE connections SET sealed = :blob", blob=edited)
    calls = world.shop.attempts
    for host in (connected, world.open()):
        assert "older than those that were saved last" in problem_of(host)
    assert world.shop.attempts == calls


def test_an_older_row_is_not_used(world: World, connected: MetricsHost) -> None:
    """Restoring every column of the row, its versions included, changes nothing."""
    world.query("CREATE TABLE stolen AS SELECT * FROM connections")
    try:
        world.shop.tokens = {TOKEN, NEW_TOKEN}
        connected.connections.edit(ADMIN, "shop", {"api_token": NEW_TOKEN})
        world.query("DELETE FROM connections")
        world.query("INSERT INTO connections SELECT * FROM stolen")
        for host in (connected, world.open()):
            assert "older than those that were saved last" in problem_of(host)
    finally:
        world.query("DROP TABLE stolen")


def test_a_process_that_knows_newer_credentials_refuses_older_ones(
    world: World, connected: MetricsHost
) -> None:
    """If the version is restored too, a running process still refuses the credentials.

    A new process cannot tell this from a restored backup.
    """
    ((blob, version),) = world.query(
        "SELECT sealed, v.version FROM connections, credential_versions v"
    )
    world.shop.tokens = {TOKEN, NEW_TOKEN}
    connected.connections.edit(ADMIN, "shop", {"api_token": NEW_TOKEN})
    world.query("UPDATE connections SET sealed = :blob", blob=blob)
    world.query("UPDATE credential_versions SET version = :version", version=version)
    assert "restart the processes" in str(connected.connections.show(ADMIN, "shop").problem)
    assert world.open().connections.check(ADMIN, "shop").problem is None


def test_a_row_without_a_version_is_not_used(world: World, connected: MetricsHost) -> None:
    """Deleting the version does not make the row look like one of an earlier release."""
    world.query("DELETE FROM credential_versions")
    assert "changed or damaged" in problem_of(connected)
    write_unversioned(world)
    assert "changed or damaged" in problem_of(world.open())


def test_a_deleted_connection_cannot_be_restored(world: World, connected: MetricsHost) -> None:
    """A row that is inserted again after its deletion is not used, even if its ID is."""
    world.query("CREATE TABLE stolen AS SELECT * FROM connections")
    try:
        connected.connections.delete(ADMIN, "shop")
        assert world.query("SELECT * FROM credential_versions") == []
        world.query("INSERT INTO connections SELECT * FROM stolen")
        for host in (connected, world.open()):
            assert "changed or damaged" in problem_of(host)
    finally:
        world.query("DROP TABLE stolen")


def test_refused_credentials_can_be_entered_again(
    world: World, connected: MetricsHost, edited: str
) -> None:
    """Whatever was restored or deleted, the connection works after all fields were entered."""
    for damage in ("UPDATE connections SET sealed = :blob", "DELETE FROM credential_versions"):
        world.query(damage, **({"blob": edited} if ":blob" in damage else {}))
        view = connected.connections.edit(
            ADMIN, "shop", {"api_token": TOKEN, "base_url": "shop.example.com"}
        )
        assert view.status is ConnectionStatus.CONNECTED
        for host in (connected, world.open()):
            assert host.connections.check(ADMIN, "shop").problem is None


def test_credentials_of_an_earlier_release_work_until_they_are_replaced(
    world: World, connected: MetricsHost
) -> None:
    """A check that passes encrypts them with a version; the old blob is then refused."""
    write_unversioned(world)
    world.query("UPDATE credential_versions SET version = 0")
    ((old,),) = world.query("SELECT sealed FROM connections")
    host = world.open()
    assert host.connections.check(ADMIN, "shop").problem is None
    ((new,),) = world.query("SELECT sealed FROM connections")
    assert (old[:3], new[:3]) == ("v1.", "v2.")
    world.query("UPDATE connections SET sealed = :blob", blob=old)
    for one in (host, world.open()):
        assert "older than those that were saved last" in problem_of(one)


def test_a_refused_edit_leaves_the_credentials_usable(world: World, connected: MetricsHost) -> None:
    """Of two edits at once, the one that is refused does not change the version."""
    other = world.open()
    row = other._runtime.find_connection("acme", "shop")  # noqa: SLF001  # As if read before.
    connected.connections.edit(ADMIN, "shop", {"nickname": "first"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(other._runtime), "find_connection", lambda *_: row)  # noqa: SLF001
        with pytest.raises(Exception, match="Another user changed this connection"):
            other.connections.edit(ADMIN, "shop", {"nickname": "second"})
    assert connected.connections.check(ADMIN, "shop").problem is None


def test_credentials_that_were_read_before_an_edit_are_used(
    world: World, connected: MetricsHost
) -> None:
    """A row that was read just before an edit is not mistaken for a restored one."""
    runtime = connected._runtime  # noqa: SLF001  # There is no public access to rows.
    row = runtime.find_connection("acme", "shop")
    connected.connections.edit(ADMIN, "shop", {"nickname": "new"})
    with connected._sessions.session(row, runtime.deadline(60)) as session:  # noqa: SLF001
        assert [survey.id for survey in session.surveys()] == ["S1", "S2"]
