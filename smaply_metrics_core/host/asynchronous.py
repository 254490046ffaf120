"""The host for an event loop: the same calls, each one to await, none of which blocks the loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Self

from smaply_metrics_core.host.calling import Calls
from smaply_metrics_core.host.service import MetricsHost

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from smaply_metrics_core.context import Clock
    from smaply_metrics_core.host.cards import Cards
    from smaply_metrics_core.host.catalogue import Catalogue
    from smaply_metrics_core.host.connections import Connections
    from smaply_metrics_core.host.debugging import Debugging
    from smaply_metrics_core.host.metrics import Metrics
    from smaply_metrics_core.host.settings import Settings
    from smaply_metrics_core.sources import SourceRegistry


class AsyncConnections:
    """``Connections``, to await."""

    def __init__(self, connections: Connections, calling: Calls) -> None:
        self.form = calling(connections.form)
        self.connect = calling(connections.connect)
        self.list = calling(connections.list)
        self.show = calling(connections.show)
        self.check = calling(connections.check)
        self.edit = calling(connections.edit)
        self.delete = calling(connections.delete)
        self.surveys = calling(connections.surveys)
        self.questions = calling(connections.questions)


class AsyncCatalogue:
    """``Catalogue``, to await."""

    def __init__(self, catalogue: Catalogue, calling: Calls) -> None:
        self.surveys = calling(catalogue.surveys)
        self.questionnaire = calling(catalogue.questionnaire)
        self.options = calling(catalogue.options)
        self.windows = calling(catalogue.windows)


class AsyncMetrics:
    """``Metrics``, to await."""

    def __init__(self, metrics: Metrics, calling: Calls) -> None:
        self.preview = calling(metrics.preview)
        self.add = calling(metrics.add)
        self.list = calling(metrics.list)
        self.show = calling(metrics.show)
        self.edit = calling(metrics.edit)
        self.delete = calling(metrics.delete)
        self.account = calling(metrics.account)
        self.set_account = calling(metrics.set_account)


class AsyncCards:
    """``Cards``, to await."""

    def __init__(self, cards: Cards, calling: Calls) -> None:
        self.load = calling(cards.load)
        self.decisions = calling(cards.decisions)


class AsyncDebugging:
    """``Debugging``, to await."""

    def __init__(self, debugging: Debugging, calling: Calls) -> None:
        self.export = calling(debugging.export)


class AsyncSources:
    """``SourceRegistry``, to await: the first look at a source imports it."""

    def __init__(self, sources: SourceRegistry, calling: Calls) -> None:
        self.states = calling(sources.states)
        self.get = calling(sources.get)
        self.stuck_calls = calling(sources.stuck_calls)


class AsyncMetricsHost:
    """Smaply Metrics in a host app that runs on an event loop.

    >>> async with AsyncMetricsHost(settings) as host:
    ...     cards = await host.cards.load(actor)

    What each call takes, gives and raises is said at the part of ``MetricsHost`` of the same name.
    ``progress`` and ``on_step`` are plain functions and called on the event loop. When the task
    that awaits is cancelled, a check of credentials, a preview or a debug bundle is stopped before
    that goes on; any other call ends by itself, unseen.

    Args:
        settings: What the operator decided.
        environment: As for ``MetricsHost``, like the arguments that follow.
        clock: The time by which metrics are due.
        lease_clock: The time by which leases run out.
        registry: The sources.
        threads: How many calls run at the same time, on threads that serve this host alone.

    Attributes:
        connections: Connect, show, check, edit, delete; surveys and questions. This and the others
            are there once the host is open.
        catalogue: What a connection offers, kept for ten minutes; what a metric's form may offer.
        metrics: Preview, add, list, show, edit, delete.
        cards: Load.
        debug: Debug bundles.
        sources: What is installed, and in which state.
    """

    connections: AsyncConnections
    catalogue: AsyncCatalogue
    metrics: AsyncMetrics
    cards: AsyncCards
    debug: AsyncDebugging
    sources: AsyncSources

    def __init__(  # noqa: PLR0913  # Those of MetricsHost, and one.
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        lease_clock: Clock | None = None,
        registry: SourceRegistry | None = None,
        threads: int = 16,
    ) -> None:
        self._make = partial(
            MetricsHost,
            settings,
            environment=environment,
            clock=clock,
            lease_clock=lease_clock,
            registry=registry,
        )
        self._calls = Calls(threads)
        self._host: MetricsHost | None = None

    async def open(self) -> None:
        """Open the store and what lies in the home.

        Raises:
            StoreError: when the store in the home cannot be used.
        """
        try:
            host = await self._calls(self._open)()
        except BaseException:
            # Cancelled, it may be open by now.
            await self.close()
            raise
        self.connections = AsyncConnections(host.connections, self._calls)
        self.catalogue = AsyncCatalogue(host.catalogue, self._calls)
        self.metrics = AsyncMetrics(host.metrics, self._calls)
        self.cards = AsyncCards(host.cards, self._calls)
        self.debug = AsyncDebugging(host.debug, self._calls)
        self.sources = AsyncSources(host.sources, self._calls)

    async def close(self) -> None:
        """Stop what runs in the background, wait for calls to end and give back the store."""
        self._calls.stop()
        await asyncio.to_thread(self._close)

    def _open(self) -> MetricsHost:
        self._host = self._make()
        return self._host

    def _close(self) -> None:
        if self._host is not None:
            # First, so that calls which wait for a refresh end.
            self._host.cards.close()
        self._calls.close()
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
