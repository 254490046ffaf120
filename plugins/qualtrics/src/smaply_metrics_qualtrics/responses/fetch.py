"""Queries about one survey, answered from one export in one pass over its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import polars as pl

from smaply_metrics_core import ExportFailed, MetricQuery, MetricsError, SourceContext, Tally
from smaply_metrics_core.calculations import TallyBuilder, TallyRequest
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.api.exports import fetch_export
from smaply_metrics_qualtrics.responses.csv_reader import read_export
from smaply_metrics_qualtrics.responses.loop_merge import merge
from smaply_metrics_qualtrics.responses.query_plan import PlannedQuery, plan_export, prepare
from smaply_metrics_qualtrics.responses.tally_requests import TallyRequestBuilder, count_nothing
from smaply_metrics_qualtrics.survey.loader import load_survey_for


def fetch(
    api: QualtricsApi, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer all queries about one survey from one export.

    Raises:
        SurveyUnavailable: when the survey is gone or not shared.
        ResultsUnavailable: when its results may not be viewed.
        ExportFailed: when the export failed or came damaged.
    """
    context.progress(0, None, "Reading the survey's definition")
    survey = load_survey_for(api, survey_id, [query.definition for query in queries])
    parts: list[PlannedQuery] = []
    for query in queries:
        try:
            parts.append(prepare(query, survey))
        except MetricsError as error:
            yield query.id, error
    if not parts:
        return
    request = plan_export(parts, survey)
    as_of = context.now()
    path = fetch_export(api, context, survey_id, request)
    try:
        yield from count_export(path, parts, request.seen, context, as_of).items()
    finally:
        path.unlink()


def count_export(
    path: Path,
    parts: Sequence[PlannedQuery],
    seen: int | None,
    context: SourceContext,
    as_of: datetime,
) -> dict[str, Tally | MetricsError]:
    """Give, by query id, the tally or why there is none.

    Args:
        path: The file.
        parts: The queries.
        seen: What stands there for a question that was seen and not answered, if anything does.
        context: Told of every block of rows; cancellation and the deadline take effect there.
        as_of: When the export was started.

    Raises:
        ExportFailed: when it is damaged, or is not what Qualtrics exports.
    """
    outcomes: dict[str, Tally | MetricsError] = {}
    requests: dict[str, list[TallyRequest]] = {}
    try:
        with read_export(path) as responses:
            counter = TallyRequestBuilder(responses.header, seen) if responses.header else None
            for part in parts:
                try:
                    counted = counter.tally_requests(part) if counter else [count_nothing(part)]
                except MetricsError as error:
                    outcomes[part.query.id] = error
                else:
                    requests[part.query.id] = counted
            counting = TallyBuilder([one for several in requests.values() for one in several])
            rows = 0
            with closing(responses.blocks(counting.columns)) as blocks:
                for block in blocks:
                    context.progress(rows, None, "Counting the responses")
                    counting.add(block)
                    rows += block.height
        tallies = counting.tallies(as_of)
    except pl.exceptions.PolarsError as error:
        raise ExportFailed(
            "The export arrived damaged: its rows do not fit its header, or a date cannot be read."
        ) from error
    for query_id, several in requests.items():
        outcomes[query_id] = merge([tallies[one.query.id] for one in several])
    return outcomes
