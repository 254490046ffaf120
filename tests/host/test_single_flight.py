"""Single-flight: concurrent callers share calls, on threads and on an event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.host import SingleFlight
from tests.host.child_processes import until

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLERS = 8


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that call."""
    with ThreadPoolExecutor(CALLERS) as pool:
        yield pool


class Held:
    """Numbered calls, each of which ends when the test opens the gate."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun = threading.Event()
        self.gate = threading.Event()

    def __call__(self) -> int:
        """Make the next call."""
        self.calls += 1
        number = self.calls
        self.begun.set()
        assert self.gate.wait(60)
        return number


class AsyncHeld:
    """The async version of `Held`."""

    def __init__(self) -> None:
        self.calls = 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        """Make the next call."""
        self.calls += 1
        number = self.calls
        self.begun.set()
        await self.gate.wait()
        return number


def count_waiting(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    """Return a list that grows whenever a thread of a pool starts to wait for another call."""
    waiting: list[str] = []
    result = Future.result

    def watched(future: Future[Any], timeout: float | None = None) -> object:
        if threading.current_thread().name.startswith(name):
            waiting.append(name)
        return result(future, timeout)

    monkeypatch.setattr(Future, "result", watched)
    return waiting


def test_a_late_caller_shares_the_next_call(pool: ThreadPoolExecutor) -> None:
    """The first call has one caller; the others share a call that starts after they arrived."""
    flights = SingleFlight[int](join_running=False)
    held, asked = Held(), []

    def ask() -> int:
        asked.append(True)
        return flights.run("map", held)

    first = pool.submit(ask)
    assert held.begun.wait(60)
    others = [pool.submit(ask) for _ in range(CALLERS - 1)]
    until(lambda: len(asked) == CALLERS)
    held.gate.set()
    assert first.result() == 1
    later = [other.result() for other in others]
    assert set(later) <= {2, 3}, "one that was about to call may have come after"
    assert held.calls <= 3
    assert flights.run("map", held) == held.calls


def test_a_late_caller_joins_the_running_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """All callers that arrive before the call has ended get its value."""
    flights, held = SingleFlight[int](join_running=True), Held()
    waiting = count_waiting(monkeypatch, "late")

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(CALLERS, "late") as late:
        running = first.submit(flights.run, "map", held)
        assert held.begun.wait(60)
        others = [late.submit(flights.run, "map", held) for _ in range(CALLERS)]
        until(lambda: len(waiting) == CALLERS)
        held.gate.set()
        assert [one.result() for one in (running, *others)] == [1] * (CALLERS + 1)
    assert flights.run("map", held) == 2, "the value is not cached"


@pytest.mark.parametrize("join_running", [True, False])
def test_another_key_does_not_wait(pool: ThreadPoolExecutor, *, join_running: bool) -> None:
    """A caller with another key runs its call at once."""
    flights, held = SingleFlight[int](join_running=join_running), Held()
    running = pool.submit(flights.run, "one", held)
    assert held.begun.wait(60)
    assert flights.run("two", lambda: 7) == 7
    held.gate.set()
    assert running.result() == 1


@pytest.mark.parametrize("join_running", [True, False])
def test_a_failed_call_leaves_nothing_behind(*, join_running: bool) -> None:
    """The caller gets the error, and the next call is a new one."""
    flights = SingleFlight[int](join_running=join_running)

    def fail() -> int:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            flights.run("map", fail)
    assert flights.run("map", lambda: 1) == 1


def test_callers_that_share_a_call_get_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them get the error of the failed call."""
    flights, held = SingleFlight[int](join_running=True), Held()
    waiting = count_waiting(monkeypatch, "late")

    def fail() -> int:
        held()
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(2, "late") as late:
        running = first.submit(flights.run, "map", fail)
        assert held.begun.wait(60)
        others = [late.submit(flights.run, "map", fail) for _ in range(2)]
        until(lambda: len(waiting) == 2)
        held.gate.set()
        for one in (running, *others):
            with pytest.raises(ZeroDivisionError):
                one.result()
    assert held.calls == 1


def test_a_failed_call_does_not_fail_the_next(pool: ThreadPoolExecutor) -> None:
    """The call after a failed one runs, for all callers that share it."""
    flights, held = SingleFlight[int](join_running=False), Held()

    def fail() -> int:
        held()
        raise ZeroDivisionError

    running = pool.submit(flights.run, "map", fail)
    assert held.begun.wait(60)
    next_one = pool.submit(flights.run, "map", lambda: 5)
    held.gate.set()
    with pytest.raises(ZeroDivisionError):
        running.result()
    assert next_one.result() == 5


