"""The host: everything that a host app calls, opened once for a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

from smaply_metrics_core.context import Clock, SystemClock
from smaply_metrics_core.host.audit import AuditTrail
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.keys import load_keys
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.debug_bundles import DebugBundles
from smaply_metrics_core.host.metrics.previews import Previews
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import QuestionnaireCache, SurveyCatalog
from smaply_metrics_core.host.refresh.procrastinate_queue import ProcrastinateExecutor
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.settings import (
    KEY_FILE_NAME,
    PROCRASTINATE,
    STORE_NAME,
    Settings,
)
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.database_clock import DatabaseClock
from smaply_metrics_core.host.store.engine import parse_database_url
from smaply_metrics_core.sources import SourceRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from smaply_metrics_core.host.refresh.worker import Worker


SCRATCH_NAME: Final = "tmp"
"""The folder in the home for the temporary files of calls."""


class MetricsHost:
    """Smaply Metrics in a host app.

    Args:
        settings: What the operator decided; ``Settings.from_environment`` reads it.
        environment: Where the keys are read from; the process's own by default.
        clock: The time by which metrics are due; the database's by default, which for SQLite is the
            machine's.
        lease_clock: The time by which leases run out; ``clock``, or the database's, by default. It
            differs when a ``clock`` is held at an instant: a process that died is over all the
            same.
        registry: The sources, which stay open when the host is closed; those installed by default,
            with their temporary folders below the home.

    Raises:
        StoreError: when the store cannot be used.
        InputError: when ``settings.database`` is no URL of PostgreSQL.

    Attributes:
        connections: Connect, show, check, edit, delete; surveys and questions.
        catalog: What a connection offers, kept for ten minutes; what a metric's form may offer.
        metrics: Preview, add, list, show, edit, delete; what they showed over time.
        cards: Load, and explain why a metric was or was not refreshed.
        debug: Debug bundles.
        audit: Who connected, edited, deleted and exported.
        sources: What is installed, and in which state.
        upgraded: What opening did to the tables of the store.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        lease_clock: Clock | None = None,
        registry: SourceRegistry | None = None,
    ) -> None:
        url = settings.database
        self._store = Store(
            settings.home / STORE_NAME if url is None else parse_database_url(url),
            settings.database_connections,
        )
        self.upgraded = self._store.upgraded
        try:
            queued = settings.refresh_executor == PROCRASTINATE
            refresh_executor = ProcrastinateExecutor(self._store) if queued else None
        except BaseException:
            self._store.close()
            raise
        lease_clock = lease_clock or clock
        if clock is None:
            clock = DatabaseClock(self._store) if self._store.is_shared else SystemClock()
        self._own_registry: SourceRegistry | None = None
        if registry is None:
            registry = self._own_registry = SourceRegistry(
                settings.sources, clock=clock, scratch=settings.home / SCRATCH_NAME
            )
        env = os.environ if environment is None else environment
        # A key file is of one machine: what it seals, another one could not open.
        key_file = None if self._store.is_shared else settings.home / KEY_FILE_NAME
        core = Runtime(
            store=self._store,
            find_keys=lambda may_create: load_keys(env, key_file, may_create=may_create),
            registry=registry,
            settings=settings,
            clock=clock,
            lease_clock=lease_clock,
        )
        self.sources = core.registry
        self.connections = Connections(core)
        questionnaires = QuestionnaireCache(core)
        self.catalog = SurveyCatalog(core, questionnaires)
        self.metrics = Metrics(core, Previews(core, questionnaires))
        self._core = core
        self.cards = Cards(core, refresh_executor)
        self.debug_bundles = DebugBundles(core, self.cards)
        self.audit = AuditTrail(core)

    def worker(self, concurrency: int = 4) -> Worker:
        """Make a worker, to be opened with ``with``: it runs refreshes that the fleet has queued.

        Args:
            concurrency: How many surveys it refreshes at the same time.

        Raises:
            InputError: when the store is not in PostgreSQL, or the extra ``worker`` is missing.
        """
        from smaply_metrics_core.host.refresh.worker import Worker  # Loads asyncio: only on use.

        return Worker(self._core, concurrency)

    def close(self) -> None:
        """Stop what runs in the background, remove temporary files and give back the store."""
        self.cards.close()
        if self._own_registry is not None:
            self._own_registry.close()
        self._store.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
