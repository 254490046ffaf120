"""The async API of the host: the same calls as coroutines that do not block the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Mapping
from functools import partial, wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from smaply_metrics_core.context import Clock
from smaply_metrics_core.host.accounts.service import Accounts
from smaply_metrics_core.host.audit import AuditTrail
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.chosen_surveys import ChosenSurveys
from smaply_metrics_core.host.connections.key_rotation import Keys
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.debug_bundles import DebugBundles
from smaply_metrics_core.host.entered_values import EnteredValues
from smaply_metrics_core.host.events.event_stream import stream
from smaply_metrics_core.host.events.service import Events
from smaply_metrics_core.host.health.service import Health
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import SurveyCatalog
from smaply_metrics_core.host.metrics_host import MetricsHost
from smaply_metrics_core.host.store.events import EventKind, MetricsEvent
from smaply_metrics_core.host.thread_bridge import ThreadBridge
from smaply_metrics_core.models.credentials import conceal
from smaply_metrics_core.sources.registry import SourceRegistry

if TYPE_CHECKING:  # Heavy: pydantic-settings.
    from smaply_metrics_core.host.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class AsyncAccounts:
    """The async version of ``Accounts``."""

    def __init__(self, accounts: Accounts, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.list = quick(accounts.list)
        self.exists = quick(accounts.exists)
        self.show = quick(accounts.show)
        self.edit = quick(accounts.edit)
        self.register = quick(accounts.register)
        self.limits = quick(accounts.limits)
        self.set_limits = quick(accounts.set_limits)
        self.export = slow(accounts.export)
        self.erase_user = quick(accounts.erase_user)
        self.delete = slow(accounts.delete)


class AsyncConnections:
    """The async version of ``Connections``."""

    def __init__(self, connections: Connections, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.form = slow(connections.form)
        self.propose_value = _conceal_values(slow(connections.propose_value))
        self.edit_columns = _conceal_values(slow(connections.edit_columns))
        self.connect = _conceal_values(slow(connections.connect))
        self.list = quick(connections.list)
        self.labels = quick(connections.labels)
        self.show = quick(connections.show)
        self.check = slow(connections.check)
        self.edit = _conceal_values(slow(connections.edit))
        self.rename = quick(connections.rename)
        self.delete = quick(connections.delete)


class AsyncSurveyCatalog:
    """The async version of ``SurveyCatalog``."""

    def __init__(self, catalog: SurveyCatalog, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.surveys = slow(catalog.surveys)
        self.questionnaire = slow(catalog.questionnaire)
        self.answer_counts = quick(catalog.answer_counts)
        self.count_answers = slow(catalog.count_answers)
        self.options = quick(catalog.options)
        self.windows = quick(catalog.windows)


class AsyncChosenSurveys:
    """The async version of ``ChosenSurveys``."""

    def __init__(self, choices: ChosenSurveys, _quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.show = slow(choices.show)
        self.edit = slow(choices.edit)


class AsyncMetrics:
    """The async version of ``Metrics``."""

    def __init__(self, metrics: Metrics, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.preview = slow(metrics.preview)
        self.add = slow(metrics.add)
        self.add_many = slow(metrics.add_many)
        self.duplicate = quick(metrics.duplicate)
        self.move = quick(metrics.move)
        self.page = quick(metrics.page)
        self.list = quick(metrics.list)
        self.show = quick(metrics.show)
        self.edit = slow(metrics.edit)
        self.delete = quick(metrics.delete)
        self.history = quick(metrics.history)
        self.histories = quick(metrics.histories)


class AsyncCards:
    """The async version of ``Cards``."""

    def __init__(self, cards: Cards, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.load = _route_load(cards.load, quick, slow)
        self.explain = quick(cards.explain)
        self.make_due = quick(cards.make_due)
        self.attempts = quick(cards.attempts)


class AsyncDebugBundles:
    """The async version of ``DebugBundles``."""

    def __init__(self, debugging: DebugBundles, _quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.export = slow(debugging.export)


class AsyncEvents:
    """The async version of ``Events``."""

    def __init__(self, events: Events, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self._events = events
        self._quick = quick
        self.subscribe = quick(events.subscribe)
        self.deliver = slow(events.deliver)
        self.consumers = quick(events.consumers)
        self.forget = quick(events.forget)

    def stream(
        self, consumer: str, *, kinds: Collection[EventKind] = tuple(EventKind)
    ) -> AsyncGenerator[MetricsEvent]:
        """Return an async iterator over the events of a consumer; see ``Events``.

        An event counts as processed when the next one is requested. If the iterator is closed
        before, as by an exception in the loop over it, the event is delivered again.

        Raises:
            InputError: for a name that is empty or too long, or if the host is closed.
            StoreError: when the store cannot be used.
        """
        return stream(self._events, self._quick, consumer, kinds)


class AsyncEnteredValues:
    """The async version of ``EnteredValues``."""

    def __init__(self, entered: EnteredValues, quick: ThreadBridge, _slow: ThreadBridge) -> None:
        self.list = quick(entered.list)
        self.show = quick(entered.show)
        self.today = quick(entered.today)
        self.add = quick(entered.add)
        self.edit = quick(entered.edit)
        self.add_values = quick(entered.add_values)
        self.delete = quick(entered.delete)
        self.rename_user = quick(entered.rename_user)


class AsyncKeys:
    """The async version of ``Keys``."""

    def __init__(self, keys: Keys, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.require = quick(keys.require)
        self.status = quick(keys.status)
        self.check = slow(keys.check)
        self.rotate = slow(keys.rotate)
        self.add_to_file = quick(keys.add_to_file)
        self.remove_unused = quick(keys.remove_unused)


class AsyncHealth:
    """The async version of ``Health``."""

    def __init__(self, health: Health, quick: ThreadBridge, _slow: ThreadBridge) -> None:
        self.readiness = quick(health.readiness)


class AsyncAuditTrail:
    """The async version of ``AuditTrail``."""

    def __init__(self, trail: AuditTrail, quick: ThreadBridge, _slow: ThreadBridge) -> None:
        self.list = quick(trail.list)
        self.record = quick(trail.record)


class AsyncSources:
    """The async version of ``SourceRegistry``; the first access to a source imports it."""

    def __init__(self, sources: SourceRegistry, quick: ThreadBridge, slow: ThreadBridge) -> None:
        self.states = slow(sources.states)
        self.get = slow(sources.get)
        self.title = quick(sources.title)
        self.stuck_calls = quick(sources.stuck_calls)


def _conceal_values(
    call: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Wrap entered values before they reach the frames of threads and futures."""

    @wraps(call)
    async def protected(*args: Any, **kwargs: Any) -> T:  # noqa: ANN401  # As the call.
        args = tuple(conceal(one) if isinstance(one, Mapping) else one for one in args)
        kwargs = {
            name: conceal(one) if isinstance(one, Mapping) else one for name, one in kwargs.items()
        }
        return await call(*args, **kwargs)

    return protected


