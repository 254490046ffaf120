"""The benchmarks of a fleet, with small sizes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import map_load, stampede, worker
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from types import ModuleType


@pytest.fixture(autouse=True)
def _installed() -> None:
    require_postgres()


def printed(benchmark: ModuleType, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run a benchmark and return the JSON object that it prints."""
    assert benchmark.main(["--quick", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.deep(reason="runs the benchmark")
def test_a_load_of_fresh_cards(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both kinds of store and each size, a load takes two statements."""
    for name, small in {"CARDS": 4, "MAP": 3, "SIZES": (2, 3, 4, 9), "QUICK_RUNS": 1}.items():
        monkeypatch.setattr(map_load, name, small)
    monkeypatch.setattr(map_load, "PAST", 40)
    found = printed(map_load, capsys)
    assert found["cards"] == 4
    for kind in ("sqlite", "postgresql"):
        assert list(found[kind]["by_cards"]) == ["2", "3", "4", "9"]
        assert {size["statements"] for size in found[kind]["by_cards"].values()} == {2}
        assert min(found[kind]["ms"], found[kind]["us_per_card"], found[kind]["growth"]) > 0
    assert min(found["postgresql"]["bytes"].values()) > 0
    assert found["postgresql"]["server_ms_of_a_map"] > 0


@pytest.mark.deep(reason="runs the benchmark with processes")
def test_concurrent_loads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each survey is exported once, every value is correct, and no load waits for an export."""
    for name, small in {"PROCESSES": 2, "THREADS": 3, "EXPORT_SECONDS": 0.1}.items():
        monkeypatch.setattr(stampede, name, small)
    monkeypatch.setenv("SMAPLY_QUALTRICS_SANDBOX", "")  # Restores it after the benchmark.
    found = printed(stampede, capsys)
    assert (found["loads"], found["surveys"]) == (6, 3)
    assert found["exports_started"] == found["stale_exports_started"] == 3
    assert found["wrong_values"] == 0
    assert 0 < found["stale_first_byte_p50_ms"] <= found["stale_first_byte_p99_ms"]


@pytest.mark.deep(reason="runs the benchmark with processes")
def test_workers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Due surveys are refreshed by one worker and by two."""
    monkeypatch.setattr(worker, "SURVEYS", 3)
    found = printed(worker, capsys)
    assert found["surveys"] == 3
    assert list(found["workers"]) == ["1", "2"]
    assert all(each["surveys_per_s"] > 0 for each in found["workers"].values())
