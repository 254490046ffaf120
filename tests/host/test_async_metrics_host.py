"""The async host: it never blocks the loop, and cancelled calls leave nothing running."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.errors import InputError, RoleRequired, StoreError
from smaply_metrics_core.host import Freshness
from smaply_metrics_core.host.accounts.service import Accounts
from smaply_metrics_core.host.async_metrics_host import (
    AsyncAccounts,
    AsyncCards,
    AsyncConnections,
    AsyncDebugBundles,
    AsyncMetrics,
    AsyncSources,
    AsyncSurveyCatalog,
)
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.debug_bundles import DebugBundles
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import SurveyCatalog
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.thread_bridge import ThreadBridge
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, VIEWER, sqlite_only, value_of
from tests.host.fake_source import Hold, Stoppable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from smaply_metrics_core.host import MetricsHost, StepResult
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="threads and loops, on either store")

LONG = 10
"""Seconds; nothing here takes as long unless it hangs."""

ASKED = {"api_token": TOKEN}


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test on its own event loop, with a timeout."""

    async def within() -> None:
        async with asyncio.timeout(6 * LONG):
            await work

    asyncio.run(within())


@pytest.mark.parametrize(
    ("blocking", "awaited"),
    [
        (Accounts, AsyncAccounts),
        (Connections, AsyncConnections),
        (SurveyCatalog, AsyncSurveyCatalog),
        (Metrics, AsyncMetrics),
        (Cards, AsyncCards),
        (DebugBundles, AsyncDebugBundles),
        (SourceRegistry, AsyncSources),
    ],
)
def test_every_call_can_be_awaited(blocking: type, awaited: type) -> None:
    """The async services have the same methods as the blocking ones, except for closing."""

    def public(*things: object) -> set[str]:
        names = {name for thing in things for name in vars(thing)}
        return {name for name in names if not name.startswith("_")} - {"close"}

    made = awaited(object.__new__(blocking), ThreadBridge(1), ThreadBridge(1))
    assert public(made) == public(*blocking.__mro__)


def test_a_slow_call_does_not_block_the_loop(world: World) -> None:
    """While a source is slow, the loop and the host serve other calls."""

    async def work() -> None:
        hold = world.shop.on_fetch = Hold()
        async with world.asynchronous() as host:
            await host.connections.connect(ADMIN, "shop", ASKED)
            slow = asyncio.create_task(host.metrics.preview(EDITOR, "shop", AVERAGE))
            await asyncio.to_thread(hold.wait_until_started)
            assert await host.metrics.list(VIEWER) == ()
            assert not slow.done()
            hold.release()
            assert (await slow).current.value == 4.0

    run(work())


def test_slow_calls_block_only_each_other(world: World) -> None:
    """While previews use every thread of their pool, cards and lists are loaded."""

    async def work() -> None:
        hold = world.shop.on_fetch = Hold()
        async with world.asynchronous(threads=1) as host:
            await host.connections.connect(ADMIN, "shop", ASKED)
            slow = asyncio.create_task(host.metrics.preview(EDITOR, "shop", AVERAGE))
            await asyncio.to_thread(hold.wait_until_started)
            assert await host.metrics.list(VIEWER) == ()
            assert await host.cards.load(VIEWER) == ()
            assert not slow.done()
            hold.release()
            await slow

    run(work())


