"""Refreshes as jobs of Procrastinate, in the PostgreSQL that the store lies in.

Any process of the fleet hands a survey over; a worker takes it. Of one survey at most one job waits
(its queueing lock). Whether it is still due when its turn comes is up to the refresh policy, and so
is trying again after a failure: Procrastinate itself repeats nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, text

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.migrations.runner import wait_for_turn

if TYPE_CHECKING:
    from procrastinate import App


logger = logging.getLogger(__name__)

QUEUE: Final = "smaply-metrics"
TASK: Final = "smaply_metrics.refresh"
SCHEMA: Final = "smaply_metrics_jobs"
"""Procrastinate's tables lie apart from ours."""


def require_procrastinate() -> ModuleType:
    """Return the library.

    Raises:
        InputError: when it is not installed.
    """
    require_extra("worker", "procrastinate")
    import procrastinate

    return procrastinate


def pool_arguments(store: Store) -> dict[str, Any]:
    """Say how Procrastinate connects.

    Raises:
        InputError: when the store is not in PostgreSQL.
    """
    url = _shared(store)
    return {
        "conninfo": url.set(drivername="postgresql").render_as_string(hide_password=False),
        "kwargs": {"options": f"-c search_path={SCHEMA}", "application_name": QUEUE},
        "min_size": 1,
        "max_size": 4,
    }


def _shared(store: Store) -> URL:
    if not isinstance(store.where, URL):
        raise InputError(
            "Workers need a store in PostgreSQL.",
            remedy="Set SMAPLY_METRICS_DATABASE_URL to the URL of one. Without workers, leave "
            "SMAPLY_METRICS_REFRESH_EXECUTOR unset.",
        )
    return store.where


def job_of(key: SurveyKey, *, forced: bool, resumed: bool = False) -> dict[str, Any]:
    """Give the arguments of a job.

    ``resumed`` is for the second try of one whose worker died.
    """
    return {**key._asdict(), "forced": forced, "resumed": resumed}


def lock_of(key: SurveyKey) -> str:
    """Give the queueing lock of a survey."""
    return json.dumps(key)


class ProcrastinateExecutor:
    """Hands refreshes to the workers of the fleet.

    Raises:
        InputError: when Procrastinate is not installed, or the store is not in PostgreSQL.
    """

    def __init__(self, store: Store) -> None:
        procrastinate = require_procrastinate()
        connector = procrastinate.SyncPsycopgConnector(**pool_arguments(store))
        prepare_queue(store)
        self._app: App = procrastinate.App(connector=connector)
        self._app.open()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it takes nothing more."""
        return self._closed

    def submit(self, key: SurveyKey, *, forced: bool) -> None:
        """Queue a survey unless it waits there already."""
        from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

        if self._closed:
            return
        deferrer = self._app.configure_task(TASK, queue=QUEUE, queueing_lock=lock_of(key))
        try:
            deferrer.defer(**job_of(key, forced=forced))
        except AlreadyEnqueued:
            logger.debug("Survey %s is queued already.", key.survey_id)
        except ConnectorException:
            # The cards are shown all the same; the next load tries again.
            logger.warning("Survey %s could not be queued.", key.survey_id, exc_info=True)

    def pending(self) -> Mapping[SurveyKey, Future[object]]:
        """Give nothing: no refresh runs in this process."""
        return {}

    def close(self) -> None:
        """Take nothing more; what is queued stays queued."""
        if not self._closed:
            self._closed = True
            self._app.close()


def prepare_queue(store: Store) -> None:
    """Make Procrastinate's tables, or bring them up to date with the release that is installed."""
    from procrastinate.schema import SchemaManager

    _shared(store)
    folder = Path(SchemaManager.get_migrations_path())
    migrations = sorted(path.name for path in folder.glob("*.sql"))
    with store.reading() as db:
        if (_version(db) or "") >= migrations[-1]:
            return  # Or newer: what a later release of Procrastinate made, earlier ones can use.
    with store.writing() as db:
        wait_for_turn(db)
        version = _version(db)
        if version is not None and version >= migrations[-1]:
            return
        if version is None:
            db.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            scripts = [SchemaManager.get_schema()]
        else:
            newer = [name for name in migrations if name > version]
            scripts = [(folder / name).read_text(encoding="utf-8") for name in newer]
        db.execute(text(f"SET LOCAL search_path = {SCHEMA}"))
        for script in scripts:
            # By the driver: a script is many statements, and has "%" and ":" of its own.
            db.connection.driver_connection.execute(script)  # type: ignore[union-attr]
        db.execute(text(f"COMMENT ON SCHEMA {SCHEMA} IS '{migrations[-1]}'"))


def _version(db: Connection) -> str | None:
    """Give the newest migration that is in the tables; ``None`` when there are none."""
    said = text("SELECT obj_description(to_regnamespace(:name), 'pg_namespace')")
    found: str | None = db.execute(said, {"name": SCHEMA}).scalar()
    return found
