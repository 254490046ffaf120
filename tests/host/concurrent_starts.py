"""What processes that start at the same time do, each in a process of its own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.engine import parse_database_url

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from tests.host.host_process import Told

WORKS: Final = "works"


def open_a_host(pipe: Connection, told: Told) -> None:
    """Open a host and read from its store."""
    from smaply_metrics_core.host import Actor, Role
    from tests.host.host_process import open_host

    with open_host(told) as host:
        host.cards.load(Actor("acme", "vera", Role.VIEWER))
        pipe.send(WORKS)


def run_a_worker(pipe: Connection, told: Told) -> None:
    """Start a worker and stop it."""
    from tests.host.host_process import open_host

    with open_host(told) as host, host.worker(1):
        pipe.send(WORKS)


def upgrade_by_command(pipe: Connection, told: Told) -> None:
    """Run ``smaply-metrics db upgrade``."""
    from smaply_metrics_core.cli import main

    os.environ["SMAPLY_METRICS_ENCRYPTION_KEYS"] = told["key"]
    if told["database"]:
        os.environ["SMAPLY_METRICS_DATABASE_URL"] = told["database"]
        os.environ["SMAPLY_METRICS_REFRESH_EXECUTOR"] = told["refresher"]
    sys.argv = ["smaply-metrics", "--home", told["home"], "db", "upgrade", "--json"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, ended.code  # noqa: PT017  # The command ends like this.
    pipe.send(WORKS)


def open_a_store(pipe: Connection, where: str | Path) -> None:
    """Open a store, once there is a message, and read from it."""
    pipe.recv()
    store = Store(parse_database_url(where) if isinstance(where, str) else where)
    with store.reading() as db:
        read_account(db, "acme")
    store.close()
    pipe.send(WORKS)
