"""``key``: generating, showing and rotating the encryption keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from smaply_metrics_core.host.connections.keys import KeyRing, new_key

if TYPE_CHECKING:
    from smaply_metrics_qualtrics_sandbox import SandboxServer

    from .conftest import Command

VARIABLE = "SMAPLY_METRICS_ENCRYPTION_KEYS"


def key_id(key: str) -> str:
    """Return the id of a key."""
    return KeyRing.from_setting(SecretStr(key)).ids[0]


def test_a_generated_key_can_be_used(command: Command) -> None:
    """Each run prints another key, without opening a store."""
    first, second = command("key", "generate").out.strip(), command.done("key", "generate")
    assert first != second["key"]
    assert key_id(second["key"]) == second["id"]
    assert key_id(first)
    assert not command.home.exists()


def test_keys_of_the_setting_are_rotated(new: Command, sandbox: SandboxServer) -> None:
    """Status, rotation and status again; the old key can then be removed."""
    old, fresh = new_key(), new_key()
    new.environment[VARIABLE] = old
    new.connect(sandbox.host)
    new.environment[VARIABLE] = f"{fresh},{old}"
    assert new.done("key", "status")["keys"] == [
        {"id": key_id(fresh), "connections": 0, "configured": True, "encrypts": True},
        {"id": key_id(old), "connections": 1, "configured": True, "encrypts": False},
    ]
    done = new.done("key", "rotate")
    assert done == {"encrypted": 1, "current": 0, "failed": [], "removed": []}
    assert [key["connections"] for key in new.done("key", "status")["keys"]] == [1, 0]
    new.environment[VARIABLE] = fresh
    assert new.done("connection", "check", "qualtrics")["problem"] is None
    assert "encrypts and decrypts" in new("key", "status").out
    for key in (old, fresh):
        assert key not in "".join(new.written)


def test_a_key_file_is_rotated(linked: Command) -> None:
    """A key is added, the connections are encrypted with it, and the old key is removed."""
    added = linked.done("key", "generate", "--add")["id"]
    first, second = linked.done("key", "status")["keys"]
    assert (first["id"], first["connections"], second["connections"]) == (added, 0, 1)
    done = linked.done("key", "rotate", "--remove-unused")
    assert (done["encrypted"], done["removed"]) == (1, [second["id"]])
    assert [key["id"] for key in linked.done("key", "status")["keys"]] == [added]
    assert linked.done("connection", "check", "qualtrics")["problem"] is None
    assert (linked.home / "key").read_text().strip() not in "".join(linked.written)


def test_a_connection_that_cannot_be_decrypted_is_named(
    new: Command, sandbox: SandboxServer
) -> None:
    """The exit code is 1, and the output has the account, the connection and the remedy."""
    lost = new.environment[VARIABLE] = new_key()
    made = new.connect(sandbox.host)
    new.environment[VARIABLE] = new_key()
    ended = new("key", "rotate")
    assert ended.code == 1
    assert f"Account default, connection {made['id']} (qualtrics):" in ended.out
    ended = new("key", "rotate", "--json")
    assert ended.code == 1
    (failed,) = ended.json["failed"]
    assert (failed["account"], failed["connection"]) == ("default", made["id"])
    assert key_id(lost or "") in failed["error"]["message"]
    shown = new("key", "status").out
    assert "missing in this process" in shown
    assert "Add the key again" in shown


def test_without_any_key_the_status_names_the_command(new: Command) -> None:
    """Instead of an empty table."""
    new.environment[VARIABLE] = " "
    shown = new("key", "status").out
    assert "smaply-metrics key generate" in shown
    assert "Connections" not in shown


def test_damaged_credentials_are_counted(linked: Command) -> None:
    """They depend on no key."""
    with closing(sqlite3.connect(linked.home / "store.db")) as db, db:
        db.execute("UPDATE connections SET sealed = 'x'")
    assert linked.done("key", "status")["damaged"] == 1
    assert "The stored credentials of 1 connection are damaged." in linked("key", "status").out


@pytest.mark.parametrize("command_line", [("generate", "--add"), ("rotate", "--remove-unused")])
def test_keys_of_the_setting_are_not_changed(
    command: Command, command_line: tuple[str, str]
) -> None:
    """The options for a key file name the variable to change instead."""
    command.environment[VARIABLE] = new_key()
    ended = command("key", *command_line, "--json")
    assert ended.code == 1
    assert VARIABLE in ended.error["remedy"]


def test_without_a_key_nothing_is_rotated(new: Command, sandbox: SandboxServer) -> None:
    """The command fails, and status still shows the missing key."""
    new.environment[VARIABLE] = new_key()
    new.connect(sandbox.host)
    new.environment[VARIABLE] = " "
    assert new("key", "rotate", "--json").error["kind"] == "key_missing"
    (key,) = new.done("key", "status")["keys"]
    assert (key["connections"], key["configured"]) == (1, False)
