"""The runbooks work as printed, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Boolean, DateTime, MetaData, Table, create_engine, insert, select
from sqlalchemy.types import JSON

from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.host.store.engine import make_engine, parse_database_url
from smaply_metrics_core.host.store.migrations.runner import MIGRATIONS, newest_version
from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.docs.runbook import PAGE, Operator, commands
from tests.host.conftest import KEY
from tests.postgresql_server import PrivatePostgres, running_postgres
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

OLDEST: Final = Path(__file__).parents[1] / "host" / "store" / "releases" / "0001.sql"
"""A store that the oldest release wrote, with its four metrics in the account `acme`."""
TOKEN: Final = "Tok3nOfTheSandboxThatMustNeverBeSeen0001"
SURVEY: Final = "SV_RelationshipA01"


@pytest.fixture(scope="module", autouse=True)
def no_waiting() -> Iterator[None]:
    """Shorten the waits between polls."""

    def wait(_: SystemClock, seconds: float, stop: Event) -> bool:
        return stop.wait(min(seconds, 0.005))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "wait", wait)
        yield


@pytest.fixture(scope="module")
def sandbox(invented_surveys: Path) -> Iterator[SandboxServer]:
    """A sandbox with invented surveys."""
    with SandboxServer(invented_surveys, token=TOKEN, export_polls=0) as server:
        yield server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    """A private PostgreSQL server, for this module only: its databases are dropped."""
    with running_postgres(require_postgres()) as server:
        yield server


POSTGRESQL = pytest.param(
    "PostgreSQL", marks=pytest.mark.deep(reason="a server; every change follows those of SQLite")
)


@pytest.fixture(params=["SQLite", POSTGRESQL])
def database(request: pytest.FixtureRequest) -> str:
    """The title of the commands for a kind of database."""
    return str(request.param)


@pytest.fixture
def operator(
    database: str,
    tmp_path: Path,
    sandbox: SandboxServer,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Operator:
    """An operator with an empty home or database, and a folder for backups and for keys."""
    for folder in ("backups", "keys"):
        (tmp_path / folder).mkdir()
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    environment = {
        "SMAPLY_METRICS_HOME": str(tmp_path / "home"),
        "SMAPLY_QUALTRICS_SANDBOX": sandbox.host,
        "BACKUPS": str(tmp_path / "backups"),
        "KEYS": str(tmp_path / "keys"),
        "COLUMNS": "200",
    }
    if database == "PostgreSQL":
        programs = require_postgres()
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        server: PrivatePostgres = request.getfixturevalue("postgres")
        environment["SMAPLY_METRICS_DATABASE_URL"] = server.url(server.make_database())
        environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = KEY
    names = {"iad1.qualtrics.com": sandbox.host, "SV_1": SURVEY}
    return Operator(tmp_path, environment, names)


def cards(operator: Operator, account: str = "default") -> list[dict[str, Any]]:
    """Return the stored cards."""
    printed = operator.run(f"smaply-metrics --account {account} card load --wait 0 --json")
    found: list[dict[str, Any]] = json.loads(printed)["cards"]
    return found


def lose(operator: Operator, database: str) -> None:
    """Delete the store, but no key."""
    if database == "SQLite":
        for file in Path(operator.environment["SMAPLY_METRICS_HOME"]).glob("store.db*"):
            file.unlink()
        return
    engine = make_engine(parse_database_url(operator.environment["SMAPLY_METRICS_DATABASE_URL"]), 1)
    with engine.begin() as db:
        db.exec_driver_sql("DROP SCHEMA public CASCADE")
        db.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


def test_a_lost_store_and_a_lost_backup(operator: Operator, database: str) -> None:
    """A new store is filled, backed up, lost and restored; the cards are those of the backup."""
    operator.follow("The database is lost")
    (made,) = cards(operator)
    assert (made["name"], made["freshness"]) == ("Responses", "fresh")
    operator.follow("Back up", database)

    lose(operator, database)
    Path(operator.environment["SMAPLY_METRICS_HOME"]).mkdir(exist_ok=True)
    printed = operator.follow("Restore", database)

    assert "1 of 1 passed" in printed[-1]
    assert cards(operator) == [made]


def test_a_lost_key(operator: Operator, database: str) -> None:
    """The connections that depend on it are named; entered again, the cards are refreshed."""
    operator.follow("The database is lost")
    before = cards(operator)
    if database == "SQLite":
        Path(operator.environment["SMAPLY_METRICS_HOME"], "key").unlink()
    else:
        new = operator.run("smaply-metrics key generate").strip()
        operator.environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = new
    status, check = operator.follow("A key is lost")
    assert "missing in this process" in status
    assert "Account default, connection con_" in check

    printed = operator.follow("A key is lost", database)

    assert "Decrypted the credentials of 1 connection." in printed[-1]
    (card,) = cards(operator)
    assert card["value"] == before[0]["value"]
    (checked,) = json.loads(operator.run("smaply-metrics connection check --all --json"))
    assert checked["error"] is None


def test_a_store_of_the_oldest_release_is_upgraded(operator: Operator, database: str) -> None:
    """It keeps its cards and credentials, and the backup is one of the earlier release."""
    operator.environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = KEY
    home = Path(operator.environment["SMAPLY_METRICS_HOME"])
    home.mkdir()
    with closing(sqlite3.connect(home / "store.db")) as db, db:
        db.executescript(OLDEST.read_text(encoding="utf-8"))
    if database == "PostgreSQL":
        copy_rows(home / "store.db", operator.environment["SMAPLY_METRICS_DATABASE_URL"])
        shutil.rmtree(home)

    first, _, upgraded, sound, keys = operator.follow("Upgrade from an earlier release", database)

    assert "The tables have version 0001" in first
    assert f"from version 0001 to {newest_version()}" in upgraded
    assert "The store is sound" in sound
    assert "Decrypted the credentials of 1 connection." in keys
    shown = {card["name"]: card["text"] for card in cards(operator, "acme")}
    assert shown == {"Stars": "4.0", "Responses": "4", "Elsewhere": "1.5", "Taste": ""}
    if database == "SQLite":
        backup = Path(operator.environment["BACKUPS"], "before-upgrade.db")
        with closing(sqlite3.connect(backup)) as old:
            assert old.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def copy_rows(file: Path, url: str) -> None:
    """Copy a SQLite store of the oldest release into an empty PostgreSQL database."""
    source, target = create_engine(f"sqlite:///{file}"), make_engine(parse_database_url(url), 1)
    stored, empty = MetaData(), MetaData()
    stored.reflect(source)
    with source.connect() as old, target.begin() as db:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
        empty.reflect(db)
        for table in empty.sorted_tables:
            if table.name != "alembic_version":
                rows = old.execute(select(stored.tables[table.name])).mappings()
                if values := [_typed(dict(row), table) for row in rows]:
                    db.execute(insert(table), values)
    source.dispose()
    target.dispose()


def _typed(row: dict[str, Any], table: Table) -> dict[str, Any]:
    """Return a row of SQLite with the types of PostgreSQL."""
    for column in table.c:
        value = row[column.name]
        if value is None:
            continue
        if isinstance(column.type, Boolean):
            row[column.name] = bool(value)
        elif isinstance(column.type, DateTime):
            row[column.name] = value if isinstance(value, str) else f"{value}+00:00"
        elif isinstance(column.type, JSON) and isinstance(value, str):
            row[column.name] = json.loads(value)
    return row


def test_every_command_of_the_page_is_tested() -> None:
    """A new runbook needs a test: each command of the page belongs to one that is followed."""
    sections = [
        *(("Back up", one) for one in ("SQLite", "PostgreSQL")),
        *(("Restore", one) for one in ("SQLite", "PostgreSQL")),
        ("A key is lost",),
        *(("A key is lost", one) for one in ("SQLite", "PostgreSQL")),
        ("The database is lost",),
        *(("Upgrade from an earlier release", one) for one in ("SQLite", "PostgreSQL")),
    ]
    followed = sum(len(commands(*titles)) for titles in sections)
    assert followed == PAGE.read_text(encoding="utf-8").count("\n$ ")
