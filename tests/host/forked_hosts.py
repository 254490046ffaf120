"""Hosts whose process forks: each function runs in a process of its own and fails by raising."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.host import (
    Actor,
    AsyncMetricsHost,
    Calculation,
    Definition,
    EventKind,
    MetricsHost,
    Role,
)
from tests.host.child_processes import until
from tests.host.host_process import open_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from smaply_metrics_core.host import MetricsEvent
    from tests.host.host_process import Told

SECONDS = 180
CHILDREN = 2
VALUES = ["4.0", "1.5"]
WRITE = "UPDATE metrics SET version = version + 1 WHERE account = 'acme'"


def fork(function: Callable[[], object]) -> int:
    """Fork a child that calls a function; it is killed if it hangs."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(SECONDS)
    code = 1
    try:
        function()
        code = 0
    except BaseException:  # noqa: BLE001  # Printed, and reported by the exit code.
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def join(pids: list[int]) -> None:
    """Wait for children; raise unless all of them succeeded."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert codes == [0] * len(pids), codes


def actor(role: Role, account: str = "acme") -> Actor:
    """Return an actor of an account."""
    return Actor(account, f"the {role}", role)


def use(host: MetricsHost) -> None:
    """Load, refresh, connect an account of this process, and preview a metric."""
    cards = host.cards.load(actor(Role.VIEWER), wait=SECONDS)
    assert [card.text for card in cards] == VALUES, cards
    cards = host.cards.load(actor(Role.EDITOR), wait=SECONDS, force=True)
    assert [card.text for card in cards] == VALUES, cards
    mine = f"account-{os.getpid()}"
    admin = actor(Role.ADMIN, mine)
    host.connections.connect(admin, "shop", {"api_token": "right-token-0001"})
    average = Definition(survey_id="S1", question_id="stars", calculation=Calculation.AVERAGE)
    metric = host.metrics.add(actor(Role.EDITOR, mine), "shop", "Mine", average)
    assert host.metrics.preview(actor(Role.EDITOR, mine), "shop", average).current.value == 4.0
    (card,) = host.cards.load(actor(Role.VIEWER, mine), [metric.id], wait=SECONDS)
    assert card.text == "4.0", card


@contextmanager
def connected(told: Told) -> Iterator[MetricsHost]:
    """Open a host with two metrics that have values."""
    with open_host(told) as host:
        admin, editor = actor(Role.ADMIN), actor(Role.EDITOR)
        host.connections.connect(admin, "shop", {"api_token": "right-token-0001"})
        for name, survey in (("Stars", "S1"), ("Elsewhere", "S2")):
            definition = Definition(
                survey_id=survey, question_id="stars", calculation=Calculation.AVERAGE
            )
            host.metrics.add(editor, "shop", name, definition)
        yield host


def preload(_: Connection, told: Told) -> None:
    """The host has worked before the children are forked, and all of them work at once."""
    with connected(told) as host:
        use(host)
        pids = [fork(lambda: use(host)) for _ in range(CHILDREN)]
        use_again(host)
        join(pids)
        use_again(host)


def use_again(host: MetricsHost) -> None:
    """Load and refresh cards."""
    cards = host.cards.load(actor(Role.EDITOR), wait=SECONDS, force=True)
    assert [card.text for card in cards] == VALUES, cards


def fork_from_threads(_: Connection, told: Told) -> None:
    """Threads fork while others use the host all the time, so that locks are held by some."""
    with connected(told) as host:
        use_again(host)
        done = threading.Event()
        failures: list[BaseException] = []

        def attempt(function: Callable[[], object]) -> None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001  # Raised below.
                failures.append(error)

        def load() -> None:
            while not done.is_set():
                host.cards.load(actor(Role.EDITOR), force=True)
                host.catalog.surveys(actor(Role.EDITOR), "shop", reload=True)

        def fork_some() -> None:
            for _ in range(told["forks"]):
                join([fork(lambda: use(host))])

        loading = [threading.Thread(target=attempt, args=[load]) for _ in range(3)]
        forking = [threading.Thread(target=attempt, args=[fork_some]) for _ in range(2)]
        for thread in (*loading, *forking):
            thread.start()
        for thread in forking:
            thread.join()
        done.set()
        for thread in loading:
            thread.join()
        assert not failures, failures
        use_again(host)


def preload_async(_: Connection, told: Told) -> None:
    """An async host that was opened on the loop of the parent works on a loop of a child."""
    with connected(told) as made:
        use_again(made)
        host = AsyncMetricsHost(made._runtime.settings, registry=made.sources)  # noqa: SLF001
        viewer = actor(Role.VIEWER)

        async def load() -> None:
            cards = await host.cards.load(viewer, wait=SECONDS)
            assert [card.text for card in cards] == VALUES, cards

        async def load_and_close() -> None:
            await asyncio.gather(*(load() for _ in range(5)))
            await host.close()

        loop = asyncio.new_event_loop()
        loop.run_until_complete(host.open())
        loop.run_until_complete(load())
        pids = [fork(lambda: asyncio.run(load_and_close())) for _ in range(CHILDREN)]
        loop.run_until_complete(load())
        join(pids)
        loop.run_until_complete(load_and_close())
        loop.close()


def fork_with_subscriptions(_: Connection, told: Told) -> None:
    """The subscription of a parent goes on there; each child has to subscribe itself."""

    def receive_own(host: MetricsHost, account: str) -> None:
        ended = threading.Event()

        def receive(event: MetricsEvent) -> None:
            if (event.account, event.kind) == (account, EventKind.REFRESH_ENDED):
                ended.set()

        with host.events.subscribe(f"consumer of {account}", receive):
            use(host)
            assert ended.wait(SECONDS)

    with connected(told) as host:
        accounts = set[str]()
        subscription = host.events.subscribe("parent", lambda event: accounts.add(event.account))

        def in_child() -> None:
            assert not subscription.is_running
            receive_own(host, f"account-{os.getpid()}")

        pids = [fork(in_child) for _ in range(CHILDREN)]
        receive_own(host, f"account-{os.getpid()}")
        join(pids)
        assert subscription.is_running
        until(lambda: accounts >= {f"account-{pid}" for pid in (os.getpid(), *pids)})


def fork_during_transactions(_: Connection, told: Told) -> None:
    """A fork waits for the transaction of another thread; one in a transaction is refused."""
    with connected(told) as host:
        store = host._store  # noqa: SLF001  # Nothing public holds a transaction.
        begun, forking = threading.Event(), threading.Event()

        def write() -> None:
            with store.writing() as db:
                db.exec_driver_sql(WRITE)
                begun.set()
                forking.wait(SECONDS)
                time.sleep(0.05)

        thread = threading.Thread(target=write)
        thread.start()
        begun.wait(SECONDS)
        forking.set()
        pid = fork(lambda: use(host))
        thread.join()
        join([pid])

        def is_refused() -> None:
            if store.is_shared:
                use_again(host)
            else:
                with pytest.raises(StoreError, match="forked"):
                    host.cards.load(actor(Role.VIEWER))

        with store.writing() as db:
            db.exec_driver_sql(WRITE)
            join([fork(is_refused)])
        use_again(host)


def fork_after_native_threads(_: Connection, told: Told) -> None:
    """A child whose libraries would wait for threads of its parent says so at once."""
    import polars as pl  # Here, since processes fork from one that imported this module.

    from smaply_metrics_core.charts import render_svg

    spec = {"mark": "bar", "data": {"values": [{"a": 1}]}, "encoding": {"x": {"field": "a"}}}
    with connected(told) as host:
        use_again(host)
        pl.DataFrame({"a": ["x", "y"] * 500}).group_by("a").agg(pl.len())
        render_svg(spec, 100, 100)

        def is_refused() -> None:
            average = Definition(
                survey_id="S1", question_id="stars", calculation=Calculation.AVERAGE
            )
            with pytest.raises(InputError, match="forked"):
                host.metrics.preview(actor(Role.EDITOR), "shop", average, reload=True)
            with pytest.raises(InputError, match="forked"):
                render_svg(spec, 120, 100)
            assert host.catalog.surveys(actor(Role.EDITOR), "shop", reload=True).surveys
            assert [card.text for card in host.cards.load(actor(Role.VIEWER))] == VALUES

        join([fork(is_refused)])
        use_again(host)


def outlived_by_a_child(pipe: Connection, told: Told) -> None:
    """Is killed by the test in a transaction, while a child lives on."""
    with connected(told) as host, host._store.writing() as db:  # noqa: SLF001
        db.exec_driver_sql(WRITE)
        pid = os.fork()
        if pid == 0:
            time.sleep(SECONDS)
            os._exit(0)
        pipe.send(pid)
        time.sleep(SECONDS)


def main() -> None:
    """Run the first scenario with an interpreter that ends normally, in the children too."""
    import json

    with connected(json.loads(sys.stdin.readline())) as host:
        use_again(host)
        folder = host.sources._temp_dirs.folder()  # noqa: SLF001  # As a call in progress.
        with folder as path:
            pids = []
            for _ in range(CHILDREN):
                pid = os.fork()
                if pid == 0:
                    signal.alarm(SECONDS)
                    use_again(host)
                    sys.exit(0)  # Runs every finalizer.
                pids.append(pid)
            join(pids)
            assert path.is_dir()
        use_again(host)


if __name__ == "__main__":
    main()
