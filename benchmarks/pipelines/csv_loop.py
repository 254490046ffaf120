"""A loop over the whole export with the ``csv`` module."""

from __future__ import annotations

import csv
import io
import statistics
import zipfile
from collections import defaultdict
from typing import TYPE_CHECKING

from benchmarks.data.survey import METRICS, MULTIPLE, NOT_APPLICABLE, SINCE, BenchmarkMetric
from benchmarks.pipelines.shared import (
    DATE,
    DETRACTOR,
    HEADER,
    LEFT_OUT,
    PROMOTER,
    Files,
    PipelineResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def numbers(files: Files) -> PipelineResult:  # noqa: C901  # One loop, as one would write it.
    """Count row by row in dictionaries."""
    left_out, blank = {str(status) for status in LEFT_OUT}, {"", str(files.seen)}
    counts: dict[str, dict[str, dict[str, int]]] = {
        name: defaultdict(lambda: defaultdict(int)) for name in METRICS
    }
    shares = {name: [0, 0] for name in METRICS}
    with zipfile.ZipFile(files.whole) as archive, archive.open(archive.namelist()[0]) as stream:
        reader = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", newline=""))
        places = {name: place for place, name in enumerate(next(reader))}
        for _ in range(HEADER - 1):
            next(reader)
        since = SINCE.strftime(DATE)
        for row in reader:
            if row[places["Finished"]] != "1" or row[places["Status"]] in left_out:
                continue
            recorded = row[places["RecordedDate"]]
            ticked = [n for n in MULTIPLE if row[places[f"Q5_{n}"]] == "1"]
            for name, metric in METRICS.items():
                if metric.since and recorded < since:
                    continue
                if metric.where and row[places[metric.where[0]]] != metric.where[1]:
                    continue
                if metric.column == "Q5":
                    shares[name][0] += any(n in metric.answers for n in ticked)
                    shares[name][1] += bool(ticked)
                    for n in ticked:
                        counts[name][""][n] += 1
                    continue
                answer = row[places[metric.column]] if metric.column else "1"
                if answer in blank or (metric.column == "Q3" and answer == NOT_APPLICABLE):
                    continue
                group = ""
                if metric.by:
                    group = recorded[:7] if metric.by == "month" else row[places[metric.by]]
                    if group in blank:
                        continue
                counts[name][group][answer] += 1
    return {
        name: dict(_counted_numbers(metric, counts[name], shares[name]))
        for name, metric in METRICS.items()
    }


def _counted_numbers(
    metric: BenchmarkMetric, groups: dict[str, dict[str, int]], share: list[int]
) -> Iterator[tuple[str, float]]:
    if metric.kind == "distribution":
        yield from groups[""].items()
    elif metric.column == "Q5":
        yield "", share[0] * 100 / share[1]
    else:
        for group, answers in groups.items():
            yield group, _number(metric, {float(key): n for key, n in answers.items()})


def _number(metric: BenchmarkMetric, answers: dict[float, int]) -> float:
    answered = sum(answers.values())
    total = sum(key * n for key, n in answers.items())
    if metric.kind == "nps":
        promoters = sum(n for key, n in answers.items() if key >= PROMOTER)
        detractors = sum(n for key, n in answers.items() if key <= DETRACTOR)
        return (promoters - detractors) * 100 / answered
    if metric.kind == "share":
        return sum(answers.get(float(key), 0) for key in metric.answers) * 100 / answered
    if metric.kind == "median":
        return statistics.median(key for key in sorted(answers) for _ in range(answers[key]))
    return {"average": total / answered, "sum": total, "responses": float(answered)}[metric.kind]
