"""What a result looks like with one display: words, table and drawing, kept once they are made."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from smaply_metrics_core import charts
from smaply_metrics_core.host import MetricType, describe_answers, describe_responses
from smaply_metrics_host.latest import Latest

if TYPE_CHECKING:
    from smaply_metrics_core.charts import DataTable, Headline
    from smaply_metrics_core.host import ChartType, Display, Result

MOST_KEPT: Final = 2000
"""ResultRenderer that a process keeps: at some 5 kB each they take up to 10 MB."""
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
    """Makes faces, and keeps the latest. Threads may share it."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._kept: Latest[RenderedResult] = Latest(most)

    def of(self, result: Result, display: Display, zone: str) -> RenderedResult:
        """Give the face of a result.

        Args:
            result: What was measured.
            display: How it is shown.
            zone: The account's time zone, in which dates are said.
        """
        told = f"{result.model_dump_json()}\n{display.model_dump_json()}\n{zone}"
        digest = hashlib.sha256(told.encode()).hexdigest()[:DIGEST_LENGTH]
        return self._kept.get_or_make(digest, partial(_face, digest, result, display, zone))


def _face(digest: str, result: Result, display: Display, zone: str) -> RenderedResult:
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
