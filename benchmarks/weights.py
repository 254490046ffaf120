"""The cost of weights: ``python -m benchmarks.weights [--quick] --json``.

The same metrics of one survey are calculated with and without weights, in turn, from a CSV file.
``ratio`` is the CPU time with weights over that without, from the file to the values;
``counting_ratio`` is that of counting alone, with the rows in memory.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl

from benchmarks import queries
from benchmarks.report import command, report
from smaply_metrics_core.calculations import CALCULATIONS, answer_queries, calculate
from smaply_metrics_core.models.query import MetricQuery, Weight
from smaply_metrics_core.models.survey import EmbeddedField, Questionnaire
from smaply_metrics_core.models.tally import Tally

ROWS: Final = 100_000
METRICS: Final = 20
RUNS: Final = 9
QUICK_RUNS: Final = 3

WEIGHT: Final = Weight(kind="field", of="weight")
_QUESTIONS: Final = 40


def survey() -> Questionnaire:
    """Return a survey with an embedded field for the weights."""
    plain = queries.questionnaire(_QUESTIONS)
    fields = (*plain.fields, EmbeddedField(name=WEIGHT.of))
    return plain.model_copy(update={"fields": fields, "can_weight": True})


def responses(survey: Questionnaire, rows: int) -> pl.DataFrame:
    """Return invented responses. Nearly every one has a weight of its own."""
    chance = random.Random(3)  # noqa: S311  # Invented weights, no secrets.
    weights = [repr(chance.uniform(0.2, 5)) for _ in range(rows)]
    return queries.responses(survey, rows).with_columns(pl.Series(WEIGHT.of, weights))


def weighted(plain: MetricQuery) -> MetricQuery:
    """Return a query with the weight."""
    definition = plain.definition.model_copy(update={"weight": WEIGHT})
    return plain.model_copy(update={"definition": definition})


def measure(rows: int, runs: int) -> dict[str, Any]:
    """Measure with and without weights, in turn. The best run of each counts."""
    described = survey()
    frame = responses(described, rows)
    plain = [
        query
        for query in queries.queries(described, 4 * METRICS)
        if CALCULATIONS[query.definition.calculation].weighted
    ][:METRICS]
    batches = {"unweighted": plain, "weighted": [weighted(query) for query in plain]}
    with tempfile.TemporaryDirectory(prefix="smaply-benchmark-") as folder:
        path = Path(folder) / "responses.csv"
        frame.write_csv(path)

        def from_file(batch: Sequence[MetricQuery]) -> None:
            recorded = pl.col("recorded").str.to_datetime("%+", time_zone="UTC")
            _values(pl.scan_csv(path, infer_schema=False).with_columns(recorded), batch, described)

        whole = _seconds(batches, from_file, runs)
    counting = _seconds(batches, lambda batch: _values(frame, batch, described), runs)
    return {
        "rows": rows,
        "metrics": METRICS,
        **{f"{name}_s": round(seconds, 3) for name, seconds in whole.items()},
        "ratio": round(whole["weighted"] / whole["unweighted"], 2),
        "counting_ratio": round(counting["weighted"] / counting["unweighted"], 2),
    }


def _values(
    rows: pl.DataFrame | pl.LazyFrame, batch: Sequence[MetricQuery], described: Questionnaire
) -> None:
    outcomes = dict(answer_queries(rows, batch, described, queries.READER, as_of=queries.NOW))
    for query in batch:
        tally = outcomes[query.id]
        if not isinstance(tally, Tally):
            raise ValueError("a query was refused: less was measured")  # noqa: TRY004
        calculate(query, tally, queries.NOW)


def _seconds(
    batches: dict[str, list[MetricQuery]],
    run: Callable[[Sequence[MetricQuery]], None],
    runs: int,
) -> dict[str, float]:
    best = dict.fromkeys(batches, float("inf"))
    for _ in range(runs):
        for name, batch in batches.items():
            begun = time.process_time()
            run(batch)
            best[name] = min(best[name], time.process_time() - begun)
    return best


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result."""
    options = command("weights", __doc__, f"{QUICK_RUNS} runs").parse_args(arguments)
    report(measure(ROWS, QUICK_RUNS if options.quick else RUNS), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
