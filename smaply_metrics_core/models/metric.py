"""Metrics as they are stored, and cards as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from smaply_metrics_core.models.base import Finite, Frozen
from smaply_metrics_core.models.entered import EnteredModel
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.query import Definition
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import KnownQuestion

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]


class ChartType(StrEnum):
    """How a card draws its value."""

    NUMBER = "number"
    GAUGE = "gauge"
    BAR = "bar"
    HORIZONTAL_BAR = "horizontal_bar"
    PIE = "pie"
    LINE = "line"
    TABLE = "table"
    COMPARISON = "comparison"
    BAR_COMPARISON = "bar_comparison"


class IntervalVisibility(StrEnum):
    """Whether charts show the intervals of their values."""

    AUTOMATIC = "automatic"
    """If a value is based on few answers."""
    ALWAYS = "always"
    NEVER = "never"


class Display(EnteredModel):
    """How a metric is shown; it does not affect the value.

    ``chart`` is ``None`` for the default of the metric's type. ``intervals`` applies to bars and
    lines.
    """

    chart: ChartType | None = None
    heading: str = ""
    subheading: str = ""
    target: Finite | None = None
    prefix: str = ""
    suffix: str = ""
    reverse_colors: bool = False
    latest_as_headline: bool = False
    start_at_zero: bool = False
    titles_on_right: bool = False
    intervals: IntervalVisibility = IntervalVisibility.AUTOMATIC


class Metric(Frozen):
    """A metric in a workspace of an account.

    Attributes:
        source: The id of the source.
        connection_id: The connection to the source. If it was deleted, the next connection of the
            account to the same source adopts the metric.
        questions: The names and texts, by id, of the questions that the definition refers to. They
            identify a question after it was deleted in the survey tool.
        version: Incremented by each edit, to detect conflicting edits.
    """

    id: str
    workspace: str
    name: Name
    source: str
    connection_id: str = ""
    definition: Definition
    display: Display = Display()
    questions: Mapping[str, KnownQuestion] = Field(default_factory=dict)
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Freshness(StrEnum):
    """How current a card is."""

    FRESH = "fresh"
    """The last refresh attempt succeeded and is not older than an hour."""
    REFRESHING = "refreshing"
    """A refresh is in progress; the card shows the last good value."""
    STALE = "stale"
    """A refresh is due or postponed; the card shows the last good value."""
    FAILED = "failed"
    """The last refresh attempt failed; the card shows the last good value if there is one."""
    NEVER = "never"
    """The metric has never been refreshed."""
    NOT_CONNECTED = "not_connected"
    """The connection of the metric was deleted."""
    NOT_CHOSEN = "not_chosen"
    """An Admin restricted the connection to other surveys; the card shows the last good value."""


class RefreshDecisionKind(StrEnum):
    """What to do with a metric on load."""

    DUE = "due"
    """Refresh it."""
    FRESH = "fresh"
    """The value is current."""
    RESTING = "resting"
    """Its whole connection is paused."""
    FAILED_RESTING = "failed_resting"
    """The last refresh attempt failed too recently to retry."""
    IN_FLIGHT = "in_flight"
    """A refresh of its survey is running; wait for it and decide again."""
    NOT_CHOSEN = "not_chosen"
    """Its survey is not one of those that an Admin chose; it is never due."""


class RefreshProgress(Frozen):
    """A refresh in progress, in any process; ``percent`` is ``None`` if it is not known."""

    started_at: datetime
    percent: Finite | None = None


class Card(Frozen):
    """A metric with its value and state, as a page shows it.

    Attributes:
        connection_id: The metric's connection to the source; empty if it was deleted.
        connection: The name of this connection.
        result: The last good value for the current definition; ``None`` if there is none.
        text: The current value as text (NPS as a whole number, averages with one decimal, shares
            as whole percent).
        as_of: When the data of ``result`` was read.
        running: The refresh in progress; ``None`` if none is running.
        problem: Why the card is not fresh or has no value, with the remedy.
        decision: The decision of the refresh policy; ``None`` if the metric is not connected.
        next_at: When the next refresh is due.
        explanation: Why the metric was or was not refreshed, as a sentence.
    """

    metric_id: str
    name: str
    source: str
    connection_id: str = ""
    connection: str = ""
    type: str
    display: Display
    result: Result | None = None
    text: str = ""
    as_of: datetime | None = None
    freshness: Freshness
    running: RefreshProgress | None = None
    problem: Problem | None = None
    decision: RefreshDecisionKind | None = None
    next_at: datetime | None = None
    explanation: str = ""
