"""The benchmark of the SQL source reports the ratios to a statement by hand and to one metric."""

from __future__ import annotations

import json

import pytest

from benchmarks import sql
from tests.required_programs import require_postgres

IN_PROCESS = pytest.param(
    [], id="duckdb", marks=pytest.mark.deep(reason="2 s: runs the benchmark in a process")
)
ON_A_SERVER = pytest.param(
    ["--postgresql"],
    id="postgresql",
    marks=pytest.mark.deep(reason="starts a server, and waits for the CPU time of its processes"),
)


@pytest.mark.parametrize("options", [IN_PROCESS, ON_A_SERVER])
def test_ratios_are_reported(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All metrics have a tally, and the output has both ratios."""
    if options:
        require_postgres()
    monkeypatch.setattr(sql, "QUICK_ROWS", 1_000)
    monkeypatch.setattr(sql, "RUNS", 1)

    assert sql.main(["--quick", "--json", *options]) == 0

    measured = json.loads(capsys.readouterr().out)
    assert measured["responses"] == 1_000
    assert measured["all_to_by_hand"] > 0
    assert measured["all_to_one"] > 0
