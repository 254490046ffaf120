"""The host for an event loop: the same calls, each one to await, none of which blocks the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from smaply_metrics_core.context import Clock
from smaply_metrics_core.host.accounts import Accounts
from smaply_metrics_core.host.audit import AuditTrail
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.debug_bundles import DebugBundles
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import SurveyCatalog
from smaply_metrics_core.host.metrics_host import MetricsHost
from smaply_metrics_core.host.settings import Settings
from smaply_metrics_core.host.thread_bridge import ThreadBridge
from smaply_metrics_core.sources import SourceRegistry

P = ParamSpec("P")
T = TypeVar("T")


class AsyncAccounts:
    """``Accounts``, to await."""

    def __init__(self, accounts: Accounts, quick: ThreadBridge, _slow: ThreadBridge) -> None:
        self.list = quick(accounts.list)
        self.exists = quick(accounts.exists)
        self.show = quick(accounts.show)
        self.edit = quick(accounts.edit)


class AsyncConnections:
    """``Connections``, to await."""

    def __init__(self, connections: Connections, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.form = slow(connections.form)
        self.connect = slow(connections.connect)
        self.list = quick(connections.list)
        self.show = quick(connections.show)
        self.check = slow(connections.check)
        self.edit = slow(connections.edit)
        self.delete = quick(connections.delete)


class AsyncSurveyCatalog:
    """``SurveyCatalog``, to await."""

    def __init__(self, catalog: SurveyCatalog, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.surveys = slow(catalog.surveys)
        self.questionnaire = slow(catalog.questionnaire)
        self.options = quick(catalog.options)
        self.windows = quick(catalog.windows)


class AsyncMetrics:
    """``Metrics``, to await."""

    def __init__(self, metrics: Metrics, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.preview = slow(metrics.preview)
        self.add = slow(metrics.add)
        self.list = quick(metrics.list)
        self.show = quick(metrics.show)
        self.edit = slow(metrics.edit)
        self.delete = quick(metrics.delete)
        self.history = quick(metrics.history)


class AsyncCards:
    """``Cards``, to await."""

    def __init__(self, cards: Cards, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.load = _patient(cards.load, quick, slow)
        self.explain = quick(cards.explain)


class AsyncDebugBundles:
    """``DebugBundles``, to await."""

    def __init__(self, debugging: DebugBundles, _quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.export = slow(debugging.export)


class AsyncAuditTrail:
    """``AuditTrail``, to await."""

    def __init__(self, trail: AuditTrail, quick: ThreadBridge, _slow: ThreadBridge) -> None:
        self.list = quick(trail.list)


class AsyncSources:
    """``SourceRegistry``, to await: the first look at a source imports it."""

    def __init__(self, sources: SourceRegistry, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.states = slow(sources.states)
        self.get = slow(sources.get)
        self.stuck_calls = quick(sources.stuck_calls)


def _patient(
    load: Callable[P, T], quick: ThreadBridge, slow: ThreadBridge
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Put loading cards among the slow calls where it is to wait for fresh values."""
    at_once, waiting = quick(load), slow(load)

    @wraps(load)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return await (waiting if kwargs.get("wait") else at_once)(*args, **kwargs)

    return call


class AsyncMetricsHost:
    """Smaply Metrics in a host app that runs on an event loop.

    >>> async with AsyncMetricsHost(settings) as host:
    ...     cards = await host.cards.load(actor)

    What each call takes, gives and raises is said at the part of ``MetricsHost`` of the same name.
    ``progress`` and ``on_step`` are plain functions and called on the event loop. When the task
    that awaits is cancelled, a check of credentials, a preview, a debug bundle or waiting for cards
    is stopped before that goes on; any other call ends by itself, unseen. Calls that ask a survey
    tool, or wait, hold up only each other: maps are shown however many previews are being made.

    Args:
        settings: What the operator decided.
        clock: The time by which metrics are due, as for ``MetricsHost``.
        lease_clock: The time by which leases run out.
        registry: The sources.
        threads: How many calls that ask a survey tool or wait run at the same time, and how many
            others beside them, on threads that serve this host alone.

    Attributes:
        accounts: List, show and edit accounts. This and the others are there once the host is
            open.
        connections: Connect, show, check, edit, delete.
        catalog: The surveys and questions of a connection, cached for ten minutes; what the form
            of a metric may offer.
        metrics: Preview, add, list, show, edit, delete; what they showed over time.
        cards: Load, and explain why a metric was or was not refreshed.
        debug_bundles: Debug bundles.
        audit: Who connected, edited, deleted and exported.
        sources: What is installed, and in which state.
    """

    accounts: AsyncAccounts
    connections: AsyncConnections
    catalog: AsyncSurveyCatalog
    metrics: AsyncMetrics
    cards: AsyncCards
    debug_bundles: AsyncDebugBundles
    audit: AsyncAuditTrail
    sources: AsyncSources

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        lease_clock: Clock | None = None,
        registry: SourceRegistry | None = None,
        threads: int = 16,
    ) -> None:
        self._make = partial(
            MetricsHost,
            settings,
            clock=clock,
            lease_clock=lease_clock,
            registry=registry,
        )
        self._quick, self._slow = ThreadBridge(threads), ThreadBridge(threads)
        self._host: MetricsHost | None = None

    async def open(self) -> None:
        """Open the store and what lies in the home.

        Raises:
            StoreError: when the store in the home cannot be used.
        """
        try:
            host = await self._quick(self._open)()
        except BaseException:
            # Cancelled, it may be open by now.
            await self.close()
            raise
        calls = (self._quick, self._slow)
        self.accounts = AsyncAccounts(host.accounts, *calls)
        self.connections = AsyncConnections(host.connections, *calls)
        self.catalog = AsyncSurveyCatalog(host.catalog, *calls)
        self.metrics = AsyncMetrics(host.metrics, *calls)
        self.cards = AsyncCards(host.cards, *calls)
        self.debug_bundles = AsyncDebugBundles(host.debug_bundles, *calls)
        self.audit = AsyncAuditTrail(host.audit, *calls)
        self.sources = AsyncSources(host.sources, *calls)

    async def close(self) -> None:
        """Stop what runs in the background, wait for calls to end and give back the store."""
        try:
            if self._host is not None:
                # First: loads that wait for a refresh then see it end, and show what is stored.
                await asyncio.to_thread(self._host.cards.close)
        finally:
            self._quick.stop()
            self._slow.stop()
            await asyncio.to_thread(self._close)

    def _open(self) -> MetricsHost:
        self._host = self._make()
        return self._host

    def _close(self) -> None:
        self._quick.close()
        self._slow.close()
        if self._host is not None:
            self._host.close()

    async def __aenter__(self) -> Self:
        """Open, for the length of an ``async with`` block."""
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()
