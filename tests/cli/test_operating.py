"""What operators run: deletions, exports, the audit trail as CSV, checks and backups."""

from __future__ import annotations

import csv
import io
import sqlite3
import stat
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import typer

from smaply_metrics_core.cli import credential_input
from smaply_metrics_core.host.store.migrations.runner import newest_version
from tests.cli.conftest import TOKEN, Command

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_qualtrics_sandbox import SandboxServer

DAMAGED_METRIC = """
    INSERT INTO metrics (
        id, account, workspace, name, source, connection_id, survey_id, definition, display,
        version, created_at, created_by, updated_at
    ) VALUES ('met_1', 'acme', '', '', '', '', '', '{', '{}', 1, '2026-01-01', '', '2026-01-01')
"""


def sql(command: Command, statement: str) -> None:
    """Change the store without the command."""
    with closing(sqlite3.connect(command.home / "store.db")) as db, db:
        db.execute(statement)


def test_an_account_is_exported_and_deleted(command: Command, tmp_path: Path) -> None:
    """The other account stays; a second deletion finds nothing."""
    command.done("account", "edit", "--week-start", "7", "--account", "acme")
    command.done("account", "edit", "--week-start", "7", "--account", "zenith")
    file = tmp_path / "acme.zip"
    exported = command.done("account", "export", "--output", str(file), "--account", "acme")
    assert (exported["export"], exported["rows"]["audit"]) == (str(file), 2)
    assert "accounts.jsonl" in zipfile.ZipFile(file).namelist()
    again = command("account", "export", "--output", str(file), "--account", "acme")
    assert "already exists" in again.err

    deleted = command.done("account", "delete", "--yes", "--account", "acme")

    assert deleted["rows"] == {"accounts": 1, "audit": 3}
    assert [one["id"] for one in command.done("account", "list")] == ["zenith"]
    again = command("account", "delete", "--yes", "--account", "acme", "--json")
    assert (again.code, again.error["kind"]) == (1, "not_found")
    assert (
        "Deleted the account zenith"
        in command("account", "delete", "--yes", "--account", "zenith").out
    )


