"""Refreshes as jobs of Procrastinate, in the PostgreSQL database of the store.

Any process of the fleet queues a survey; a worker takes the job. At most one job per survey is
queued (its queueing lock). When a worker takes it, the refresh policy decides whether the survey is
still due. Procrastinate itself retries nothing: after a failure, the policy decides too.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, text

from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.forking import (
    call_now_and_in_children,
    close_in_children,
    keep_inherited,
)
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.refresh.job_context import carrying_lock
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.error_mapping import driver_errors, store_error
from smaply_metrics_core.host.store.migrations.runner import wait_for_turn
from smaply_metrics_core.host.store.queued_jobs import QUEUE, queue_schema, set_flags
from smaply_metrics_core.models.problem import Audience

if TYPE_CHECKING:
    from procrastinate import App
    from procrastinate.jobs import JobDeferrer


logger = logging.getLogger(__name__)

TASK: Final = "smaply_metrics.refresh"


def require_procrastinate() -> ModuleType:
    """Return the ``procrastinate`` package.

    Raises:
        InputError: when it is not installed.
    """
    require_extra("worker", "procrastinate")
    import procrastinate

    return procrastinate


def pool_arguments(store: Store) -> dict[str, Any]:
    """Return the arguments of Procrastinate's connection pool.

    Raises:
        InputError: when the store is not in PostgreSQL.
    """
    url = _shared(store)
    return {
        "conninfo": url.set(drivername="postgresql").render_as_string(hide_password=False),
        "kwargs": {"options": f"-c search_path={queue_schema(store)}", "application_name": QUEUE},
        "min_size": 1,
        "max_size": 4,
    }


def _shared(store: Store) -> URL:
    if not isinstance(store.where, URL):
        raise InputError(
            "Workers require a store in PostgreSQL.",
            remedy="Set SMAPLY_METRICS_DATABASE_URL to the URL of a PostgreSQL database, or unset "
            "SMAPLY_METRICS_REFRESH_EXECUTOR to run refreshes without workers.",
            audience=Audience.OPERATOR,
        )
    return store.where


def job_of(key: SurveyKey, *, forced: bool, resumed: bool = False, left: int = 0) -> dict[str, Any]:
    """Return the arguments of a job.

    Args:
        key: The survey.
        forced: Whether an Editor requested the refresh.
        resumed: Whether it is the retry of a job whose worker died.
        left: How many workers could not make the attempt. Workers of earlier releases do not know
            this argument, so it is omitted when it is 0.
    """
    job = {**key._asdict(), "forced": forced, "resumed": resumed}
    return {**job, "left": left} if left else job


def _lock_of(key: SurveyKey, queue: str) -> str:
    """Return the queueing lock of a survey.

    Each queue has locks of its own: a job that no worker takes from ``LEFT_QUEUE``, which workers
    of earlier releases do not know, does not keep loads from queueing the survey.
    """
    lock = json.dumps(key)
    return lock if queue == QUEUE else f"{queue}:{lock}"


def deferrer_of(
    app: App, key: SurveyKey, queue: str = QUEUE, *, delay: float | None = None
) -> JobDeferrer:
    """Return what queues the job of a survey, unless one waits in the same queue.

    Args:
        app: The app of Procrastinate.
        key: The survey.
        queue: The queue.
        delay: The seconds before the job may be started; ``None`` for at once.
    """
    return app.configure_task(
        TASK,
        queue=queue,
        lock=carrying_lock(),
        queueing_lock=_lock_of(key, queue),
        schedule_in=None if delay is None else {"seconds": delay},
    )


def add_to_waiting(
    store: Store, key: SurveyKey, job: Mapping[str, Any], queue: str = QUEUE
) -> bool:
    """Add what a job that cannot be queued requests to the one that waits for the same survey.

    Otherwise, the request of an Editor or the retry for a dead worker would be lost: the waiting
    job alone would find nothing due.

    Args:
        store: The store with the queue.
        key: The survey.
        job: The arguments of the job.
        queue: The queue of both jobs.

    Returns:
        ``False`` if no job waits any more, so the job can be queued.
    """
    flags = [name for name in ("forced", "resumed") if job[name]]
    if not flags:
        return True
    with store.writing() as db:
        return set_flags(db, store, _lock_of(key, queue), flags)


class ProcrastinateExecutor:
    """Queues refreshes for the workers of the fleet.

    Raises:
        InputError: when Procrastinate is not installed, or the store is not in PostgreSQL.
        StoreError: when the database cannot be used.
    """

    def __init__(self, store: Store) -> None:
        require_procrastinate()
        _shared(store)
        prepare_queue(store)
        self._store = store
        self._app: App | None = None
        self._closed = False
        call_now_and_in_children(self._renew)
        with queue_errors(store):
            self._open()

    def _renew(self) -> None:
        keep_inherited(self._app)
        self._app = None
        self._lock = threading.Lock()

    def _open(self) -> App:
        with self._lock:
            if self._app is None:
                procrastinate = require_procrastinate()
                connector = procrastinate.SyncPsycopgConnector(
                    **pool_arguments(self._store), configure=close_in_children
                )
                self._app = procrastinate.App(connector=connector).open()
            return self._app

    @property
    def closed(self) -> bool:
        """Whether it accepts no further refreshes."""
        return self._closed

    def submit(self, key: SurveyKey, *, forced: bool) -> Future[object] | None:
        """Queue a survey unless it is already queued.

        Returns:
            A future that has failed when the survey could not be queued; else ``None``.
        """
        if self._closed:
            return None
        job = job_of(key, forced=forced)
        try:
            with queue_errors(self._store):
                while not self._queue(key, job) and not add_to_waiting(self._store, key, job):
                    pass  # The waiting job was started in between.
        except StoreError as error:
            # The load returns the stored cards; the next load queues the survey again.
            logger.warning("The refresh of %s could not be queued.", key, exc_info=True)
            failed: Future[object] = Future()
            failed.set_exception(error)
            return failed
        return None

    def _queue(self, key: SurveyKey, job: Mapping[str, Any]) -> bool:
        """Queue a job; ``False`` if one waits for the same survey."""
        from procrastinate.exceptions import AlreadyEnqueued

        try:
            deferrer_of(self._open(), key).defer(**job)
        except AlreadyEnqueued:
            logger.debug("%s is already queued.", key)
            return False
        return True

    def pending(self) -> Mapping[SurveyKey, Future[object]]:
        """Return nothing: no refresh runs in this process."""
        return {}

    def close(self) -> None:
        """Accept no further refreshes; queued jobs stay queued."""
        if not self._closed:
            self._closed = True
            if self._app is not None:
                self._app.close()


@contextmanager
def queue_errors(store: Store) -> Iterator[None]:
    """Raise errors of the queue's connections as a ``StoreError``."""
    from procrastinate.exceptions import ConnectorException

    caught: tuple[type[Exception], ...] = (ConnectorException, *driver_errors())
    try:
        yield
    except caught as error:
        cause = error.__cause__  # The error of the driver.
        raise store_error(cause if isinstance(cause, Exception) else error, store.where) from None


