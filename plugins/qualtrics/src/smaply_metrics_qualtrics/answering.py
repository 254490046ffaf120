"""A downloaded export, counted for many queries in one pass over its rows."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import polars as pl

from smaply_metrics_core.calculations.tally import Counting, TallyRequest
from smaply_metrics_core.errors import ExportFailed, MetricsError
from smaply_metrics_qualtrics.counting import Counter, count_nothing
from smaply_metrics_qualtrics.loops import merge
from smaply_metrics_qualtrics.reading import read_export

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from smaply_metrics_core.context import SourceContext
    from smaply_metrics_core.models.tally import Tally
    from smaply_metrics_qualtrics.parts import Part


def count_export(
    path: Path, parts: Sequence[Part], seen: int | None, context: SourceContext, as_of: datetime
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
            counter = Counter(responses.header, seen) if responses.header else None
            for part in parts:
                try:
                    counted = counter.tally_requests(part) if counter else [count_nothing(part)]
                except MetricsError as error:
                    outcomes[part.query.id] = error
                else:
                    requests[part.query.id] = counted
            counting = Counting([one for several in requests.values() for one in several])
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
