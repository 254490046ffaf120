"""Sessions with the source and a replay server, and queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import httpx

from plugins.limesurvey.tests.replay_server import HOST, PASSWORD, USER
from smaply_metrics_core import (
    Calculation,
    Deadline,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    MetricsError,
    MetricType,
    Tally,
    Weight,
    Window,
    WindowTally,
)
from smaply_metrics_core.testing import (
    AllowedDestinations,
    ManualClock,
    SourceRegistry,
    SourceSession,
)

ZONE: Final = "Europe/Vienna"
NOW: Final = datetime(2026, 12, 1, 12, tzinfo=UTC)
CREDENTIALS: Final[Mapping[str, str]] = {
    "address": HOST,
    "user": USER,
    "password": PASSWORD,
    "time_zone": ZONE,
}
Server = Callable[[httpx.Request], httpx.Response]


@contextmanager
def session(
    server: Server,
    credentials: Mapping[str, str] = CREDENTIALS,
    *,
    clock: ManualClock | None = None,
    deadline: Deadline | None = None,
) -> Iterator[SourceSession]:
    """Open a session with the source, as a host does."""
    clock = clock or ManualClock(NOW)
    registry = SourceRegistry(clock=clock, transport_factory=lambda: httpx.MockTransport(server))
    source = registry.get("limesurvey")
    with source.session(
        source.parse(credentials),
        account="a",
        allowed=AllowedDestinations(),
        deadline=deadline or Deadline.after(600, clock),
    ) as opened:
        yield opened


def query(
    survey_id: str,
    question: str | None,
    calculation: str,
    *,
    group_by: str = "",
    windows: tuple[Window, ...] = (Window(),),
    filters: Sequence[Filter] = (),
    include: Iterable[ExclusionReason] = (),
    zone: str = ZONE,
    weight: str = "",
) -> MetricQuery:
    """Return a query; ``group_by`` is a text, as in ``period:month``."""
    series = bool(group_by) or calculation == "distribution"
    return MetricQuery(
        id=f"{question} {calculation} {group_by}".strip(),
        definition=Definition(
            type=MetricType.SERIES if series else MetricType.NUMBER,
            survey_id=survey_id,
            question_id=question,
            calculation=Calculation(calculation),
            group_by=GroupBy.parse(group_by) if group_by else None,
            filters=tuple(filters),
            include=frozenset(include),
            weight=Weight.parse(weight) if weight else None,
        ),
        windows=windows,
        zone=zone,
    )


def fetch(
    server: Server, *queries: MetricQuery, credentials: Mapping[str, str] = CREDENTIALS
) -> list[Tally | MetricsError]:
    """Return the answers to queries of one survey."""
    with session(server, credentials) as opened:
        answers = opened.fetch(queries[0].definition.survey_id, queries)
    return [answers[one.id] for one in queries]


def count(
    server: Server, one: MetricQuery, credentials: Mapping[str, str] = CREDENTIALS
) -> WindowTally:
    """Return the current window of the answer to a query."""
    (tally,) = fetch(server, one, credentials=credentials)
    assert isinstance(tally, Tally), tally
    return tally.window("current")


def problem_of(server: Server, work: Callable[[SourceSession], object]) -> MetricsError:
    """Return the error of a call."""
    with session(server) as opened:
        try:
            found = work(opened)
        except MetricsError as error:
            return error
    errors = (
        [one for one in found.values() if isinstance(one, MetricsError)]
        if isinstance(found, Mapping)
        else []
    )
    assert errors, found
    return errors[0]
