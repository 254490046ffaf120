"""What the responses of a file are, for the person who checks how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from smaply_metrics_core.files.file_column import shown
from smaply_metrics_core.files.response_columns import RECORDED, STATUS


@dataclass(frozen=True)
class ResponseSummary:
    """The number of responses, their dates, and the first ones.

    Attributes:
        count: The number of responses, those that are excluded included.
        excluded: The number of excluded ones by reason.
        undated: The number of those without a date.
        first: The date of the earliest one; ``None`` if all are undated.
        last: The date of the latest one.
        columns: The names of the columns.
        rows: The cells of the first responses: texts, dates, or ``None`` if blank. They are never
            to be stored or logged.
    """

    count: int
    excluded: Mapping[str, int]
    undated: int
    first: datetime | None
    last: datetime | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str | datetime | None, ...], ...]


def summarise_responses(responses: pl.DataFrame, rows: int) -> ResponseSummary:
    """Return a summary of what ``FileTable.responses`` returned, with the first ``rows`` rows."""
    dated = responses[RECORDED].drop_nulls().sort()
    excluded = responses[STATUS].drop_nulls().value_counts().iter_rows()
    return ResponseSummary(
        count=responses.height,
        excluded=dict(sorted(excluded)),
        undated=responses.height - dated.len(),
        first=dated[0] if dated.len() else None,
        last=dated[-1] if dated.len() else None,
        columns=tuple(responses.columns),
        rows=tuple(
            tuple(shown(cell) if isinstance(cell, str) else cell for cell in row)
            for row in responses.head(rows).iter_rows()
        ),
    )
