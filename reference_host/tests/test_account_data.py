"""Accounts and people are exported, and deleted from every table and every file of the home."""

from __future__ import annotations

import io
import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

from smaply_metrics_core.host import Actor, MetricsHost, Role, SystemClock
from smaply_metrics_host.cli import main
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.store.database import NAME, Database
from smaply_metrics_host.store.people import People
from smaply_metrics_host.store.share_links import ShareLinks
from smaply_metrics_host.store.tables import (
    cards,
    lanes,
    maps,
    metadata,
    removals,
    stages,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ACCOUNT, PERSON = "zephyr-ltd", "Quentin"
OURS = (ACCOUNT, PERSON, "Zephyrs journey")


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., str]:
    """Run the command on a home in this process and return what it prints, errors included."""

    def run(*arguments: str) -> str:
        argv = ["smaply-metrics-host", *arguments, "--home", str(tmp_path / "home")]
        monkeypatch.setattr(sys, "argv", argv)
        monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return f"{ended.value.code}\n{out}{err}"

    return run


@pytest.fixture
def home(tmp_path: Path, command: Callable[..., str]) -> Path:
    """A home with two accounts, one of which has a row in every table, and a file."""
    home = tmp_path / "home"
    command("invite", "rival", "Rita", "--role", "admin")
    command("invite", ACCOUNT, "Ursula")
    with closing(Database(home)) as database:
        people = People(database, SystemClock())
        people.sign_in(people.invite(ACCOUNT, PERSON, Role.ADMIN))
        people.invite(ACCOUNT, PERSON, Role.ADMIN)
        (workspace,) = people.workspaces(ACCOUNT)
        here = {"account": ACCOUNT, "map": "map_1"}
        with database.writing() as db:
            db.execute(
                insert(maps).values(
                    id="map_1",
                    account=ACCOUNT,
                    workspace=workspace.id,
                    name="Zephyrs journey",
                    created_at=0,
                )
            )
            db.execute(insert(stages).values(id="sta_1", name="Visit", position=0, **here))
            db.execute(
                insert(lanes).values(id="lan_1", name="NPS", kind="data", position=0, **here)
            )
            db.execute(insert(texts).values(lane="lan_1", stage="sta_1", text="Hello", **here))
            db.execute(
                insert(cards).values(
                    id="car_1",
                    lane="lan_1",
                    stage="sta_1",
                    metric="met_1",
                    display={},
                    position=0,
                    **here,
                )
            )
            db.execute(
                insert(removals).values(kind="card", name="", content={}, removed_at=0, **here)
            )
        quentin = next(one for one in people.of_account(ACCOUNT) if one.name == PERSON)
        share_links = ShareLinks(database, SystemClock())
        share_links.add("map_1", 30, by=quentin)
        share_links.allow(ACCOUNT, allowed=False)
    settings = HostSettings.from_environment(home, "http://127.0.0.1", {})
    for account, user in ((ACCOUNT, PERSON), ("rival", "Rita")):
        folder = settings.files_of(account) / "uploads"
        folder.mkdir()
        (folder / "visits.csv").write_text("recorded_at,nps\n2026-01-05,10\n", encoding="utf-8")
        with MetricsHost(settings.framework) as host:
            actor = Actor(account, user, Role.ADMIN)
            host.connections.connect(actor, "csv_example", {"folder": "uploads"})
    return home


