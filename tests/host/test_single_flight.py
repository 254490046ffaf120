"""Sharing: many who ask for the same at once cost two reads, and nobody gets an old one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host.single_flight import Shared
from tests.host.child_processes import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ASKING = 8


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that ask."""
    with ThreadPoolExecutor(ASKING) as pool:
        yield pool


def test_who_comes_while_a_read_runs_shares_the_next_one(pool: ThreadPoolExecutor) -> None:
    """The first reads alone; the others see what was there after they had come."""
    shared, go_on, begun, asked = Shared[int](), threading.Event(), threading.Event(), []
    reads: list[int] = []

    def read() -> int:
        reads.append(len(reads))
        begun.set()
        go_on.wait(10)
        return reads[-1]

    def ask() -> int:
        asked.append(True)
        return shared("map", read)

    first = pool.submit(ask)
    assert begun.wait(10)
    others = [pool.submit(ask) for _ in range(ASKING - 1)]
    until(lambda: len(asked) == ASKING)
    go_on.set()
    assert first.result() == 0
    later = [other.result() for other in others]
    assert set(later) <= {1, 2}, "one that was on its way to asking may have come after"
    assert len(reads) <= 3
    assert shared("map", read) == len(reads) - 1


def test_others_are_not_waited_for(pool: ThreadPoolExecutor) -> None:
    """Who asks for something else reads at once."""
    shared, go_on, begun = Shared[str](), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        go_on.wait(10)
        return "slow"

    running = pool.submit(shared, "one", slow)
    assert begun.wait(10)
    assert shared("two", lambda: "quick") == "quick"
    go_on.set()
    assert running.result() == "slow"


def test_an_error_is_everybody_s_and_the_next_read_is_a_new_one() -> None:
    """Nothing is stuck after a read that failed."""
    shared = Shared[int]()

    def fail() -> int:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            shared("map", fail)
    assert shared("map", lambda: 1) == 1
