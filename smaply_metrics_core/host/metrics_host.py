"""The entry point of host apps, opened once per process."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from smaply_metrics_core.context import Clock, SystemClock
from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.host.audit import AuditTrail
from smaply_metrics_core.host.connections.keys import VARIABLE as KEYS_VARIABLE
from smaply_metrics_core.host.connections.keys import KeySource
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import Store, audit
from smaply_metrics_core.host.store.database_clock import DatabaseClock
from smaply_metrics_core.host.store.engine import name_of
from smaply_metrics_core.host.store.opening import open_store
from smaply_metrics_core.host.telemetry import enable_telemetry
from smaply_metrics_core.observability import telemetry

if TYPE_CHECKING:  # Loaded when a host is opened, so that importing the class stays light.
    from smaply_metrics_core.host.refresh.executors import RefreshExecutor
    from smaply_metrics_core.host.refresh.worker import Worker
    from smaply_metrics_core.host.settings import Settings
    from smaply_metrics_core.sources.registry import SourceRegistry

logger = logging.getLogger(__name__)

TEMP_DIR_NAME: Final = "tmp"
"""The folder in the home for the temporary directories of calls."""


class MetricsHost:
    """Smaply Metrics in a host app.

    Args:
        settings: The settings of the operator; ``Settings.from_environment`` reads them.
        clock: The time by which metrics become due; by default the database's, which for SQLite is
            the machine's.
        lease_clock: The time by which leases expire; by default ``clock``, or else the database's.
            Pass one when ``clock`` is fixed, so that the leases of dead processes expire.
        registry: The sources, which stay open when the host is closed; by default the installed
            ones, with their temporary folders in the home.

    Raises:
        StoreError: when the store cannot be used.
        InputError: when ``settings.database_url`` is not a URL of PostgreSQL, or there is none but
            a ``settings.database_schema``.

    Attributes:
        accounts: List, show, edit, export and delete accounts; erase users.
        connections: Connect, list, show, check, edit, rename and delete.
        catalog: The surveys and questions of a connection, cached for ten minutes, and the options
            of the metric form.
        chosen_surveys: Restrict a connection to chosen surveys.
        metrics: Preview, add, list, show, edit and delete; the history of values.
        cards: Load cards, and explain why a metric was or was not refreshed.
        debug_bundles: Export debug bundles.
        events: Subscribe to changed values, ended refreshes, and failed connections.
        entered_values: Read and store the values that people enter.
        audit: The audit trail.
        health: Whether this process can work: its database, tables, keys, sources and queue.
        keys: Require encryption keys at the start of a process; for the operator, their use and
            rotation.
        sources: The installed sources and their states.
        upgraded: The versions of the store's tables before and after it was opened.
        store_name: The path of the SQLite file, or the name of the PostgreSQL database.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        lease_clock: Clock | None = None,
        registry: SourceRegistry | None = None,
    ) -> None:
        if settings.telemetry == "on" and not telemetry.enabled():
            enable_telemetry()
        self._store = open_store(settings)
        self.upgraded = self._store.upgraded
        self.store_name = name_of(self._store.where)
        try:
            refresh_executor = _queue(self._store, settings)
        except BaseException:
            self._store.close()
            raise
        lease_clock = lease_clock or clock
        if clock is None:
            clock = DatabaseClock(self._store) if self._store.is_shared else SystemClock()
        self._own_registry: SourceRegistry | None = None
        if registry is None:
            from smaply_metrics_core.sources.registry import SourceRegistry

            registry = self._own_registry = SourceRegistry(
                settings.sources,
                clock=clock,
                temp_dir=settings.temp_dir or settings.home / TEMP_DIR_NAME,
            )
        # No key file with a shared store: other machines could not decrypt what it encrypts.
        key_file = None if self._store.is_shared else settings.key_path
        runtime = Runtime(
            store=self._store,
            registry=registry,
            settings=settings,
            clock=clock,
            lease_clock=lease_clock,
        )
        if settings.encryption_keys is None and os.environ.get(KEYS_VARIABLE):
            logger.warning(
                "%s is set but not used, because the settings were not read from the environment. "
                "Use Settings.from_environment.",
                KEYS_VARIABLE,
            )
        # Loads the modules that call sources: the forms, the bundles, the cipher.
        from smaply_metrics_core.host.services import Services

        services = Services.of(
            runtime,
            KeySource(settings.encryption_keys, key_file),
            refresh_executor,
        )
        self._runtime = runtime
        self._sessions = services.sessions
        self.sources = registry
        self.keys = services.keys
        self.accounts = services.accounts
        self.connections = services.connections
        self.catalog = services.catalog
        self.chosen_surveys = services.chosen_surveys
        self.metrics = services.metrics
        self.cards = services.cards
        self.debug_bundles = services.debug_bundles
        self.events = services.events
        self.entered_values = services.entered_values
        self.audit = AuditTrail(runtime)
        self.health = services.health
        _forget_old_entries(runtime)

    def worker(self, concurrency: int = 4, *, heartbeat_file: Path | None = None) -> Worker:
        """Return a worker, a context manager that runs the refreshes in the queue.

        Args:
            concurrency: How many surveys it refreshes at the same time.
            heartbeat_file: The file that it writes the time to every 10 seconds, for a liveness
                probe.

        Raises:
            InputError: when the store is not in PostgreSQL, or the extra ``worker`` is missing.
            EncryptionError: when there is no key, or one is not valid.
        """
        self.keys.require()
        from smaply_metrics_core.host.refresh.worker import Worker  # Heavy: asyncio.

        return Worker(self._runtime, self._sessions, concurrency, heartbeat_file)

    def close(self) -> None:
        """End subscriptions, stop refreshes, remove temporary files and close the store."""
        self.events.close()
        self.cards.close()
        if self._own_registry is not None:
            self._own_registry.close()
        self._store.close()

    def __enter__(self) -> Self:
        """Return the host itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the host."""
        self.close()


def _forget_old_entries(runtime: Runtime) -> None:
    """Delete the entries of audit trails that are older than the operator allows."""
    if runtime.settings.audit_retention_days is None:
        return
    try:
        audit.forget_all(runtime.store, runtime.settings.audit_kept_since(runtime.now()))
    except StoreError:  # The host can still show what is stored.
        logger.warning("Old entries of the audit trail could not be deleted.", exc_info=True)


def _queue(store: Store, settings: Settings) -> RefreshExecutor | None:
    """Return the queue that workers take refreshes from; ``None`` for threads of this process."""
    if settings.refresh_executor != "procrastinate":
        return None
    from smaply_metrics_core.host.refresh.procrastinate_queue import ProcrastinateExecutor

    return ProcrastinateExecutor(store)
