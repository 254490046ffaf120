"""Iterators of a source are guarded at every step until they are closed."""

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
    """Accept everything."""
    return item


@pytest.fixture
def isolation() -> PluginIsolation:
    """A guard that knows the token."""
    return PluginIsolation(WHO, "acme").keeping([TOKEN])


def numbers(most: int, log: list[str]) -> Generator[int, None, None]:
    """Count, and tell on which thread the generator was closed."""
    try:
        yield from range(most)
    finally:
        log.append(threading.current_thread().name)


def test_collecting_gives_everything_and_closes_in_the_thread(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """An iterator is run to its end on one thread of its own."""
    log: list[str] = []

    items, error = isolation.collect(
        lambda: numbers(5, log), any_object, deadline=later, what="list_surveys", most=5
    )

    assert (items, error) == ((0, 1, 2, 3, 4), None)
    assert log == ["smaply-source acme list_surveys"]


def test_collecting_keeps_what_came_before_an_error(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """The caller decides what a part is worth."""

    def start() -> Iterator[int]:
        yield 1
        raise ZeroDivisionError

    items, error = isolation.collect(start, any_object, deadline=later, what="fetch_metric", most=9)

    assert items == (1,)
    assert type(error) is PluginError


@pytest.mark.parametrize("given", [None, 7, "text", b"bytes", {"a": 1}, object()])
def test_what_is_no_iterator_is_refused(
    isolation: PluginIsolation, later: Deadline, given: object
) -> None:
    """A text or a mapping would be taken apart into nonsense."""
    items, error = isolation.collect(
        lambda: given, any_object, deadline=later, what="list_surveys", most=9
    )

    assert items == ()
    assert isinstance(error, PluginError)
    assert f"list_surveys gave {type(given).__name__}, not an iterator" in error.message


def test_a_coroutine_is_refused_without_a_complaint(
    isolation: PluginIsolation, later: Deadline
) -> None:
    """A coroutine that nobody awaits is closed, so Python does not warn of it."""

    async def surveys() -> None: ...

    _, error = isolation.collect(surveys, any_object, deadline=later, what="list_surveys", most=9)

    assert isinstance(error, PluginError)
    assert "gave coroutine" in error.message


def test_an_endless_iterator_is_cut(isolation: PluginIsolation, later: Deadline) -> None:
    """More items than anybody could mean are the plugin's error, and the iterator is closed."""
    log: list[str] = []

    items, error = isolation.collect(
        lambda: numbers(10**9, log), any_object, deadline=later, what="list_surveys", most=1000
    )

    assert len(items) == 1000
    assert isinstance(error, PluginError)
    assert "more than 1,000 items" in error.message
    assert len(log) == 1


def test_an_iterator_that_ends_too_late_stops_when_it_can(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """Once nobody waits any more, the source gets no further than its next item."""
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


def test_a_stream_goes_as_slowly_as_the_caller(isolation: PluginIsolation, later: Deadline) -> None:
    """The next step begins when the caller asks for it, and always on the same thread."""
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


def test_a_stream_that_is_left_early_is_closed(isolation: PluginIsolation, later: Deadline) -> None:
    """The iterator is closed on its own thread when the caller stops listening."""
    log: list[str] = []
    stream = isolation.stream(
        lambda: numbers(9, log), any_object, deadline=later, what="validate_credentials", most=9
    )
    next(stream)
    assert log == []

    stream.close()

    assert log == ["smaply-source acme validate_credentials"]


def test_an_iterator_that_fails_to_close_harms_nobody(
    isolation: PluginIsolation, later: Deadline, caplog: pytest.LogCaptureFixture
) -> None:
    """What goes wrong after the caller has left is written to the log."""
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


def test_an_iterator_that_hangs_while_closing_is_given_up(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """Leaving early ends in time as well."""

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


def test_each_step_of_a_stream_is_guarded(
    isolation: PluginIsolation, clock: FakeClock, released: threading.Event
) -> None:
    """A step that hangs ends at the deadline, with what came before it."""

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
def test_a_stream_has_an_end(
    isolation: PluginIsolation, later: Deadline, count: int, *, fits: bool
) -> None:
    """Exactly as many items as allowed pass; one more is the plugin's error."""
    stream = isolation.stream(
        lambda: iter(range(count)), any_object, deadline=later, what="validate", most=3
    )

    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StopIteration if fits else PluginError):
        next(stream)
