"""What holds after any kill: nothing that was reported as stored is lost, and work goes on.

1. The store opens, has the newest version, and a SQLite file is not damaged.
2. Every reported connection exists, and its credentials can be decrypted and are accepted.
3. Every reported metric exists unless its deletion began; a deleted one does not come back.
4. The last good value stays: no card has an older value than one that was reported.
5. Attempts are consistent: one that ended well has a value, and the card says what an unfinished
   one means once its lease has expired.
6. Leases expire: the next refresh of every survey succeeds, and no lease is held afterwards.
7. Every file that is offered as a debug bundle is a complete one.
8. No file of a dead process is left in the temporary folder.
9. No job is orphaned: a worker empties the queue.
10. Every reported journey map and invitation of the reference host exists.
"""

from __future__ import annotations

import os
import sqlite3
import zipfile
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from sqlalchemy import select

from smaply_metrics_core.bundle.contents import MANIFEST
from smaply_metrics_core.host import Freshness, Role
from smaply_metrics_core.host.store.migrations.runner import newest_version, version_of
from smaply_metrics_core.host.store.queued_jobs import SCHEMA
from smaply_metrics_core.host.store.tables import attempts, leases, metric_values
from tests.host.child_processes import until
from tests.host.host_process import open_host
from tests.kills.work import ACCOUNTS, WAIT, Report, actor

if TYPE_CHECKING:
    from datetime import datetime

    from smaply_metrics_core.host import MetricsHost
    from tests.host.host_process import Told
    from tests.processes import Child

COUNT_JOBS = sql.SQL("SELECT count(*) FROM {}.procrastinate_jobs").format(sql.Identifier(SCHEMA))


@dataclass
class Ledger:
    """What killed processes have reported."""

    connections: set[tuple[str, str]] = field(default_factory=set)
    metrics: set[tuple[str, str]] = field(default_factory=set)
    deleting: set[tuple[str, str]] = field(default_factory=set)
    values: dict[str, datetime] = field(default_factory=dict)
    bundles: set[str] = field(default_factory=set)
    maps: set[str] = field(default_factory=set)
    invitations: set[str] = field(default_factory=set)
    reports: int = 0

    def take(self, child: Child) -> None:
        """Take all reports of a child that has ended."""
        with suppress(EOFError, OSError):
            while child.pipe.poll():
                report = child.pipe.recv()
                if isinstance(report, Report):
                    self._add(report)

    def _add(self, report: Report) -> None:
        self.reports += 1
        key = (report.account, report.id)
        match report.kind:
            case "connection":
                self.connections.add(key)
            case "metric":
                self.metrics.add(key)
            case "deleting":
                self.deleting.add(key)
            case "value":
                assert report.at is not None
                before = self.values.get(report.id, report.at)
                self.values[report.id] = max(before, report.at)
            case "bundle":
                self.bundles.add(report.id)
            case "map":
                self.maps.add(report.id)
            case "invitation":
                self.invitations.add(report.id)
            case kind:
                raise AssertionError(kind)


def check(told: Told, ledger: Ledger) -> None:
    """Raise unless the invariants hold, those of the queue and the reference host excepted."""
    if told["database"] is None:
        with closing(sqlite3.connect(Path(told["home"]) / "store.db")) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    _check_bundles(Path(told["bundles"]), ledger)
    with open_host({**told, "refresher": "threads"}) as host:
        found = (Path(told["home"]) / "tmp").glob("*")
        left = [path for path in found if not path.name.startswith(f"{os.getpid()}-")]
        assert left == [], f"files of dead processes are left: {left}"
        with host._store.reading() as rows:  # noqa: SLF001  # To see what no service shows.
            assert version_of(rows) == newest_version()
        for account in ACCOUNTS:
            _check_account(host, account, ledger)
        _check_attempts(host)
        for account in ACCOUNTS:
            _check_recovery(host, account)
        with host._store.reading() as rows:  # noqa: SLF001
            held = rows.execute(
                select(leases.c.survey_id)
                .where(leases.c.owner.is_not(None), leases.c.account.in_(ACCOUNTS))
                .execution_options(every_account="a test looks at all of them")
            )
            assert held.scalars().all() == [], "a lease is held although nothing runs"


def _check_account(host: MetricsHost, account: str, ledger: Ledger) -> None:
    admin = actor(Role.ADMIN, account)
    connections = {(account, view.id) for view in host.connections.list(admin)}
    assert {key for key in ledger.connections if key[0] == account} <= connections
    for _, connection in connections:
        checked = host.connections.check(admin, connection)
        assert checked.problem is None, checked.problem
    metrics = {(account, metric.id) for metric in host.metrics.list(admin)}
    lost = {key for key in ledger.metrics if key[0] == account} - ledger.deleting - metrics
    assert not lost, f"metrics are lost: {lost}"
    for card in host.cards.load(admin, refresh=False):
        reported = ledger.values.get(card.metric_id)
        if reported is not None:
            assert card.as_of is not None, "a value is lost"
            assert card.as_of >= reported, "an older value came back"


def _check_attempts(host: MetricsHost) -> None:
    with host._store.reading() as db:  # noqa: SLF001
        without_value = db.execute(
            select(attempts.c.metric_id)
            .outerjoin(metric_values, attempts.c.metric_id == metric_values.c.metric_id)
            .where(
                attempts.c.account.in_(ACCOUNTS),
                attempts.c.ended_at.is_not(None),
                attempts.c.failed.is_(False),
                metric_values.c.metric_id.is_(None),
            )
            .execution_options(every_account="a test looks at all of them")
        )
        assert without_value.scalars().all() == [], "an attempt ended well without a value"


def _check_recovery(host: MetricsHost, account: str) -> None:
    """Every card can be refreshed again; the clock is past the leases and the hour."""
    for card in host.cards.load(actor(Role.EDITOR, account), wait=WAIT, force=True):
        assert card.freshness is Freshness.FRESH, (card.freshness, card.problem)


def _check_bundles(folder: Path, ledger: Ledger) -> None:
    offered = set(map(str, folder.glob("*.zip")))
    assert ledger.bundles <= offered, "a bundle is lost"
    for path in offered:
        with zipfile.ZipFile(path) as bundle:
            assert bundle.testzip() is None
            assert MANIFEST in bundle.namelist()


def check_queue(database: str) -> None:
    """Raise unless a running worker empties the queue."""
    with psycopg.connect(database, autocommit=True) as db:

        def is_empty() -> bool:
            jobs = db.execute(COUNT_JOBS)
            return jobs.fetchone() == (0,)

        until(is_empty)


def check_reference_host(told: Told, ledger: Ledger) -> None:
    """Raise unless what the reference host reported exists."""
    from smaply_metrics_core.host import SystemClock
    from smaply_metrics_host.store.database import Database
    from smaply_metrics_host.store.maps import Maps
    from smaply_metrics_host.store.people import People

    with closing(Database(Path(told["home"]))) as database:
        people, clock = People(database, SystemClock()), SystemClock()
        for token in ledger.invitations:
            assert people.invited(token) is not None, "an invitation is lost"
        found = {summary.id for summary in Maps(database, clock).list("people")}
        assert ledger.maps <= found, "a map is lost"
