"""What the framework itself writes into a debug bundle, as models that a check reads back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, TypeAdapter, model_validator

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
"""Why the source wrote less than it should have, or nothing: one problem."""
PROBLEMS: Final = "problem.json"
"""What the source itself met with: a problem or a list of them."""


def _instant(value: datetime) -> datetime:
    """Refuse what no calendar could be reckoned with."""
    if value.tzinfo is None or value.year not in YEARS:
        raise ValueError("it is no instant between 1900 and 2199 with a time zone")
    return value


def _zone(name: str) -> str:
    """Refuse a time zone that nobody knows."""
    try:
        zone_info(name)
    except InputError as error:
        raise ValueError(error.message) from None
    return name


Instant = Annotated[AwareDatetime, AfterValidator(_instant)]


class Manifest(Frozen):
    """What a bundle is about.

    Attributes:
        format: Grows when a reader has to change.
        source: The source's id.
        zone: The account's time zone, by which its metrics' days begin.
        week_start: The account's first day of the week, ISO: 1 = Monday … 7 = Sunday.
        include_personal: Whether columns about persons were asked for.
        made_at: When the bundle was begun.
    """

    format: Literal[1] = 1
    source: str
    survey_id: str
    zone: Annotated[str, AfterValidator(_zone)]
    week_start: Annotated[int, Field(ge=1, le=7)]
    include_personal: bool
    made_at: Instant


class BundledAttempt(Frozen):
    """The last update attempt of a metric; ``ended_at`` is None while it runs."""

    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    problem: Problem | None = None


class BundledDecision(Frozen):
    """What the refresh policy said when the bundle was made; ``next_at``: when it is due."""

    kind: str
    reason: str
    next_at: AwareDatetime | None = None


class BundledMetric(Frozen):
    """One metric on the survey.

    Attributes:
        result: Its last good value.
        fingerprint: What that was measured for: another one than the metric's own is an old value.
        decision: None without a connection.
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
            for measured in filter(None, (self.result.current, self.result.previous)):
                for edge in filter(None, (measured.window.start, measured.window.end)):
                    if edge.tzinfo is None:
                        raise ValueError("a window has no time zone")
        return self


METRICS_FILE: Final = TypeAdapter(tuple[BundledMetric, ...])
VERSIONS_FILE: Final = TypeAdapter(Mapping[str, str])
PROBLEMS_FILE: Final = TypeAdapter(Problem | tuple[Problem, ...])
