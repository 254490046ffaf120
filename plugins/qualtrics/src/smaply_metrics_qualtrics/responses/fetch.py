"""Answer queries about one survey from one export, in one pass over its rows."""

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
from smaply_metrics_qualtrics.survey.column_owners import ColumnOwners
from smaply_metrics_qualtrics.survey.loader import load_survey_for


def fetch(
    api: QualtricsApi,
    context: SourceContext,
    survey_id: str,
    queries: Sequence[MetricQuery],
    *,
    every_column: bool = False,
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer all queries about one survey from one export.

    Args:
        api: The API.
        context: The context of the call.
        survey_id: The survey.
        queries: The queries.
        every_column: Whether an export has all columns, regardless of the request.

    Raises:
        SurveyUnavailable: if the survey is deleted or not shared.
        ResultsUnavailable: if the token's user is not allowed to view results.
        ExportFailed: if the export fails or is damaged.
    """
    context.progress(0, None, "Reading the survey definition")
    definitions = [query.definition for query in queries]
    survey = load_survey_for(api, survey_id, definitions, every_column=every_column)
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
        yield from count_export(
            path, parts, survey.owners, context, seen=request.seen, as_of=as_of
        ).items()
    finally:
        path.unlink()


def count_export(  # noqa: PLR0913  # The last two by name.
    path: Path,
    parts: Sequence[PlannedQuery],
    owners: ColumnOwners,
    context: SourceContext,
    *,
    seen: int | None,
    as_of: datetime,
) -> dict[str, Tally | MetricsError]:
    """Return the tally or error of each query by its id.

    Args:
        path: The exported file.
        parts: The queries.
        owners: The questions and fields that the columns belong to.
        context: Receives the progress after each block, and checks cancellation and deadline.
        seen: The number that marks a question as seen but not answered, if any.
        as_of: When the export was started.

    Raises:
        ExportFailed: if the file is damaged or is not a Qualtrics export.
    """
    outcomes: dict[str, Tally | MetricsError] = {}
    requests: dict[str, list[TallyRequest]] = {}
    try:
        with read_export(path) as responses:
            header = responses.header
            counter = TallyRequestBuilder(header, owners, seen) if header else None
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
            "The export is damaged: a row does not match the header, or a date is not valid."
        ) from error
    for query_id, several in requests.items():
        outcomes[query_id] = merge([tallies[one.query.id] for one in several])
    return outcomes
