"""The files that the framework writes into a debug bundle, as models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, TypeAdapter, model_validator

from smaply_metrics_core.date_ranges import zone_info
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.query import YEARS
from smaply_metrics_core.models.result import Result

MANIFEST: Final = "bundle.json"
METRICS: Final = "metrics.json"
EXCHANGE: Final = "exchange.json"
VERSIONS: Final = "versions.json"
FAILURE: Final = "failure.json"
"""The problem that ended the export of the source early."""
PROBLEMS: Final = "problem.json"
"""The problems that the source itself recorded: one, or a list."""


def _instant(value: datetime) -> datetime:
    """Raise for a time without a zone, or in a year that date ranges do not support."""
    if value.tzinfo is None or value.year not in YEARS:
        raise ValueError("it must be a time from 1900 to 2199 with a time zone")
    return value


def _zone(name: str) -> str:
    """Raise for an unknown time zone."""
    try:
        zone_info(name)
    except InputError as error:
        raise ValueError(error.message) from None
    return name


Instant = Annotated[AwareDatetime, AfterValidator(_instant)]


class Manifest(Frozen):
    """What a bundle is about.

    Attributes:
        format: The version of the format; it increases with incompatible changes.
        source: The id of the source.
        survey_id: The id of the survey.
        zone: The time zone of the account.
        week_start: The first day of the account's week, ISO: 1 = Monday … 7 = Sunday.
        minimum_group: The fewest answers of a group that the account shows; 0 shows all. The
            bundle has all groups; summaries of it do not.
        include_personal: Whether columns with personal data were requested.
        made_at: When the export of the bundle started.
    """

    format: Literal[1] = 1
    source: str
    survey_id: str
    zone: Annotated[str, AfterValidator(_zone)]
    week_start: Annotated[int, Field(ge=1, le=7)]
    minimum_group: Annotated[int, Field(ge=0)] = 0
    include_personal: bool
    made_at: Instant


class BundledAttempt(Frozen):
    """The last refresh attempt of a metric; ``ended_at`` is ``None`` while it runs."""

    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    problem: Problem | None = None


class BundledDecision(Frozen):
    """The decision of the refresh policy when the bundle was written.

    ``next_at`` is when the metric is due.
    """

    kind: str
    reason: str
    next_at: AwareDatetime | None = None


class BundledMetric(Frozen):
    """One metric of the survey.

    Attributes:
        metric: The metric.
        result: Its last good value.
        fingerprint: The fingerprint of that value; it differs from the metric's own when the
            definition has changed since.
        attempt: Its last refresh attempt.
        decision: The decision of the refresh policy; ``None`` without a connection.
    """

    metric: Metric
    result: Result | None = None
    fingerprint: str | None = None
    attempt: BundledAttempt | None = None
    decision: BundledDecision | None = None

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.result is not None:
            _instant(self.result.as_of)
            for result in filter(None, (self.result.current, self.result.previous)):
                for edge in filter(None, (result.window.start, result.window.end)):
                    if edge.tzinfo is None:
                        raise ValueError("a window has no time zone")
        return self


_LATER: Final = ConfigDict(defer_build=True)

METRICS_FILE: Final = TypeAdapter(tuple[BundledMetric, ...], config=_LATER)
VERSIONS_FILE: Final = TypeAdapter(Mapping[str, str], config=_LATER)
PROBLEMS_FILE: Final = TypeAdapter(Problem | tuple[Problem, ...], config=_LATER)