def prepare_queue(store: Store) -> None:
    """Create Procrastinate's tables, or migrate them to the installed release.

    Raises:
        StoreError: when a newer Procrastinate wrote tables that the installed one cannot use.
    """
    from procrastinate.schema import SchemaManager

    _shared(store)
    schema = queue_schema(store)
    folder = Path(SchemaManager.get_migrations_path())
    migrations = sorted(path.name for path in folder.glob("*.sql"))
    with store.reading() as db:
        current = _is_current(_version(db, schema), migrations[-1])
    while not current:
        # Each migration has a transaction of its own: some use a value of an enum that an earlier
        # one added, which PostgreSQL allows only after a commit.
        with store.writing() as db:
            wait_for_turn(db)
            version = _version(db, schema)
            current = _is_current(version, migrations[-1])
            if current:
                return
            if version is None:
                db.execute(text(f"CREATE SCHEMA {schema}"))
            if version:
                reached = next(name for name in migrations if name > version)
                script = (folder / reached).read_text(encoding="utf-8")
            else:
                reached, script = migrations[-1], SchemaManager.get_schema()
            db.execute(text(f"SET LOCAL search_path = {schema}"))
            # Run by the driver: a script has several statements and unescaped "%" and ":".
            db.connection.driver_connection.execute(script)  # type: ignore[union-attr]
            db.execute(text(f"COMMENT ON SCHEMA {schema} IS '{reached}'"))


def _is_current(version: str | None, newest: str) -> bool:
    """Whether the installed Procrastinate, whose last migration is ``newest``, can use the tables.

    Raises:
        StoreError: when the tables are newer, and no longer have what earlier releases call.
    """
    if version is None or version < newest:
        return False
    # "pre" migrations only add to the tables; the others also remove what earlier releases call.
    if version > newest and "_pre_" not in version:
        raise StoreError(
            "A newer release of procrastinate has upgraded the tables of the queue: they have "
            f"migration {version}, and the last one of this process is {newest}.",
            remedy="Install that release of procrastinate here too, and restart this process.",
        )
    return True


def _version(db: Connection, schema: str) -> str | None:
    """Return the newest migration of the tables; ``None`` without the schema, "" if it is empty.

    It is read from the table of schemas: ``to_regnamespace`` uses a cache of the connection, which
    does not see a schema that another process created while this one waited for its turn.
    """
    found = db.execute(
        text(
            "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace "
            "WHERE nspname = :name"
        ),
        {"name": schema},
    )
    version: str | None = found.scalar()
    return version