def test_many_threads_never_get_an_older_value(pool: ThreadPoolExecutor) -> None:
    """A value contains what its caller wrote before the call."""
    flights = SingleFlight[int](join_running=False)
    lock, written = threading.Lock(), 0

    def write_and_read() -> bool:
        nonlocal written
        with lock:
            written += 1
            mine = written
        return flights.run("map", lambda: written) >= mine

    assert all(pool.map(lambda _: write_and_read(), range(2_000)))


def test_late_tasks_share_the_next_call() -> None:
    """Two hundred callers cost two calls; no late one gets the value of the earlier call."""

    async def main() -> list[int]:
        flights, held = SingleFlight[int](join_running=False), AsyncHeld()
        first = asyncio.create_task(flights.run_async("map", held))
        await asyncio.sleep(0)
        others = [asyncio.create_task(flights.run_async("map", held)) for _ in range(199)]
        await asyncio.sleep(0)
        held.gate.set()
        return [await first, *[await other for other in others]]

    assert asyncio.run(main()) == [1, *[2] * 199]


def test_late_tasks_join_the_running_call() -> None:
    """Two hundred callers cost one call."""

    async def main() -> list[int]:
        flights, held = SingleFlight[int](join_running=True), AsyncHeld()
        tasks = [asyncio.create_task(flights.run_async("map", held)) for _ in range(200)]
        await held.begun.wait()
        tasks.append(asyncio.create_task(flights.run_async("map", held)))
        await asyncio.sleep(0)
        held.gate.set()
        return [await task for task in tasks]

    assert asyncio.run(main()) == [1] * 201


def test_a_task_with_another_key_does_not_wait() -> None:
    """Calls with different keys run at the same time."""

    async def main() -> int:
        flights = SingleFlight[int](join_running=False)
        stuck, quick = AsyncHeld(), AsyncHeld()
        waiting = asyncio.create_task(flights.run_async("one", stuck))
        await asyncio.sleep(0)
        quick.gate.set()
        value = await flights.run_async("other", quick)
        stuck.gate.set()
        await waiting
        return value

    assert asyncio.run(main()) == 1


def test_a_cancelled_caller_does_not_cancel_the_others() -> None:
    """A call continues for the callers that still wait for it."""

    async def main() -> int:
        flights, held = SingleFlight[int](join_running=False), AsyncHeld()
        gone = asyncio.create_task(flights.run_async("map", held))
        await asyncio.sleep(0)
        first, second = (asyncio.create_task(flights.run_async("map", held)) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        first.cancel()
        held.gate.set()
        value = await second
        assert gone.cancelled()
        assert first.cancelled()
        return value

    assert asyncio.run(main()) == 2


def test_a_failure_is_shared_and_not_cached() -> None:
    """A later caller starts a new call."""

    async def main() -> int:
        flights = SingleFlight[int](join_running=False)

        async def fail() -> int:
            raise KeyError

        with pytest.raises(KeyError):
            await flights.run_async("map", fail)
        held = AsyncHeld()
        held.gate.set()
        return await flights.run_async("map", held)

    assert asyncio.run(main()) == 1


def test_a_failed_call_of_a_task_does_not_fail_the_next() -> None:
    """The call after a failed one runs, and no unretrieved exception is logged."""
    reported: list[dict[str, Any]] = []

    async def main() -> int:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: reported.append(context)
        )
        flights, held = SingleFlight[int](join_running=False), AsyncHeld()

        async def fail() -> int:
            await held()
            raise KeyError

        running = asyncio.create_task(flights.run_async("map", fail))
        await asyncio.sleep(0)
        next_one = asyncio.create_task(flights.run_async("map", held))
        await asyncio.sleep(0)
        running.cancel()
        held.gate.set()
        return await next_one

    assert asyncio.run(main()) == 2
    assert reported == []


def test_threads_and_tasks_share_calls() -> None:
    """A thread may wait for the call of a task."""

    async def main() -> tuple[int, int]:
        flights, held = SingleFlight[int](join_running=True), AsyncHeld()
        task = asyncio.create_task(flights.run_async("map", held))
        await held.begun.wait()
        entered = asyncio.Event()
        loop = asyncio.get_running_loop()

        def from_thread() -> int:
            loop.call_soon_threadsafe(entered.set)
            return flights.run("map", lambda: -1)

        thread = loop.run_in_executor(None, from_thread)
        await entered.wait()
        held.gate.set()
        return await task, await thread

    task, thread = asyncio.run(main())
    assert task == 1
    assert thread in {1, -1}, "the thread may have been too late to join"
