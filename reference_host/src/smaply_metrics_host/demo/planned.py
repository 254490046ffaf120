"""Metrics and journey maps to add to the demo's account."""

from __future__ import annotations

from dataclasses import dataclass

from smaply_metrics_core.host import (
    Calculation,
    DateRange,
    Definition,
    Display,
    GroupBy,
    MetricType,
)


@dataclass(frozen=True)
class Planned:
    """A metric to add; its display is that of its cards."""

    name: str
    workspace: str
    source: str
    definition: Definition
    display: Display


@dataclass(frozen=True)
class PlannedMap:
    """A map to add.

    Attributes:
        texts: By text lane, the texts of its cells, from the first stage to the last.
        cards: By data lane, the metrics in its cells, from the first stage to the last.
    """

    name: str
    workspace: str
    stages: tuple[str, ...]
    texts: dict[str, tuple[str, ...]]
    cards: dict[str, tuple[tuple[str, ...], ...]]


def number(
    survey: str, calculation: str, question: str = "", dates: str = "all_time"
) -> Definition:
    """Return the definition of a Number."""
    return _definition(MetricType.NUMBER, survey, calculation, question, dates)


def series(
    survey: str, calculation: str, question: str, group_by: str, dates: str = "all_time"
) -> Definition:
    """Return the definition of a Series."""
    return _definition(MetricType.SERIES, survey, calculation, question, dates, group_by)


def comparison(survey: str, calculation: str, question: str, dates: str) -> Definition:
    """Return the definition of a Comparison with the previous period."""
    return _definition(MetricType.COMPARISON, survey, calculation, question, dates)


def _definition(  # noqa: PLR0913, PLR0917  # The parts of a definition.
    kind: MetricType, survey: str, calculation: str, question: str, dates: str, group_by: str = ""
) -> Definition:
    return Definition(
        type=kind,
        survey_id=survey,
        question_id=question or None,
        calculation=Calculation(calculation),
        group_by=GroupBy.parse(group_by) if group_by else None,
        range=DateRange(preset=dates),
    )
