"""The list of metrics: searched, cut into pages, with what people read of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smaply_metrics_host.metric_form.metric_text import definition_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smaply_metrics_core.host import Metric

ON_A_PAGE: Final = 50


@dataclass(frozen=True)
class MetricRow:
    """One metric in the list.

    Attributes:
        source: Its source's title.
        measures: What it measures, in one line.
        uses: How many cards show it.
    """

    metric: Metric
    source: str
    measures: str
    uses: int


@dataclass(frozen=True)
class Page:
    """Some of the metrics.

    Attributes:
        number: Of this page, from 1.
        pages: How many there are; 1 when nothing was found.
        found: How many metrics the search found.
    """

    lines: tuple[MetricRow, ...]
    number: int
    pages: int
    found: int


def page_of(
    metrics: Sequence[Metric],
    *,
    search: str,
    number: int,
    titles: Mapping[str, str],
    uses: Mapping[str, int],
) -> Page:
    """Cut a page out of the metrics that a search finds, the one changed last first.

    Args:
        metrics: All that there are.
        search: Words, in any case, each of which is in the name, source, type, or in what is
            measured; all metrics when empty.
        number: Of the page; the last one when there are fewer.
        titles: By source, what people call it.
        uses: By metric, how many cards show it.
    """
    words = search.casefold().split()
    lines = [
        MetricRow(
            one, titles.get(one.source, one.source), definition_text(one), uses.get(one.id, 0)
        )
        for one in sorted(metrics, key=lambda one: one.updated_at, reverse=True)
    ]
    found = [line for line in lines if all(word in _searched(line) for word in words)]
    pages = max(1, -(-len(found) // ON_A_PAGE))
    number = min(max(1, number), pages)
    first = (number - 1) * ON_A_PAGE
    return Page(tuple(found[first : first + ON_A_PAGE]), number, pages, len(found))


def _searched(line: MetricRow) -> str:
    metric = line.metric
    parts = (metric.name, line.source, metric.definition.type, line.measures)
    return "\n".join(parts).casefold()
