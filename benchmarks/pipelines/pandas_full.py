"""The whole export, read with pandas in the usual way."""

from __future__ import annotations

from typing import Any

import pandas as pd

from benchmarks.data.survey import METRICS, MULTIPLE, NOT_APPLICABLE, SINCE, BenchmarkMetric
from benchmarks.pipelines.shared import DATE, DETRACTOR, LEFT_OUT, PROMOTER, Files, PipelineResult


def numbers(files: Files) -> PipelineResult:
    """Read every column with inferred types, and count."""
    seen = files.seen
    frame = pd.read_csv(files.whole, skiprows=[1, 2], low_memory=False)
    kept = frame[(frame["Finished"] == 1) & ~frame["Status"].isin(LEFT_OUT)]
    recorded = pd.to_datetime(kept["RecordedDate"], format=DATE, utc=True)
    months = recorded.dt.strftime("%Y-%m")
    found: PipelineResult = {}
    for name, metric in METRICS.items():
        chosen = recorded >= SINCE if metric.since else recorded.notna()
        if metric.where is not None:
            chosen &= kept[metric.where[0]] == metric.where[1]
        rows = kept[chosen] if metric.since or metric.where else kept
        if metric.column == "Q5":
            ticks = rows[[f"Q5_{n}" for n in MULTIPLE]] == 1
            if metric.kind == "share":
                asked = ticks[[f"Q5_{n}" for n in metric.answers]].any(axis=1).sum()
                found[name] = {"": asked * 100 / ticks.any(axis=1).sum()}
            else:
                found[name] = {n: float(ticks[f"Q5_{n}"].sum()) for n in MULTIPLE}
            continue
        answer = rows[metric.column or "Status"]
        if metric.column.startswith("Q"):
            answer = answer[answer.notna() & (answer != seen)]
        if metric.column == "Q3":
            answer = answer[answer != int(NOT_APPLICABLE)]
        if metric.kind == "distribution":
            counts = answer.value_counts()
            found[name] = {str(int(key)): float(n) for key, n in counts.items()}
        elif metric.by:
            by = months if metric.by == "month" else rows[metric.by]
            groups = answer.groupby(by[answer.index])
            found[name] = {
                _key(key): _pandas_number(metric, group)
                for key, group in groups
                if key != seen and group is not None
            }
        else:
            found[name] = {"": _pandas_number(metric, answer)}
    return found


def _pandas_number(metric: BenchmarkMetric, answer: Any) -> float:  # noqa: ANN401  # pandas ships no types.
    if metric.kind == "nps":
        return float(
            ((answer >= PROMOTER).sum() - (answer <= DETRACTOR).sum()) * 100 / answer.count()
        )
    if metric.kind == "share":
        return float(answer.isin([int(n) for n in metric.answers]).sum() * 100 / answer.count())
    if metric.kind == "responses":
        return float(len(answer))
    return float(
        {"average": answer.mean, "median": answer.median, "sum": answer.sum}[metric.kind]()
    )


def _key(key: object) -> str:
    return str(int(key)) if isinstance(key, float) else str(key)
