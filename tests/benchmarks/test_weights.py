"""The benchmark of weights compares the same metrics with and without weights."""

from __future__ import annotations

import json

import pytest

from benchmarks import weights


@pytest.mark.deep(reason="1 s: runs the benchmark")
def test_the_cost_of_weights_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output has both ratios, and every metric can be weighted."""
    monkeypatch.setattr(weights, "ROWS", 200)

    assert weights.main(["--quick", "--json"]) == 0

    measured = json.loads(capsys.readouterr().out)
    assert measured["metrics"] == 20
    assert measured["ratio"] > 0
    assert measured["counting_ratio"] > 0
