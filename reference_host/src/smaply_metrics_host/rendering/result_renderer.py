"""Renders a result with its display settings as text, table and chart; cached."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from smaply_metrics_core import charts
from smaply_metrics_core.charts import DataTable, Headline
from smaply_metrics_core.host import (
    CALCULATIONS,
    ENTERED,
    ChartType,
    Display,
    MetricType,
    Result,
    count_text,
    describe_answers,
    describe_responses,
    describe_weights,
)

MAX_RESULTS: Final = 2000
"""Cached results, about 5 kB each: up to 10 MB."""
DIGEST_LENGTH: Final = 16


@dataclass(frozen=True)
class RenderedResult:
    """A result as a card shows it, the same for every reader.

    Attributes:
        digest: The digest of the result, the display settings and the time zone.
        chart: The chart type.
        drawn: Whether it has a chart; a number, a table and a comparison are text only.
        counted: The number of answers, such as ``n = 128`` or, for a share, ``of 128 answers``.
        formula: The formula and the number of answers, where the name of the calculation does not
            say it; else empty.
        covered: The dates.
        entered: Who entered the values and when; empty if they were not entered.
        few: The values with a low sample; empty without any.
        summary: The result in one sentence, for screen readers.
        told: Details: counted and excluded responses, counted answers, scale, notes.
    """

    digest: str
    result: Result
    display: Display
    zone: str
    chart: ChartType
    drawn: bool
    headline: Headline
    counted: str
    formula: str
    covered: str
    entered: str
    few: str
    summary: str
    table: DataTable
    told: tuple[str, ...]


class ResultRenderer:
    """Renders results, with an LRU cache. Thread-safe."""

    def __init__(self, maxsize: int = MAX_RESULTS) -> None:
        self._cache = LRUCache[str, RenderedResult](maxsize)
        self._lock = threading.Lock()

    def render(self, result: Result, display: Display, zone: str) -> RenderedResult:
        """Return the rendered result.

        Args:
            result: The result.
            display: The display settings.
            zone: The account's time zone, for dates.
        """
        content = f"{result.model_dump_json()}\n{display.model_dump_json()}\n{zone}"
        digest = hashlib.sha256(content.encode()).hexdigest()[:DIGEST_LENGTH]
        with self._lock:
            rendered = self._cache.get(digest)
        if rendered is None:
            rendered = _render(digest, result, display, zone)
            with self._lock:
                self._cache[digest] = rendered
        return rendered


def _render(digest: str, result: Result, display: Display, zone: str) -> RenderedResult:
    return RenderedResult(
        digest=digest,
        result=result,
        display=display,
        zone=zone,
        chart=charts.default_chart(result, display),
        drawn=charts.vega_lite(result, display, zone=zone) is not None,
        headline=charts.headline(result, display, zone=zone),
        formula=result.formula if CALCULATIONS[result.calculation].ambiguous else "",
        counted=charts.answer_count_text(result),
        covered=charts.date_range_text(result.current.window, zone),
        entered=charts.entered_text(result, zone),
        few=charts.low_sample_text(result),
        summary=charts.summary(result, display, zone=zone),
        table=charts.data_table(result, display, zone=zone),
        told=tuple(_told(result)),
    )


def _told(result: Result) -> list[str]:
    before = result.previous if result.type is MetricType.COMPARISON else None
    hidden = charts.hidden_text(result)
    lines = [
        *charts.certainty(result),
        *filter(None, [result.formula]),
    ]
    if result.current.entered is not None:
        lines.append(f"Answers behind the value: {count_text(result.current)}")
    elif result.calculation not in ENTERED:
        lines.append(f"Responses: {describe_responses(result.current)}")
        lines.append(f"Answers: {describe_answers(result.current)}")
    lines += filter(None, [hidden[:1].upper() + hidden[1:]])
    if weights := describe_weights(result.current):
        lines.append(f"Weighted: {weights}")
    if before is not None and result.calculation not in ENTERED:
        lines.append(f"Responses in the previous period: {describe_responses(before)}")
    if result.counted:
        lines.append(f"Counted answers: {', '.join(result.counted)}")
    if result.scale:
        lines.append(f"Scale: {result.scale}")
    return [*lines, *result.notes]
