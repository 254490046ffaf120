"""The soak notices what grows."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.required_programs import require_postgres
from tests.soak import campaign
from tests.soak.samples import FEWEST, Growth, Sample, growth_of, open_files, take_sample

if TYPE_CHECKING:
    from pathlib import Path

FLAT = Sample(memory_mb=200, threads=9, files=30, connections=4)


def grown(samples: list[Sample]) -> dict[str, bool]:
    """Return what is not flat."""
    return {one.name: not one.is_flat for one in growth_of(samples)}


def test_what_is_flat_is_not_reported() -> None:
    """The first third may grow, and single samples may differ."""
    warm_up = [Sample(50 + 10 * n, n, n, 1) for n in range(10)]
    peak = Sample(900, 90, 90, 90)
    assert not any(grown([*warm_up, *[FLAT] * 9, peak, *[FLAT] * 10]).values())


@pytest.mark.parametrize(
    ("name", "step"), [("memory_mb", 2), ("threads", 0.2), ("files", 0.4), ("connections", 0.2)]
)
def test_what_grows_is_reported(name: str, step: float) -> None:
    """Steady growth from the middle third to the last."""
    samples = [FLAT._replace(**{name: getattr(FLAT, name) + step * n}) for n in range(30)]
    found = grown(samples)
    assert found.pop(name)
    assert not any(found.values())
    assert "GROWS" in campaign.table({"sqlite": growth_of(samples)})


def test_a_short_soak_shows_nothing() -> None:
    """It is an error, not a pass."""
    with pytest.raises(ValueError, match="too few"):
        growth_of([FLAT] * (FEWEST - 1))


def test_a_sample_counts_threads_and_files(tmp_path: Path) -> None:
    """Of this process, by the kernel."""
    before, stop = take_sample(0), threading.Event()
    thread = threading.Thread(target=stop.wait)
    with socket.socket(), (tmp_path / "store.db").open("w"):
        thread.start()
        during = take_sample(2)
        assert open_files("store.db") == 1
    stop.set()
    thread.join()
    assert (during.threads, during.files) == (before.threads + 1, before.files + 2)
    assert during.connections == 2
    assert during.memory_mb > 1
    assert open_files("store.db") == 0


@pytest.mark.deep(reason="two processes work on real stores until all of their tasks have run")
def test_a_soak_does_all_kinds_of_work(tmp_path: Path) -> None:
    """Each task runs without an error, events arrive, and each round has a sample."""
    require_postgres()
    soaked = campaign.run(0, tmp_path)
    assert soaked.keys() == {"sqlite", "postgresql"}
    for one in soaked.values():
        assert one.rounds == 7
        assert one.events > 0
        assert len(one.samples) == one.rounds
        assert min(sample.connections for sample in one.samples) > 0


def test_the_table_has_a_line_for_each_store() -> None:
    """With both medians and the tolerance."""
    table = campaign.table({"sqlite": [Growth("files", 30, 31, 2)]})
    assert "sqlite      files               30.0      31.0      +2.0  flat" in table