def _route_load(
    load: Callable[P, T], quick: ThreadBridge, slow: ThreadBridge
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run a load on the slow threads when it waits for fresh values, else on the quick ones."""
    at_once, waiting = quick(load), slow(load)

    @wraps(load)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return await (waiting if kwargs.get("wait") else at_once)(*args, **kwargs)

    return call


class AsyncMetricsHost:
    """Smaply Metrics in a host app that runs on an event loop.

    >>> async with AsyncMetricsHost(settings) as host:
    ...     cards = await host.cards.load(actor)

    Arguments, results and errors are documented on the attribute of ``MetricsHost`` with the same
    name. ``progress`` and ``on_step`` are plain functions that are called on the event loop.
    Cancelling the awaiting task stops a credentials check, a preview, a debug bundle or a load that
    waits, and returns when it has stopped; any other call runs to its end in the background. Calls
    that contact a survey tool or wait have their own threads, so previews do not delay cards.

    Args:
        settings: The settings of the operator.
        clock: The time by which metrics become due, as for ``MetricsHost``.
        lease_clock: The time by which leases expire.
        registry: The sources.
        threads: The size of each of this host's two thread pools: one for calls that contact a
            survey tool or wait, one for all others.

    Attributes:
        accounts: List, show, edit, export and delete accounts; erase users. Like all attributes, it
            exists once the host is open.
        connections: Connect, list, show, check, edit, rename and delete.
        catalog: The surveys and questions of a connection, cached for ten minutes, and the options
            of the metric form.
        chosen_surveys: Restrict a connection to chosen surveys.
        metrics: Preview, add, list, show, edit and delete; the history of values.
        cards: Load cards, and explain why a metric was or was not refreshed.
        debug_bundles: Export debug bundles.
        events: Iterate over changed values, ended refreshes, and failed connections.
        entered_values: Read and store the values that people enter.
        audit: The audit trail.
        keys: Require encryption keys at the start of a process; their use and rotation.
        sources: The installed sources and their states.
        health: Whether this process can work.
    """

    accounts: AsyncAccounts
    connections: AsyncConnections
    catalog: AsyncSurveyCatalog
    chosen_surveys: AsyncChosenSurveys
    metrics: AsyncMetrics
    cards: AsyncCards
    debug_bundles: AsyncDebugBundles
    events: AsyncEvents
    entered_values: AsyncEnteredValues
    audit: AsyncAuditTrail
    keys: AsyncKeys
    sources: AsyncSources
    health: AsyncHealth

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
        """Open the store and create the services.

        Raises:
            StoreError: when the store cannot be used.
        """
        try:
            host = await self._quick(self._open)()
        except BaseException:
            # When cancelled, the host may already be open.
            await self.close()
            raise
        calls = (self._quick, self._slow)
        self.accounts = AsyncAccounts(host.accounts, *calls)
        self.connections = AsyncConnections(host.connections, *calls)
        self.catalog = AsyncSurveyCatalog(host.catalog, *calls)
        self.chosen_surveys = AsyncChosenSurveys(host.chosen_surveys, *calls)
        self.metrics = AsyncMetrics(host.metrics, *calls)
        self.cards = AsyncCards(host.cards, *calls)
        self.debug_bundles = AsyncDebugBundles(host.debug_bundles, *calls)
        self.events = AsyncEvents(host.events, *calls)
        self.entered_values = AsyncEnteredValues(host.entered_values, *calls)
        self.audit = AsyncAuditTrail(host.audit, *calls)
        self.keys = AsyncKeys(host.keys, *calls)
        self.sources = AsyncSources(host.sources, *calls)
        self.health = AsyncHealth(host.health, *calls)

    async def close(self) -> None:
        """Stop background refreshes, wait for running calls and close the store."""
        try:
            if self._host is not None:
                # First, so that loads that wait for a refresh return with the stored values.
                await asyncio.to_thread(self._host.cards.close)
                await asyncio.to_thread(self._host.events.close)
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
        """Open the host."""
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the host."""
        await self.close()
