"""Responses as rows: blanks, times, and which of them are finished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from smaply_metrics_core import ExclusionReason
from smaply_metrics_core.calculations import RowReader, local_to_utc
from smaply_metrics_limesurvey.client import JsonObject
from smaply_metrics_limesurvey.survey.columns import LAST_ACTION, SUBMITTED
from smaply_metrics_limesurvey.survey.loader import LoadedSurvey

RECORDED: Final = "(recorded)"
UNFINISHED: Final = "(unfinished)"
"""Columns of rows that are not columns of the export: no code has parentheses."""

_NO_DATE: Final = "1980-01-01 00:00:00"
"""The time at which every response was submitted, in a survey without date stamps."""


def read_rows(
    pages: Iterable[Sequence[JsonObject]], headings: Sequence[str], zone: str
) -> pl.DataFrame:
    """Return one row for each response: the answers as text, null for a blank.

    LimeSurvey exports an empty text, and other versions null, for an answer that was left out and
    for a question that was not shown.

    Args:
        pages: The exported responses.
        headings: The columns to keep.
        zone: The time zone of the server.
    """
    schema = dict.fromkeys(headings, pl.String)
    frames = [
        pl.DataFrame({name: [_text(one[name]) for one in page] for name in headings}, schema)
        for page in pages
    ]
    rows = pl.concat([pl.DataFrame(schema=schema), *frames])
    submitted = pl.col(SUBMITTED)
    times: list[pl.Expr] = [pl.when(submitted != _NO_DATE).then(submitted)]
    if LAST_ACTION in headings:  # Of a response that was not submitted.
        times.append(pl.col(LAST_ACTION))
    return rows.with_columns(
        local_to_utc(pl.coalesce(times), zone).alias(RECORDED),
        pl.when(submitted.is_null())
        .then(pl.lit(ExclusionReason.UNFINISHED.value))
        .alias(UNFINISHED),
    )


def row_reader(survey: LoadedSurvey) -> RowReader:
    """Return how the rows of a survey are read."""
    readings = survey.readings
    return RowReader(
        recorded=pl.col(RECORDED),
        answer=lambda question: readings.answers[question.id],
        field=lambda name: readings.fields[name],
        left_out=pl.col(UNFINISHED),
    )


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else str(value)
