"""The database of the host app: created by one of several processes, and refused if not its own."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Role, StoreError
from smaply_metrics_host.app import create_app
from smaply_metrics_host.settings import HostSettings
from smaply_metrics_host.store.database import NAME, VERSION, Database
from tests.processes import Children

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path


def start_the_app(pipe: Connection, home: Path) -> None:
    """Start the app once there is a message, and stop it."""
    app = create_app(HostSettings.from_environment(home, "http://127.0.0.1", {}))
    pipe.send("ready")
    pipe.recv()

    async def run() -> None:
        async with app.router.lifespan_context(app):
            app.state.app_state.people.invite("acme", "Ada", Role.ADMIN)

    asyncio.run(run())


def test_apps_that_start_together_share_a_home(tmp_path: Path) -> None:
    """Of several processes on a new home, one creates the tables; all of them start."""
    with Children() as children:
        started = [children.start(start_the_app, tmp_path / "home") for _ in range(4)]
        for child in started:
            assert child.receive() == "ready"
        for child in started:
            child.pipe.send("go")
        assert [child.wait() for child in started] == [""] * len(started)


@pytest.mark.parametrize(("version", "release"), [(VERSION + 1, "a newer"), (-1, "an earlier")])
def test_a_database_of_another_release_is_refused(
    tmp_path: Path, version: int, release: str
) -> None:
    """The message names both versions; the file is not changed."""
    Database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute(f"PRAGMA user_version={version}")
    with pytest.raises(StoreError, match=f"{release} release.*version {version}.*{VERSION}"):
        Database(tmp_path)


@pytest.mark.parametrize(
    ("version", "lacking"),
    [
        (1, ["removals", "share_links", "sharing_settings"]),
        (2, ["share_links", "sharing_settings"]),
        (3, ["sharing_settings"]),
    ],
)
def test_a_database_of_an_earlier_release_is_upgraded(
    tmp_path: Path, version: int, lacking: list[str]
) -> None:
    """Earlier versions lack these tables only; their rows stay."""
    Database(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        for table in lacking:
            db.execute(f"DROP TABLE {table}")
        db.execute("INSERT INTO accounts VALUES ('acme', 'Acme')")
        db.execute(f"PRAGMA user_version={version}")
        db.commit()

    Database(tmp_path).close()

    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        assert db.execute("SELECT id FROM accounts").fetchall() == [("acme",)]
        for table in lacking:
            assert db.execute(f"SELECT * FROM {table}").fetchall() == []  # noqa: S608
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
