"""Events across processes: woken without a poll of the host app, and repeated after a kill."""

from __future__ import annotations

import random
import signal
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from smaply_metrics_core.host import EventKind
from smaply_metrics_core.host.store.tables import events, history
from tests.host.child_processes import connected_host, fleet_in
from tests.host.conftest import VIEWER
from tests.host.events.consuming_processes import CONSUMER, receive
from tests.host.host_process import READY, open_host
from tests.kills import stepped
from tests.kills.campaign import HOUR, make_told
from tests.processes import Children

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import MetricsEvent, MetricsHost

KILLED = f"exit code {-signal.SIGKILL}"
STRIDE = 5


def test_a_killed_consumer_loses_nothing(tmp_path: Path, database: str | None) -> None:
    """It is woken by a refresh of another process; its successor repeats what it had not stored."""
    with fleet_in(tmp_path, database, "threads") as fleet, connected_host(fleet) as host:
        child = fleet.children.start(receive, {**fleet.instructions, "events": 2})
        assert child.receive() == READY
        host.cards.load(VIEWER, wait=60)
        first, second = child.receive(), child.receive()
        assert child.wait() == KILLED
        assert [kind for _, kind, _ in (first, second)] == ["value_changed", "refresh_ended"]
        repeated: list[MetricsEvent] = []
        expired = {"ahead": fleet.instructions["lease"] + 1}
        with open_host({**fleet.instructions, **expired}) as successor:
            assert successor.events.deliver(CONSUMER, repeated.append) == 4
        assert [event.id for event in repeated[:2]] == [first[0], second[0]]
        assert [event.id for event in repeated] == sorted({event.id for event in repeated})
        assert {event.survey_id for event in repeated} == {"S1", "S2"}


@pytest.mark.deep(reason="some 15 processes, one for every few steps of a refresh")
def test_kills_inside_a_refresh_lose_no_event(tmp_path: Path) -> None:
    """A value and its events are stored in one transaction, or not at all."""
    told = make_told(tmp_path, None)
    with Children() as children:
        assert children.start(stepped.set_up, told).wait() == ""
        with open_host({**told, "refresher": "threads"}) as host:
            host.events.deliver(CONSUMER, print)
            before = stored(host)
        ends = 0
        at, ended = random.randrange(STRIDE), KILLED  # noqa: S311  # No secret.
        while ended == KILLED:
            at += STRIDE
            told["ahead"] += HOUR
            ended = children.start(stepped.at_step, {**told, "at": at}, "refresh").wait()
            with open_host({**told, "refresher": "threads"}) as host:
                values, ends = stored(host)
                assert values - before[0] == ends
        assert ended == ""
        assert ends > 0


def stored(host: MetricsHost) -> tuple[int, int]:
    """Return the number of values in the history, and of events of refreshes that ended."""
    ended = events.c.kind == EventKind.REFRESH_ENDED
    everywhere: Any = {"every_account": "a test looks at all of them"}
    with closing(host._store.engine.connect()) as db:  # noqa: SLF001  # No service shows it.
        return (
            db.scalar(select(func.count()).select_from(history), execution_options=everywhere) or 0,
            db.scalar(
                select(func.count()).select_from(events).where(ended),
                execution_options=everywhere,
            )
            or 0,
        )
