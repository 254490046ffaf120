"""The benchmark of further queries reports the cost of one, and compares equal work."""

from __future__ import annotations

import json

import pytest

from benchmarks import queries
from smaply_metrics_core.calculations import answer_queries


def test_the_cost_of_a_query_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output has the milliseconds per query for each number of rows."""
    for name, value in {"ROWS": (10, 20), "FEW": 1, "MANY": 3, "WIDE_COLUMNS": 8}.items():
        monkeypatch.setattr(queries, name, value)

    assert queries.main(["--quick", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["ms_per_query"].keys() == {"10", "20"}


def test_refused_queries_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that is refused costs less, so the benchmark fails."""
    monkeypatch.setattr(queries, "_GROUPS", ("field:gone",))

    with pytest.raises(ValueError, match="refused"):
        queries.measure(1)


def test_queries_are_different() -> None:
    """The first forty queries ask about different questions, and each has a tally."""
    survey = queries.questionnaire(40)
    batch = queries.queries(survey, 40)
    rows = queries.responses(survey, 50)

    outcomes = dict(answer_queries(rows, batch, survey, queries.READER, as_of=queries.NOW))

    assert len({query.definition.question_id for query in batch}) == len(outcomes) == 40
