"""Calls that are abandoned at their deadline: their work ends as well."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smaply_metrics_core import (
    Calculation,
    Deadline,
    DeadlineExceeded,
    Definition,
    Destination,
    MetricQuery,
    SourceContext,
)
from smaply_metrics_core.sources.isolation import PluginIsolation
from smaply_metrics_csv_example import source
from tests.http_clients import client_without_network

LONG = 60.0
"""Guards against hangs only."""
ROWS = 8_000
QUERY = MetricQuery(id="q", definition=Definition(survey_id="s", calculation=Calculation.RESPONSES))


class SteppingClock:
    """A clock on which each look at the time takes a second."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        """Return an instant."""
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        """Return the number of looks so far, this one included."""
        self.looks += 1
        return float(self.looks)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Return immediately."""
        return stop.is_set()


def _list(context: SourceContext) -> object:
    return source.list_questions(context, "s")


def _fetch(context: SourceContext) -> object:
    return dict(source.fetch_metric(context, "s", [QUERY]))


@pytest.mark.parametrize("seconds", [50, 2_000, 4 * ROWS])
@pytest.mark.parametrize("work", [_list, _fetch])
def test_reading_a_file_ends_at_the_deadline(
    tmp_path: Path, work: Callable[[SourceContext], object], seconds: int
) -> None:
    """The thread of the call ends, since each line and each column checks the deadline."""
    columns = ",".join(f"q{number}" for number in range(20))
    content = f"recorded_at,{columns}\n" + f"2026-01-01{',1' * 20}\n" * ROWS
    (tmp_path / "s.csv").write_text(content)
    clock = SteppingClock()
    deadline = Deadline.after(seconds, clock)
    isolation = PluginIsolation("csv_example", "csv_example")
    threads: list[threading.Thread] = []

    def call() -> object:
        threads.append(threading.current_thread())
        context = SourceContext(
            http=client_without_network(),
            deadline=deadline,
            destinations=(Destination(kind="folder", folder=tmp_path),),
            folder=tmp_path,
            clock=clock,
        )
        return work(context)

    if seconds > ROWS:
        isolation.call(call, deadline=deadline, what="a call")
    else:
        with pytest.raises(DeadlineExceeded):
            isolation.call(call, deadline=deadline, what="a call")
    threads[0].join(LONG)
    assert not threads[0].is_alive()
    assert isolation.stuck.names() == ()


def test_an_isolated_call_that_reads_on_is_counted(tmp_path: Path) -> None:
    """The test above can fail: a call that does not look at the deadline is still running."""
    ended = threading.Event()
    deadline = Deadline.after(50, SteppingClock())
    isolation = PluginIsolation("a source", "a_source")
    with pytest.raises(DeadlineExceeded):
        isolation.call(lambda: ended.wait(LONG), deadline=deadline, what="a call")
    assert len(isolation.stuck.names()) == 1
    ended.set()
    isolation.stuck.wait(LONG)
    assert isolation.stuck.names() == ()
