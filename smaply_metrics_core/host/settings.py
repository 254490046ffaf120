"""What the operator of a host decides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.refresh_policy import RefreshPolicy
from smaply_metrics_core.sources import AllowedDestinations, SourceSettings

HISTORY_VARIABLE: Final = "SMAPLY_METRICS_HISTORY_DAYS"
LONGEST_HISTORY: Final = 36_500

LEAST_CONNECTIONS: Final = 2
"""Whoever holds one may have to ask the database for its time on a second."""

THREADS: Final = "threads"
PROCRASTINATE: Final = "procrastinate"


@dataclass(frozen=True)
class Deadlines:
    """How long calls may take, in seconds; each returns by then whatever a source does.

    ``lease`` is how long a process that died in the middle of a refresh keeps its survey from
    others; one that lives holds on to it for as long as it needs.
    """

    check: float = 60.0
    list: float = 60.0
    preview: float = 300.0
    refresh: float = 900.0
    debug: float = 1800.0
    lease: float = 90.0


@dataclass(frozen=True)
class Settings:
    """Everything that an operator sets.

    Attributes:
        home: The folder of the embedded store, its key file and temporary files.
        allowed: Which hosts and folders sources may reach.
        sources: Which sources may be used.
        policy: When metrics refresh.
        workers: How many surveys are refreshed at the same time in this process.
        support: Whom people may ask; shown beside each issue when set.
        history: How long a metric's past values are kept.
        database: The URL of a PostgreSQL database for many processes and machines; without it,
            everything is in one SQLite file in the home. It may hold a password: never shown.
        refresher: Where background refreshes run: on ``threads`` of this process, or in workers
            (``smaply-metrics worker``) that take them from the queue of ``procrastinate``.
        database_connections: How many connections to PostgreSQL this process may have.
    """

    home: Path
    allowed: AllowedDestinations
    sources: SourceSettings = field(default_factory=SourceSettings)
    policy: RefreshPolicy = field(default_factory=RefreshPolicy)
    deadlines: Deadlines = field(default_factory=Deadlines)
    workers: int = 4
    support: str = ""
    history: timedelta = timedelta(days=400)
    database: str | None = field(default=None, repr=False)
    database_connections: int = 8
    refresh_executor: str = THREADS

    def __post_init__(self) -> None:
        """Refuse a refresher that does not exist, and fewer connections than one thread needs."""
        if self.database_connections < LEAST_CONNECTIONS:
            raise InputError(
                f"{self.database_connections} is too few connections to PostgreSQL.",
                remedy=f"Set Settings.database_connections to {LEAST_CONNECTIONS} or more.",
            )
        if self.refresh_executor not in {THREADS, PROCRASTINATE}:
            raise InputError(
                f"There is no refresher “{self.refresh_executor}”.",
                remedy=f"Set SMAPLY_METRICS_REFRESHER to {THREADS} or {PROCRASTINATE}, or leave "
                "it out.",
            )

    @classmethod
    def from_environment(
        cls, home: Path, environment: Mapping[str, str] | None = None, *, account: str
    ) -> Settings:
        """Read ``SMAPLY_METRICS_*``; files of ``account`` may be read below one folder.

        That folder is ``SMAPLY_METRICS_FOLDER``, or ``files`` in the home.
        """
        env = os.environ if environment is None else environment
        folder = Path(env.get("SMAPLY_METRICS_FOLDER") or home / "files")
        return cls(
            home=home,
            allowed=AllowedDestinations(
                folders={account: folder}, environment=env, store=home / STORE_NAME
            ),
            sources=SourceSettings.from_environment(env),
            support=env.get("SMAPLY_METRICS_SUPPORT", ""),
            history=_days(env.get(HISTORY_VARIABLE)),
            database=env.get("SMAPLY_METRICS_DATABASE") or None,
            refresh_executor=env.get("SMAPLY_METRICS_REFRESHER") or THREADS,
        )


STORE_NAME = "store.db"
KEY_FILE_NAME = "key"


def _days(given: str | None) -> timedelta:
    if not given:
        return Settings.history
    if not (given.isascii() and given.isdecimal() and int(given) <= LONGEST_HISTORY):
        raise InputError(
            f"{HISTORY_VARIABLE} is no number of days.",
            remedy=f"Give it a whole number up to {LONGEST_HISTORY:,}, such as 400; 0 keeps only "
            "the last value.",
        )
    return timedelta(days=int(given))
