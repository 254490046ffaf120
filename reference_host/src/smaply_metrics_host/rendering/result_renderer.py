"""Renders a result with one display as text, table and chart; cached."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache

from smaply_metrics_core import charts
from smaply_metrics_core.charts import DataTable, Headline
from smaply_metrics_core.host import (
    ChartType,
    Display,
    MetricType,
    Result,
    describe_answers,
    describe_responses,
)

MAX_RESULTS: Final = 2000
"""Cached results: at some 5 kB each they take up to 10 MB."""
DIGEST_LENGTH: Final = 16


@dataclass(frozen=True)
class RenderedResult:
    """A result as a card shows it; the same for everybody.

    Attributes:
        digest: Of everything that it is made of; another one when anything changes.
        chart: What it is drawn as now.
        drawn: Whether that takes a drawing; a number, a table and a comparison are words alone.
        counted: How many answers stand behind it.
        covered: The dates.
        few: What rests on few answers; empty when nothing does.
        summary: All in one sentence, for those who do not see it.
        told: More about the number: who counts, what was counted, remarks.
    """

    digest: str
    result: Result
    display: Display
    zone: str
    chart: ChartType
    drawn: bool
    headline: Headline
    counted: str
    covered: str
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
        """Return a result as it is shown.

        Args:
            result: What was measured.
            display: How it is shown.
            zone: The account's time zone, for dates.
        """
        told = f"{result.model_dump_json()}\n{display.model_dump_json()}\n{zone}"
        digest = hashlib.sha256(told.encode()).hexdigest()[:DIGEST_LENGTH]
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
        counted=charts.answer_count_text(result),
        covered=charts.date_range_text(result.current.window, zone),
        few=charts.low_sample_text(result),
        summary=charts.summary(result, display, zone=zone),
        table=charts.data_table(result, display, zone=zone),
        told=tuple(_told(result)),
    )


def _told(result: Result) -> list[str]:
    before = result.previous if result.type is MetricType.COMPARISON else None
    lines = [
        f"Responses: {describe_responses(result.current)}",
        f"Answers: {describe_answers(result.current)}",
    ]
    if before is not None:
        lines.append(f"Responses before: {describe_responses(before)}")
    if result.counted:
        lines.append(f"Counted as a hit: {', '.join(result.counted)}")
    if result.scale:
        lines.append(f"Scale: {result.scale}")
    return [*lines, *result.notes]