def test_cancelling_a_load_ends_its_wait(world: World, connected: MetricsHost) -> None:
    """Its thread is free again while the refresh continues; the next load gets the result."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)

    async def work() -> None:
        hold = world.shop.on_fetch = Hold()
        async with world.asynchronous(threads=1) as host:
            waiting = asyncio.create_task(host.cards.load(VIEWER, wait=600))
            await asyncio.to_thread(hold.wait_until_started)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            (card,) = await host.cards.load(VIEWER)
            assert card.freshness is Freshness.REFRESHING
            hold.release()
            (card,) = await host.cards.load(VIEWER, wait=600)
            assert value_of(card) == 4.0

    run(work())


def test_callbacks_are_called_on_the_loop(world: World) -> None:
    """Progress and check steps arrive in order, on the thread of the loop."""
    told: list[tuple[str, int]] = []

    def on_step(step: StepResult) -> None:
        told.append((step.name, threading.get_ident()))

    def progress(_done: float, _total: float | None, what: str) -> None:
        told.append((what, threading.get_ident()))

    async def work() -> None:
        world.shop.on_fetch = lambda context: context.progress(1, 2, "counting")
        async with world.asynchronous() as host:
            await host.connections.connect(ADMIN, "shop", ASKED, on_step=on_step)
            await host.metrics.preview(EDITOR, "shop", AVERAGE, progress=progress)

    run(work())
    here = threading.get_ident()
    names = ["reach", "authenticate", "list_surveys", "counting"]
    assert told == [(name, here) for name in names]


def test_cancelling_a_preview_stops_it(world: World) -> None:
    """The source is cancelled, and the task continues only when the call has ended."""

    async def work() -> None:
        export = world.shop.on_fetch = Stoppable()
        async with world.asynchronous() as host:
            await host.connections.connect(ADMIN, "shop", ASKED)
            preview = asyncio.create_task(host.metrics.preview(EDITOR, "shop", AVERAGE))
            await asyncio.to_thread(export.begun.wait)
            preview.cancel()
            with pytest.raises(asyncio.CancelledError):
                await preview
            assert await asyncio.to_thread(export.ended.wait, LONG)

    run(work())


def test_a_cancelled_call_is_awaited() -> None:
    """Even when its task is cancelled again, a call that is stopping is awaited."""
    begun, told, go_on = threading.Event(), threading.Event(), threading.Event()
    over: list[bool] = []

    def slow(*, cancelled: threading.Event) -> None:
        begun.set()
        cancelled.wait(LONG)
        told.set()
        go_on.wait(LONG)
        over.append(True)
        raise ZeroDivisionError

    async def work() -> None:
        calls = ThreadBridge(1)
        task = asyncio.create_task(calls(slow)(cancelled=threading.Event()))
        await asyncio.to_thread(begun.wait, LONG)
        task.cancel()
        await asyncio.to_thread(told.wait, LONG)
        task.cancel()
        await asyncio.sleep(0)
        assert (over, task.done()) == ([], False)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert over == [True]
        calls.close()

    run(work())


def test_a_queued_call_can_be_cancelled() -> None:
    """A call that is cancelled while it is queued never starts."""
    begun, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def call(number: int) -> None:
        made.append(number)
        begun.set()
        go_on.wait(LONG)

    async def work() -> None:
        calls = ThreadBridge(1)
        first = asyncio.create_task(calls(call)(1))
        await asyncio.to_thread(begun.wait, LONG)
        second = asyncio.create_task(calls(call)(2))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        go_on.set()
        await first
        calls.close()

    run(work())
    assert made == [1]


def test_a_call_that_cannot_be_cancelled_runs_to_its_end() -> None:
    """Its task continues at once, and an error of the call is not logged."""
    begun, go_on = threading.Event(), threading.Event()
    failures: list[dict[str, Any]] = []

    def slow() -> None:
        begun.set()
        go_on.wait(LONG)
        raise ZeroDivisionError

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: failures.append(told))
        calls = ThreadBridge(1)
        task = asyncio.create_task(calls(slow)())
        await asyncio.to_thread(begun.wait, LONG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        await asyncio.to_thread(calls.close)

    run(work())
    assert failures == []


def test_errors_pass_unchanged(world: World) -> None:
    """The awaiting task gets the error that the host raises."""

    async def work() -> None:
        async with world.asynchronous() as host:
            with pytest.raises(RoleRequired, match="requires an Admin; you are a Viewer"):
                await host.connections.connect(VIEWER, "shop", ASKED)

    run(work())


@sqlite_only
def test_a_store_that_cannot_be_opened_is_refused(world: World) -> None:
    """Opening raises the error of the store and leaves no thread running."""

    async def work() -> None:
        with pytest.raises(StoreError, match="cannot be used"):
            async with world.asynchronous():
                pass

    world.home.mkdir()
    (world.home / "store.db").write_bytes(b"This is a letter to my aunt, no database. " * 50)
    before = threading.active_count()
    run(work())
    assert threading.active_count() == before


def test_cancelled_opening_leaves_nothing_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is opened after the cancellation is closed again."""
    begun, go_on = threading.Event(), threading.Event()
    open_store, close = Store.__init__, Store.close
    stores: list[Store] = []

    def opening(store: Store, *args: object, **options: object) -> None:
        begun.set()
        go_on.wait(LONG)
        open_store(store, *args, **options)  # type: ignore[arg-type]
        stores.append(store)

    def closing(store: Store) -> None:
        close(store)
        stores.remove(store)

    monkeypatch.setattr(Store, "__init__", opening)
    monkeypatch.setattr(Store, "close", closing)

    async def work() -> None:
        task = asyncio.create_task(world.asynchronous().open())
        await asyncio.to_thread(begun.wait, LONG)
        task.cancel()
        asyncio.get_running_loop().call_soon(go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work())
    assert begun.is_set()
    assert stores == []


def test_closing_ends_refreshes_and_waiting_loads(world: World, connected: MetricsHost) -> None:
    """A waiting load returns the stored cards; the cancelled refresh is not an attempt."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)

    async def work() -> None:
        export = world.shop.on_fetch = Stoppable()
        host = world.asynchronous()
        await host.open()
        waiting = asyncio.create_task(host.cards.load(VIEWER, wait=600))
        await asyncio.to_thread(export.begun.wait, LONG)
        await host.close()
        (card,) = await waiting
        assert (value_of(card), card.freshness) == (None, Freshness.NEVER)
        assert export.ended.is_set()

    run(work())
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.freshness is Freshness.NEVER


def test_closing_cancels_previews(world: World) -> None:
    """A running preview is cancelled, and a later call is refused."""

    async def work() -> None:
        export = world.shop.on_fetch = Stoppable()
        host = world.asynchronous()
        await host.open()
        await host.connections.connect(ADMIN, "shop", ASKED)
        preview = asyncio.create_task(host.metrics.preview(EDITOR, "shop", AVERAGE))
        await asyncio.to_thread(export.begun.wait, LONG)
        await host.close()
        (outcome,) = await asyncio.gather(preview, return_exceptions=True)
        assert "Cancelled on request" in str(outcome)
        with pytest.raises(InputError, match="closed"):
            await host.metrics.list(VIEWER)

    run(work())


def test_a_host_requires_a_thread() -> None:
    """Without a thread, no call could run."""
    with pytest.raises(InputError, match="number of threads"):
        ThreadBridge(0)
