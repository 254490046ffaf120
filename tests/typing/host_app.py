"""A host app with public modules only. Only type checkers read this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from smaply_metrics_core.charts import DataTable, Headline, data_table, headline, vega_lite
from smaply_metrics_core.host import (
    Actor,
    AsyncMetricsHost,
    Calculation,
    Card,
    Connections,
    ConnectionView,
    Definition,
    Display,
    Freshness,
    GroupBy,
    Metric,
    MetricsError,
    MetricsHost,
    MetricType,
    Problem,
    Result,
    Role,
    Settings,
    SourceState,
)

ADMIN = Actor("acme", "ada", Role.ADMIN)


def connect(host: MetricsHost) -> ConnectionView:
    """Connect a source and show it."""
    assert_type(host.connections, Connections)
    view = host.connections.connect(ADMIN, "qualtrics", {"api_token": "t", "base_url": "b"})
    assert_type(view, ConnectionView)
    return view


def show(host: MetricsHost) -> None:
    """Load cards and show them."""
    for card in host.cards.load(ADMIN):
        assert_type(card, Card)
        assert_type(card.freshness, Freshness)
        assert_type(card.problem, Problem | None)
        if card.result is not None:
            draw(card.result, card.display)


def draw(result: Result, display: Display) -> None:
    """Use the charts."""
    assert_type(headline(result, display), Headline)
    assert_type(data_table(result, display, zone="Europe/Vienna"), DataTable)
    assert_type(vega_lite(result, display, theme="dark"), dict[str, Any] | None)
    assert_type(result.group_by, GroupBy | None)


def installed(host: MetricsHost) -> tuple[SourceState, ...]:
    """List the sources."""
    return host.sources.states()


def definition_of(metric: Metric) -> Definition:
    """Return the definition of a metric."""
    return metric.definition


async def show_async(host: AsyncMetricsHost) -> None:
    """Load cards on an event loop."""
    cards = await host.cards.load(ADMIN)
    for card in cards:
        assert_type(card, Card)


def problem_of(error: MetricsError) -> Problem:
    """Return an error as data."""
    return error.to_problem()


def open_host(home: Path) -> MetricsHost:
    """Open a host from the environment."""
    return MetricsHost(Settings.from_environment(home, account="acme"))


def mistakes(host: MetricsHost, card: Card) -> None:
    """Make mistakes that a type checker reports."""
    Actor("acme", "ada", "admin")  # type: ignore[arg-type]
    host.cards.load("ada")  # type: ignore[arg-type]
    Definition(survey_id="s")  # type: ignore[call-arg]
    Definition(survey_id="s", calculation=Calculation.NPS, type="number")  # type: ignore[arg-type]
    headline(card, card.display)  # type: ignore[arg-type]
    Display(chart="pie")  # type: ignore[arg-type]
    MetricType.RATIO.upper()  # type: ignore[attr-defined]
