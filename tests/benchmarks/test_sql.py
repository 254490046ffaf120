"""The benchmark of the SQL source reports the ratios to a statement by hand and to one metric."""

from __future__ import annotations

import json

import pytest

from benchmarks import sql


def test_ratios_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All metrics have a tally, and the output has both ratios."""
    monkeypatch.setattr(sql, "QUICK_ROWS", 1_000)
    monkeypatch.setattr(sql, "RUNS", 1)

    assert sql.main(["--quick", "--json"]) == 0

    measured = json.loads(capsys.readouterr().out)
    assert measured["responses"] == 1_000
    assert measured["all_to_by_hand"] > 0
    assert measured["all_to_one"] > 0