def tables(file: Path, *wanted: str) -> set[str]:
    """Return the tables of a database that have one of these texts."""
    with closing(sqlite3.connect(file)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        rows = {name: repr(db.execute(f"SELECT * FROM {name}").fetchall()) for name in names}  # noqa: S608
    return {name for name, text in rows.items() if any(one in text for one in wanted)}


def files(home: Path, *wanted: str) -> set[str]:
    """Return the files and folders of a home that have one of these texts, or are named so."""
    return {
        str(path.relative_to(home))
        for path in home.rglob("*")
        if any(
            one in str(path.relative_to(home))
            or (path.is_file() and one.encode() in path.read_bytes())
            for one in wanted
        )
    }


def test_an_account_is_deleted_from_every_table_and_file(
    home: Path, command: Callable[..., str]
) -> None:
    """Nothing has its texts afterwards; the other account stays. Repeating it finds nothing."""
    assert tables(home / NAME, *OURS) == set(metadata.tables)
    assert tables(home / "store.db", *OURS) >= {"accounts", "audit", "connections"}
    rivals = tables(home / NAME, "rival"), tables(home / "store.db", "rival")

    assert command("delete-account", ACCOUNT, "--yes").startswith(
        f"0\nDeleted the account {ACCOUNT}"
    )

    assert tables(home / NAME, *OURS) == tables(home / "store.db", *OURS) == set()
    assert files(home, *OURS) == set()
    assert (tables(home / NAME, "rival"), tables(home / "store.db", "rival")) == rivals
    assert (home / "files" / "rival" / "uploads" / "visits.csv").is_file()
    assert "Nothing is stored for the account" in command("delete-account", ACCOUNT, "--yes")


def test_a_person_is_erased_from_every_table_and_file(
    home: Path, command: Callable[..., str]
) -> None:
    """The account and what the person did stay, without the name."""
    assert tables(home / "store.db", PERSON) == {"audit", "connections"}

    assert command("erase-person", ACCOUNT, PERSON, "--yes") == f"0\nErased {PERSON}.\n"

    assert files(home, PERSON) == set()
    assert tables(home / NAME, PERSON) == tables(home / "store.db", PERSON) == set()
    assert "sessions" not in tables(home / NAME, ACCOUNT)
    assert "share_links" in tables(home / NAME, ACCOUNT), "the link stays, without its creator"
    assert tables(home / "store.db", "deleted user") == {"audit", "connections"}
    assert command("erase-person", ACCOUNT, "Ursula", "--yes").startswith("0\n"), "changed nothing"
    assert "names this user" in command("erase-person", ACCOUNT, PERSON, "--yes")


def test_an_export_has_people_and_maps_but_no_sessions(
    home: Path, command: Callable[..., str], tmp_path: Path
) -> None:
    """The framework's rows and those of the host are in one file."""
    file = tmp_path / "export.zip"
    assert command("export-account", ACCOUNT, "--output", str(file)).startswith("0\nWritten")
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
        people = [json.loads(line) for line in archive.open("host/people.jsonl")]
        everything = b"".join(map(archive.read, names))
        counted = json.loads(archive.read("account.json"))["rows"]
    assert counted["host/people"] == len(people)
    assert {f"{table}.jsonl" for table in counted} | {"account.json"} == names
    assert {one["name"] for one in people} == {"Ursula", PERSON}
    assert {"account.json", "connections.jsonl", "host/maps.jsonl"} <= names
    assert not {"host/sessions.jsonl", "host/invitations.jsonl"} & names
    assert b"rival" not in everything
    assert b"expires_at" in everything, "share links are exported"
    assert b"digest" not in everything
    assert "already exists" in command("export-account", ACCOUNT, "--output", str(file))


def test_a_failed_export_leaves_no_file(
    home: Path, command: Callable[..., str], tmp_path: Path
) -> None:
    """A row that is not JSON stops it; the file does not have the framework's rows alone."""
    with closing(sqlite3.connect(home / NAME)) as db, db:
        db.execute("UPDATE cards SET display = 'no JSON'")
    with pytest.raises(json.JSONDecodeError):
        command("export-account", ACCOUNT, "--output", str(tmp_path / "export.zip"))
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_the_framework_lists_the_accounts_of_the_host(home: Path) -> None:
    """An account is listed from its first invitation on, before it has stored anything."""
    settings = HostSettings.from_environment(home, "http://127.0.0.1", {})
    with MetricsHost(settings.framework) as host:
        assert set(host.accounts.list()) == {ACCOUNT, "rival"}
        assert host.audit.list(Actor("rival", "operator", Role.ADMIN))[0].user == "Rita"


def test_a_deletion_is_confirmed(home: Path, command: Callable[..., str]) -> None:
    """Without an answer, nothing is deleted."""
    for arguments in (("delete-account", ACCOUNT), ("erase-person", ACCOUNT, PERSON)):
        assert command(*arguments).startswith("1\n")
    assert tables(home / NAME, PERSON) == {"people"}
