"""Several processes on one store: one export per survey, repeated when its process is killed.

Each host has a process of its own; they share only the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from smaply_metrics_core.host import Freshness
from tests.host.child_processes import Fleet, connected_host, fleet_in, until
from tests.host.conftest import (
    EDITOR,
    KEY,
    RESPONSES,
    VIEWER,
)
from tests.processes import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smaply_metrics_core.host import MetricsHost


@pytest.fixture
def fleet(tmp_path: Path, database: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """A store that no process has opened."""
    monkeypatch.setenv("SMAPLY_METRICS_ENCRYPTION_KEYS", KEY)
    with fleet_in(tmp_path, database, "threads") as fleet:
        yield fleet


@pytest.fixture
def host(fleet: Fleet) -> Iterator[MetricsHost]:
    """A connected host in this process, with a metric on each of two surveys."""
    with connected_host(fleet) as host:
        yield host


def test_a_killed_leader_is_replaced_when_its_lease_expires(
    fleet: Fleet, host: MetricsHost
) -> None:
    """Cards show the interruption, and another process runs the next refresh.

    The lease is changed in the store, since the processes share no clock.
    """
    fleet.hold()
    leader = fleet.start(threads=1, wait=SECONDS)
    fleet.load(leader)
    until(lambda: sorted(fleet.exports) == ["S1", "S2"])
    states = {card.freshness for card in host.cards.load(VIEWER)}
    assert states == {Freshness.REFRESHING}
    leader.kill()
    with host._store.writing() as db:  # noqa: SLF001  # Nothing public changes a lease.
        db.execute(text("UPDATE leases SET expires_at = started_at"))
    fleet.release()
    cards = host.cards.load(EDITOR, wait=SECONDS)
    assert {card.freshness for card in cards} == {Freshness.FAILED}
    assert {card.problem.kind for card in cards if card.problem} == {"interrupted"}
    assert len(fleet.exports) == 2, "a crash counts as an attempt"
    cards = host.cards.load(EDITOR, wait=SECONDS, force=True)
    assert [(card.text, card.freshness) for card in cards] == [
        ("4.0", Freshness.FRESH),
        ("1.5", Freshness.FRESH),
    ]
    assert len(fleet.exports) == 4


def test_another_process_shows_the_progress_of_a_refresh(fleet: Fleet, host: MetricsHost) -> None:
    """Cards show when a refresh in another process started, and its progress in percent."""
    fleet.hold()
    fleet.load(fleet.start(threads=1, wait=SECONDS))
    until(lambda: host.cards.load(VIEWER)[0].running is not None)
    until(lambda: getattr(host.cards.load(VIEWER)[0].running, "percent", None) == 25.0)
    (card, _) = host.cards.load(VIEWER)
    assert card.running is not None
    assert card.next_at is not None
    assert card.running.started_at < card.next_at


def test_many_processes_make_one_export_for_each_survey(fleet: Fleet, host: MetricsHost) -> None:
    """Eight processes with 25 threads each load the same cards, and all of them get the value."""
    processes = [fleet.start(threads=25, wait=SECONDS) for _ in range(8)]
    fleet.load(*processes)
    seen = [each for process in processes for each in process.receive()]
    assert len(seen) == 25 * len(processes)
    assert set(map(tuple, seen)) == {(("Stars", "4.0", "fresh"), ("Elsewhere", "1.5", "fresh"))}
    assert sorted(fleet.exports) == ["S1", "S2"]


def test_a_metric_made_during_another_process_s_export_gets_a_second_one(
    fleet: Fleet, host: MetricsHost
) -> None:
    """A load that joins a refresh waits for it and decides again: exactly two exports start."""
    fleet.hold()
    fleet.load(fleet.start(threads=1, wait=SECONDS))
    until(lambda: sorted(fleet.exports) == ["S1", "S2"])
    new = host.metrics.add(EDITOR, "shop", "Responses", RESPONSES)
    begun = fleet.start(threads=4, wait=SECONDS)
    fleet.load(begun)
    fleet.release()
    (card,) = host.cards.load(VIEWER, [new.id], wait=SECONDS)
    assert (card.text, card.freshness) == ("4", Freshness.FRESH)
    assert {each[2][1] for each in begun.receive()} == {"4"}
    assert sorted(fleet.exports) == ["S1", "S1", "S2"]
