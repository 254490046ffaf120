"""The health checks of a store: the database, its tables, the keys and the queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from smaply_metrics_core.errors import EncryptionError, StoreError
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.health.report import (
    HealthCheck,
    failed,
    failed_with,
    passed,
    warning,
)
from smaply_metrics_core.host.refresh.queue_state import read_queue
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.engine import name_of
from smaply_metrics_core.host.store.migrations.runner import newest_version, version_of

if TYPE_CHECKING:
    from smaply_metrics_core.host.settings import Settings

DATABASE: Final = "database"
MIGRATIONS: Final = "migrations"
KEYS: Final = "keys"
QUEUE: Final = "queue"
WORKERS: Final = "workers"

LONG_WAIT: Final = 300.0
"""Seconds after which a refresh that waits in the queue is reported."""


def check_database(store: Store) -> HealthCheck:
    """Check that the database answers."""
    begun = time.monotonic()
    try:
        with store.reading() as db:
            db.execute(select(1))
    except StoreError as error:
        return failed_with(DATABASE, error)
    milliseconds = (time.monotonic() - begun) * 1000
    return passed(DATABASE, f"{name_of(store.where)} answered in {milliseconds:.0f} ms.")


def check_migrations(store: Store) -> HealthCheck:
    """Check that the tables have the version of this release."""
    try:
        with store.reading() as db:
            version = version_of(db)
    except StoreError as error:
        return failed_with(MIGRATIONS, error)
    newest = newest_version()
    if version == newest:
        return passed(MIGRATIONS, f"The tables have version {newest}, that of this release.")
    if version is None:
        return failed(
            MIGRATIONS,
            "The database has no tables yet.",
            "Run `smaply-metrics db upgrade`, or start any process of the installation.",
        )
    if version > newest:
        return failed(
            MIGRATIONS,
            f"A newer release upgraded the tables to version {version}; this release supports "
            f"versions up to {newest}.",
            "Install that release here too, and restart this process.",
        )
    return failed(
        MIGRATIONS,
        f"The tables have version {version}; this release requires {newest}.",
        "Make a backup, then run `smaply-metrics db upgrade`.",
    )


def check_keys(credential_store: CredentialStore) -> HealthCheck:
    """Check that this process has an encryption key, or may create one."""
    try:
        ring = credential_store.require_key()
    except (EncryptionError, StoreError) as error:
        return failed_with(KEYS, error)
    return passed(KEYS, f"The key {ring.ids[0]} encrypts; keys that decrypt: {len(ring.ids)}.")


def check_queue(store: Store, settings: Settings) -> tuple[HealthCheck, ...]:
    """Check the queue and its workers, if refreshes are queued for workers."""
    if settings.refresh_executor != "procrastinate":
        return ()
    if not store.is_shared:
        return (
            failed(
                QUEUE,
                "Refreshes are queued for workers, but the store is not in PostgreSQL.",
                "Set SMAPLY_METRICS_DATABASE_URL to the URL of a PostgreSQL database, or unset "
                "SMAPLY_METRICS_REFRESH_EXECUTOR.",
            ),
        )
    try:
        state = read_queue(store)
    except StoreError as error:
        return (failed_with(QUEUE, error),)
    waiting = f"{state.waiting} waiting, {state.running} running"
    if state.waiting and state.oldest_seconds >= LONG_WAIT:
        queue = warning(
            QUEUE,
            f"A refresh has waited for {state.oldest_seconds / 60:.0f} minutes ({waiting}).",
            "Start more workers, or raise their --concurrency.",
        )
    else:
        queue = passed(QUEUE, f"The queue can be read: {waiting}.")
    if state.workers:
        beat = state.heartbeat_seconds or 0.0
        alive = passed(WORKERS, f"Workers alive: {state.workers}; last heartbeat {beat:.0f} s ago.")
    else:
        last = (
            "no worker has ever started"
            if state.heartbeat_seconds is None
            else f"the last heartbeat was {state.heartbeat_seconds:.0f} s ago"
        )
        alive = failed(
            WORKERS,
            f"No worker is alive: {last}. Cards show their last values until one runs.",
            "Start a worker with `smaply-metrics worker run`; if one is running, read its log.",
            required=False,
        )
    return queue, alive
