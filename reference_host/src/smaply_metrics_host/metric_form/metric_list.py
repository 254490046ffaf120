"""The list of metrics: search, pagination and the text of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smaply_metrics_host.metric_form.metric_text import definition_text
from smaply_metrics_host.rendering.templating import title_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from smaply_metrics_core.host import Metric

ON_A_PAGE: Final = 50


@dataclass(frozen=True)
class MetricRow:
    """One metric in the list.

    Attributes:
        source: The connection, or the title of the source if it was deleted.
        measures: The definition in one line.
        uses: The number of cards that show it.
    """

    metric: Metric
    source: str
    measures: str
    uses: int


@dataclass(frozen=True)
class Page:
    """One page of the list.

    Attributes:
        number: The page number, from 1.
        pages: The number of pages, at least 1.
        found: The number of metrics on all pages.
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
    """Return one page of the matching metrics, most recently changed first.

    Args:
        metrics: All metrics.
        search: Words that must all occur in the name, source, type or definition, ignoring case;
            empty for all metrics.
        number: The page number; the last page if there are fewer.
        titles: The names and titles of connections by id.
        uses: The number of cards by metric.
    """
    words = search.casefold().split()
    lines = [
        MetricRow(
            one,
            titles.get(one.connection_id) or title_of(one.source),
            definition_text(one),
            uses.get(one.id, 0),
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
