"""A Polars pipeline written for exactly these metrics, columns and types."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import polars as pl
from isal import isal_zlib

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


def numbers(files: Files) -> PipelineResult:
    """Inflate the whole file, read numbers as numbers, and count in one pass."""
    path, seen = files.needed, files.seen
    with zipfile.ZipFile(path) as archive:
        (info,) = archive.infolist()
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        file.seek(sum(int.from_bytes(file.read(2), "little") for _ in range(2)), 1)
        text = isal_zlib.decompress(file.read(info.compress_size), wbits=-15)
    names = text[: text.index(b"\n")].decode().split(",")
    rows = io.BytesIO(text)
    for _ in range(HEADER):
        rows.readline()
    types: dict[str, Any] = dict.fromkeys(names, pl.Int32)
    types |= {"RecordedDate": pl.String, "Region": pl.String, "Q6_1": pl.Float64}
    frame = pl.read_csv(rows, has_header=False, schema=types).lazy()
    questions = [name for name in names if name.startswith("Q") and name != "Q6_1"]
    kept = (
        frame.filter(pl.col("Finished") == 1, ~pl.col("Status").is_in(LEFT_OUT))
        .with_columns(
            pl.col("RecordedDate").str.to_datetime(DATE, time_zone="UTC"),
            *(pl.when(pl.col(name) != seen).then(pl.col(name)).alias(name) for name in questions),
        )
        .collect()
        .lazy()
    )
    tables = pl.collect_all([_asked(kept, metric) for metric in METRICS.values()])
    return {
        name: {str(group): value for group, value in table.iter_rows() if group is not None}
        for name, table in zip(METRICS, tables, strict=True)
    }


def _asked(rows: pl.LazyFrame, metric: BenchmarkMetric) -> pl.LazyFrame:
    if metric.where is not None:
        rows = rows.filter(pl.col(metric.where[0]) == metric.where[1])
    if metric.since:
        rows = rows.filter(pl.col("RecordedDate") >= SINCE)
    answer = pl.col(metric.column or "Status")
    if metric.column == "Q3":
        answer = pl.when(answer != int(NOT_APPLICABLE)).then(answer)
    if metric.column == "Q5":
        ticks = [pl.col(f"Q5_{n}") == 1 for n in metric.answers or MULTIPLE]
        if metric.kind == "share":
            every = pl.any_horizontal(pl.col(f"Q5_{n}") == 1 for n in MULTIPLE).sum()
            return rows.select(pl.lit(""), pl.any_horizontal(ticks).sum() * 100 / every)
        counted = rows.select(tick.sum().alias(n) for n, tick in zip(MULTIPLE, ticks, strict=True))
        return counted.unpivot()
    if metric.kind == "distribution":
        counts = rows.select(answer.alias("answer")).drop_nulls().group_by("answer").len()
        return counts.select(pl.col("answer").cast(pl.String), "len")
    answered = answer.count().cast(pl.Int64)
    promoters = (answer >= PROMOTER).sum().cast(pl.Int64)
    detractors = (answer <= DETRACTOR).sum().cast(pl.Int64)
    number = {
        "nps": (promoters - detractors) * 100 / answered,
        "average": answer.mean(),
        "median": answer.median(),
        "sum": answer.sum(),
        "share": answer.is_in([int(n) for n in metric.answers]).sum() * 100 / answered,
        "responses": pl.len(),
    }[metric.kind].cast(pl.Float64)
    if not metric.by:
        return rows.select(pl.lit("").alias("group"), number.alias("number"))
    month = pl.col("RecordedDate").dt.strftime("%Y-%m")
    group = month if metric.by == "month" else pl.col(metric.by)
    return rows.group_by(group.alias("group")).agg(number.alias("number"))
