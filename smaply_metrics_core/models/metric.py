"""Metrics as people make them, and cards as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from smaply_metrics_core.models.base import Finite, Frozen
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


class Display(Frozen):
    """How a metric is shown; never changes a value, so changing it keeps the value.

    ``chart`` is ``None`` for the usual one of the metric's type.
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


class Metric(Frozen):
    """A metric of one workspace of an account.

    ``source`` is a source's id: the account has at most one connection to it, and connecting again
    re-attaches the metric. ``version`` grows with each edit, so that two Editors notice each other.
    ``questions`` says by id what the questions that it names were called when it was made: once one
    is deleted for good, nobody else knows.
    """

    id: str
    workspace: str
    name: Name
    source: str
    definition: Definition
    display: Display = Display()
    questions: Mapping[str, KnownQuestion] = Field(default_factory=dict)
    version: int = 1
    created_at: datetime
    updated_at: datetime


class Freshness(StrEnum):
    """How current a card is."""

    FRESH = "fresh"
    """The last update attempt succeeded and is not older than an hour."""
    REFRESHING = "refreshing"
    """An update is on its way; what is shown is the last good value."""
    STALE = "stale"
    """An update is due or postponed; what is shown is the last good value."""
    FAILED = "failed"
    """The last update attempt failed; what is shown is the last good value, if there is one."""
    NEVER = "never"
    """There has been no update yet."""
    NOT_CONNECTED = "not_connected"
    """The account has no connection to the metric's source."""


class RefreshProgress(Frozen):
    """An update that is being made, by whichever process: how much is done, if that is known."""

    started_at: datetime
    percent: Finite | None = None


class Card(Frozen):
    """What a page shows of a metric.

    Attributes:
        result: The last good value for the metric as it is now; ``None`` when there is none.
        text: The value of the present window as shown (NPS whole, averages with one decimal, shares
            whole percent).
        as_of: When the data of ``result`` was read.
        running: The update that is being made; ``None`` when there is none, or none has begun.
        problem: Why it is not fresh, or shows no number, with the remedy.
        next_at: The first instant at which the next update is due.
        explanation: Why it was or was not updated, in a sentence.
    """

    metric_id: str
    name: str
    source: str
    type: str
    display: Display
    result: Result | None = None
    text: str = ""
    as_of: datetime | None = None
    freshness: Freshness
    running: RefreshProgress | None = None
    problem: Problem | None = None
    next_at: datetime | None = None
    explanation: str = ""
