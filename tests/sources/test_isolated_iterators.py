"""Iterators of sources are isolated at each step and when they are closed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterator

import pytest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import (
    DeadlineExceeded,
    PluginError,
)
from smaply_metrics_core.sources.isolation import PluginIsolation

from .conftest import TOKEN, FakeClock

WHO = "The source “Acme” (distribution acme 1.0)"


def any_object(item: object) -> object:
    """Return the item unchanged."""
    return item


@pytest.fixture
def isolation() -> PluginIsolation:
    """An isolation with the token as a secret."""
    return PluginIsolation(WHO, "acme").with_secrets([TOKEN])


def numbers(most: int, log: list[str]) -> Generator[int, None, None]:
    """Yield numbers; append the name of the thread that closes the generator to the log."""
    try:
        yield from range(most)
    finally:
        log.append(threading.current_thread().name)


def test_collect_returns_all_items_and_closes_on_the_same_thread(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """An iterator runs to its end on one separate thread."""
    log: list[str] = []

    items, error = isolation.collect(
        lambda: numbers(5, log), any_object, deadline=later, what="list_surveys", most=5
    )

    assert (items, error) == ((0, 1, 2, 3, 4), None)
    assert log == ["smaply-source acme list_surveys"]


def test_collect_returns_the_items_before_an_error(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """The items before an error are returned with the error."""

    def start() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    items, error = isolation.collect(start, any_object, deadline=later, what="fetch_metric", most=9)

    assert items == (1,)
    assert type(error) is PluginError


@pytest.mark.parametrize("given", [None, 7, "text", b"bytes", {"a": 1}, object()])
def test_an_object_that_is_not_an_iterator_is_rejected(
    isolation: PluginIsolation, later: Deadline, given: object
) -> None:
    """Text and mappings are rejected as well, although they are iterable."""
    items, error = isolation.collect(
        lambda: given, any_object, deadline=later, what="list_surveys", most=9
    )

    assert items == ()
    assert isinstance(error, PluginError)
    assert f"list_surveys returned {type(given).__name__} instead of an iterator" in error.message


def test_a_coroutine_is_rejected_without_a_warning(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """A coroutine is closed, so that Python does not warn that it was never awaited."""

    async def surveys() -> None: ...

    _, error = isolation.collect(surveys, any_object, deadline=later, what="list_surveys", most=9)

    assert isinstance(error, PluginError)
    assert "returned coroutine" in error.message


def test_an_endless_iterator_is_an_error(isolation: PluginIsolation, later: Deadline) -> None:
    """More items than the maximum are a plugin error, and the iterator is closed."""
    log: list[str] = []

    items, error = isolation.collect(
        lambda: numbers(10**9, log), any_object, deadline=later, what="list_surveys", most=1000
    )

    assert len(items) == 1000
    assert isinstance(error, PluginError)
    assert "more than 1,000 items" in error.message
    assert len(log) == 1


def test_an_abandoned_iterator_stops_at_its_next_item(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """After the deadline, the source runs no further than to its next item."""
    log: list[str] = []
    closed = threading.Event()

    def start() -> Iterator[int]:
        try:
            yield 1
            clock.seconds += 60
            released.wait()
            yield 2
            log.append("went on")
        finally:
            closed.set()

    deadline = Deadline.after(50, clock)
    items, error = isolation.collect(
        start, any_object, deadline=deadline, what="fetch_metric", most=9
    )
    released.set()

    assert items == (1,)
    assert isinstance(error, DeadlineExceeded)
    assert closed.wait(60)
    assert log == []


def test_a_stream_advances_on_demand(isolation: PluginIsolation, later: Deadline) -> None:
    """Each step begins when the caller requests it, and all run on the same thread."""
    log: list[str] = []

    def start() -> Iterator[int]:
        for number in range(3):
            log.append(f"{number} {threading.get_ident()}")
            yield number

    stream = isolation.stream(
        start, any_object, deadline=later, what="validate_credentials", most=9
    )

    for number in range(3):
        assert next(stream) == number
        assert len(log) == number + 1
    assert list(stream) == []
    assert len({line.split()[1] for line in log}) == 1


def test_closing_a_stream_closes_the_iterator(isolation: PluginIsolation, later: Deadline) -> None:
    """The iterator is closed on its own thread when the caller closes the stream."""
    log: list[str] = []
    stream = isolation.stream(
        lambda: numbers(9, log), any_object, deadline=later, what="validate_credentials", most=9
    )
    next(stream)
    assert log == []

    stream.close()

    assert log == ["smaply-source acme validate_credentials"]


def test_an_error_while_closing_is_logged(
    isolation: PluginIsolation, later: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    """An iterator that raises when it is closed does not affect the caller."""
    caplog.set_level(logging.DEBUG)

    def start() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ZeroDivisionError

    stream = isolation.stream(
        start, any_object, deadline=later, what="validate_credentials", most=9
    )
    next(stream)
    stream.close()

    assert "closing validate_credentials failed" in caplog.text


def test_an_iterator_that_hangs_while_closing_is_abandoned(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """Closing a stream returns before the deadline."""

    def start() -> Iterator[int]:
        try:
            yield 1
        finally:
            clock.seconds += 60
            released.wait()

    deadline = Deadline.after(50, clock)
    stream = isolation.stream(
        start, any_object, deadline=deadline, what="validate_credentials", most=9
    )
    next(stream)
    stream.close()

    assert isolation.stuck.names() == ("smaply-source acme validate_credentials",)


def test_each_step_of_a_stream_has_the_deadline(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """A step that hangs raises at the deadline; the items before it were yielded."""

    def start() -> Iterator[int]:
        yield 1
        clock.seconds += 60
        released.wait()
        yield 2

    deadline = Deadline.after(50, clock)
    stream = isolation.stream(
        start, any_object, deadline=deadline, what="validate_credentials", most=9
    )

    assert next(stream) == 1
    with pytest.raises(DeadlineExceeded):
        next(stream)


@pytest.mark.parametrize(("count", "fits"), [(3, True), (4, False)])
def test_a_stream_has_a_maximum(
    isolation: PluginIsolation, later: Deadline, count: int, *, fits: bool
) -> None:
    """The maximum number of items is yielded; one more is a plugin error."""
    stream = isolation.stream(
        lambda: iter(range(count)), any_object, deadline=later, what="validate", most=3
    )

    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration if fits else PluginError):
        next(stream)