def test_a_deletion_of_an_account_requires_confirmation(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal and with --json, --yes is required; a declined prompt changes nothing."""
    command.done("account", "edit", "--week-start", "7")
    for noun in (("account", "delete"), ("account", "erase-user", "ada")):
        refused = command(*noun, "--json")
        assert (refused.code, refused.error["kind"]) == (2, "wrong_usage")
        assert "--yes" in refused.error["remedy"]
    monkeypatch.setattr(credential_input, "at_a_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    declined = command("account", "delete")
    assert declined.code == 1
    assert "connections (0), metrics (0)" in declined.err
    assert "Nothing was deleted" in declined.err
    assert len(command.done("account", "list")) == 1


def test_a_user_is_erased(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The audit trail names them “deleted user”."""
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    command.done("account", "edit", "--week-start", "7")
    assert command.done("account", "erase-user", "ada", "--yes")["rows"] == 1
    users = {one["user"] for one in command.done("audit", "list")["entries"]}
    assert users == {"deleted user"}
    unknown = command("account", "erase-user", "ada", "--yes")
    assert unknown.code == 1
    assert "names this user" in unknown.err


def test_the_audit_trail_is_written_as_csv(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages, newest first, in UTC; no cell runs as a formula."""
    monkeypatch.setattr("smaply_metrics_core.cli.commands.audit.PAGE", 2)
    for user in ("=HYPERLINK()", "Jörg", "ada", "eve", "ed"):
        monkeypatch.setattr("getpass.getuser", lambda user=user: user)
        command.done("account", "edit", "--week-start", "7")
    printed = command("audit", "list", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(printed)))
    assert printed.startswith('"id",')
    assert [row["user"] for row in rows] == ["ed", "eve", "ada", "Jörg", "'=HYPERLINK()"]
    assert rows[0]["action"] == "set_account"
    assert rows[0]["at"].endswith("+00:00")
    limited = command("audit", "list", "--format", "csv", "--limit", "3").out
    assert len(limited.splitlines()) == 4
    assert len(command.done("audit", "list", "--limit", "3")["entries"]) == 3
    both = command("audit", "list", "--format", "csv", "--json")
    assert (both.code, both.error["kind"]) == (2, "wrong_usage")


def test_old_entries_of_the_audit_trail_are_deleted(command: Command) -> None:
    """Once the operator limits how long they are stored, at the next start of a process."""
    command.done("account", "edit", "--week-start", "7")
    sql(command, "UPDATE audit SET at = '2020-01-01 00:00:00.000000'")
    command.done("account", "edit", "--week-start", "6")
    assert len(command.done("audit", "list")["entries"]) == 2
    command.environment["SMAPLY_METRICS_AUDIT_RETENTION_DAYS"] = "365"
    assert len(command.done("audit", "list")["entries"]) == 1
    del command.environment["SMAPLY_METRICS_AUDIT_RETENTION_DAYS"]
    assert len(command.done("audit", "list")["entries"]) == 1
    command.environment["SMAPLY_METRICS_AUDIT_RETENTION_DAYS"] = "0"
    assert "from 1 to 36,500" in command("audit", "list").err


def test_a_sound_store_passes_the_check(command: Command) -> None:
    """A store that does not exist is an error, and is not created."""
    missing = command("db", "check", "--json")
    assert (missing.code, missing.error["kind"]) == (1, "not_found")
    assert not (command.home / "store.db").exists()
    command.done("account", "edit", "--week-start", "7")
    newest = newest_version()
    assert command.done("db", "check") == {
        "version": newest,
        "supported": newest,
        "findings": [],
    }
    assert "The store is sound" in command("db", "check").out


@pytest.mark.parametrize(
    ("change", "message", "remedy"),
    [
        ("UPDATE alembic_version SET version_num = '0001'", "have version 0001", "db upgrade"),
        ("UPDATE alembic_version SET version_num = '9999'", "have version 9999", "newer release"),
        ("DROP TABLE alembic_version", "no tables", "db upgrade"),
        ("DROP INDEX ix_audit_at", "add index ix_audit_at", "undo the change"),
        ("ALTER TABLE metrics DROP COLUMN moved_to", "add column metrics moved_to", "backup"),
        (
            DAMAGED_METRIC,
            "column definition of the table metrics is damaged in 1 row: met_1",
            "backup",
        ),
        (
            "INSERT INTO attempts VALUES ('met_0', 'acme', '', '2026-01-01', NULL, 0, NULL)",
            "table attempts has rows",
            "backup",
        ),
    ],
)
def test_the_check_finds_what_is_wrong(
    command: Command, change: str, message: str, remedy: str
) -> None:
    """Each finding has a remedy, the exit code is 1, and nothing is changed."""
    command.done("account", "edit", "--week-start", "7")
    sql(command, change)
    ended = command("db", "check", "--json")
    (finding,) = ended.json["findings"]
    assert ended.code == 1
    assert message in finding["message"]
    assert remedy in finding["remedy"]
    assert finding["message"].split(":")[0] in " ".join(command("db", "check").out.split())


def test_a_damaged_file_is_found_and_not_copied(command: Command, tmp_path: Path) -> None:
    """The check reports it, and the backup keeps no damaged copy."""
    command.done("account", "edit", "--week-start", "7")
    with closing(sqlite3.connect(command.home / "store.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_at'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with (command.home / "store.db").open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\xff" * 64)
    assert command("db", "check").code == 1
    assert command("db", "backup", str(tmp_path / "copy.db")).code == 1
    assert not (tmp_path / "copy.db").exists()


def test_a_store_is_backed_up_while_it_is_used(command: Command, tmp_path: Path) -> None:
    """The copy is complete and private; an existing file is kept."""
    command.done("account", "edit", "--week-start", "7")
    with closing(sqlite3.connect(command.home / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        made = command.done("db", "backup", str(tmp_path / "copy.db"))
    assert made["bytes"] == (tmp_path / "copy.db").stat().st_size
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT week_start FROM accounts").fetchall() == [(7,)]
    again = command("db", "backup", str(tmp_path / "copy.db"), "--json")
    assert (again.code, again.error["kind"]) == (1, "invalid_input")
    command.environment["SMAPLY_METRICS_DATABASE_URL"] = "postgresql://u:hunter2@db/metrics"
    elsewhere = command("db", "backup", str(tmp_path / "other.db"), "--json")
    assert "pg_dump" in elsewhere.error["remedy"]


def test_all_connections_are_checked(linked: Command, sandbox: SandboxServer) -> None:
    """One that fails does not end the check of the others; the exit code is 1."""
    linked.done(
        *("connection", "add", "qualtrics", "--name", "Second"),
        *("--set", f"base_url={sandbox.host}", "--secret-stdin", "api_token"),
        stdin=TOKEN,
    )
    assert [one["error"] for one in linked.done("connection", "check", "--all")] == [None, None]
    assert "2 of 2 passed" in linked("connection", "check", "--all").out
    sql(linked, "UPDATE connections SET sealed = 'v2.00000000.1.AAAA' WHERE name = 'Second'")
    failed = linked("connection", "check", "--all", "--json")
    assert failed.code == 1
    assert [one["error"] and one["error"]["kind"] for one in failed.json] == [
        None,
        "seal_broken",
    ]
    printed = linked("connection", "check", "--all")
    assert "1 of 2 passed" in printed.out
    for wrong in (("check",), ("check", "qualtrics", "--all")):
        assert linked("connection", *wrong, "--json").error["kind"] == "wrong_usage"


def test_keys_are_checked(new: Command, sandbox: SandboxServer) -> None:
    """A lost key is found with the connections that depend on it; nothing is changed."""
    view = new.connect(sandbox.host)
    assert new.done("key", "check") == {"decrypted": 1, "failed": []}
    (new.home / "key").unlink()
    lost = new("key", "check", "--json")
    assert lost.code == 1
    (failed,) = lost.json["failed"]
    assert (failed["account"], failed["connection"]) == ("default", view["id"])
    printed = new("key", "check").out
    assert "Decrypted the credentials of 0 connections." in printed
    assert f"Account default, connection {view['id']} (qualtrics)" in printed
