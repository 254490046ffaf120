"""The list of metrics: search, sorting, pagination and the content of each row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.charts import period_headline
from smaply_metrics_host.metric_form.metric_text import definition_text
from smaply_metrics_host.rendering.card_view import CardView, card_view
from smaply_metrics_host.rendering.sparkline import (
    MOST_VALUES,
    Sparkline,
    by_period,
    history_sparkline,
    period_sparkline,
)
from smaply_metrics_host.rendering.templating import title_of
from smaply_metrics_host.store.map_models import PlacedCard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from smaply_metrics_core.charts import Headline
    from smaply_metrics_core.host import Actor, AsyncMetricsHost, Card, Metric
    from smaply_metrics_host.rendering.result_renderer import ResultRenderer

ON_A_PAGE: Final = 50
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_NO_CARDS: Final[Mapping[str, Card]] = MappingProxyType({})


class MetricSort(StrEnum):
    """The order of the list."""

    CHANGED = "changed"
    NAME = "name"
    SOURCE = "source"
    ANSWERS = "answers"
    AGE = "age"


SORTS: Final = (
    (MetricSort.CHANGED, "Last changed first"),
    (MetricSort.NAME, "Name"),
    (MetricSort.SOURCE, "Source"),
    (MetricSort.ANSWERS, "Fewest answers first"),
    (MetricSort.AGE, "Oldest values first"),
)
BY_VALUE: Final = frozenset({MetricSort.ANSWERS, MetricSort.AGE})
"""The orders for which the cards of all metrics are read."""


@dataclass(frozen=True)
class MetricRow:
    """One metric in the list.

    Attributes:
        source: The connection, or the title of the source if it was deleted.
        measures: The definition in one line.
        uses: The number of cards that show it.
        card: Its value and state, as a card with the display defaults; ``None`` until it is read.
        spark: Its past values; ``None`` if there are fewer than two.
        period: The last full period of a series, compared with the one before; ``None`` without.
            Values of past refreshes are not compared: the answers of one are part of the next.
    """

    metric: Metric
    source: str
    measures: str
    uses: int
    card: CardView | None = None
    spark: Sparkline | None = None
    period: Headline | None = None


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


def page_of(  # noqa: PLR0913  # What is listed, by name.
    metrics: Sequence[Metric],
    *,
    search: str,
    number: int,
    titles: Mapping[str, str],
    uses: Mapping[str, int],
    sort: MetricSort = MetricSort.CHANGED,
    cards: Mapping[str, Card] = _NO_CARDS,
) -> Page:
    """Return one page of the matching metrics.

    Args:
        metrics: All metrics.
        search: Words that must all occur in the name, source, type or definition, ignoring case;
            empty for all metrics.
        number: The page number; the last page if there are fewer.
        titles: The names and titles of connections by id.
        uses: The number of cards by metric.
        sort: The order.
        cards: The cards of the metrics, for the orders in ``BY_VALUE``.
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
    if sort is not MetricSort.CHANGED:
        found.sort(key=lambda line: _sort_key(sort, line, cards.get(line.metric.id)))
    pages = max(1, -(-len(found) // ON_A_PAGE))
    number = min(max(1, number), pages)
    first = (number - 1) * ON_A_PAGE
    return Page(tuple(found[first : first + ON_A_PAGE]), number, pages, len(found))


async def with_values(  # noqa: PLR0913  # The page, and what its rows are rendered with.
    metrics: AsyncMetricsHost,
    result_renderer: ResultRenderer,
    actor: Actor,
    page: Page,
    *,
    cards: Mapping[str, Card],
    zone: str,
    now: datetime,
) -> Page:
    """Return a page with the stored value, the state and the past values of each metric.

    Args:
        metrics: The framework.
        result_renderer: Renders the values.
        actor: The person who reads the list.
        page: The page.
        cards: The cards of its metrics.
        zone: The time zone of the account.
        now: The current instant.
    """
    own = [cards[line.metric.id] for line in page.lines]
    # A series by period has its past values itself.
    past = [card.metric_id for card in own if card.result and not by_period(card.result)]
    history = await metrics.metrics.histories(actor, past, last=MOST_VALUES)

    def row(line: MetricRow, card: Card) -> MetricRow:
        metric = line.metric
        placed = PlacedCard(metric.id, "", "", "", metric.id, metric.display)
        view = card_view(placed, card, result_renderer, zone, now)
        if card.result is not None and by_period(card.result):
            period = period_headline(card.result, metric.display)
            return replace(line, card=view, spark=period_sparkline(card.result), period=period)
        return replace(line, card=view, spark=history_sparkline(history.get(metric.id, ()), zone))

    def rows() -> tuple[MetricRow, ...]:
        return tuple(row(line, card) for line, card in zip(page.lines, own, strict=True))

    return replace(page, lines=await run_in_threadpool(rows))


def _sort_key(sort: MetricSort, line: MetricRow, card: Card | None) -> Any:  # noqa: ANN401  # What is compared.
    name = line.metric.name.casefold()
    match sort:
        case MetricSort.SOURCE:
            return line.source.casefold(), name
        case MetricSort.ANSWERS:
            return card.result.current.answered if card and card.result else -1
        case MetricSort.AGE:
            return card.as_of if card and card.as_of else _NEVER
        case _:
            return name


def _searched(line: MetricRow) -> str:
    metric = line.metric
    parts = (metric.name, line.source, metric.definition.type, line.measures)
    return "\n".join(parts).casefold()
