"""Calculating the metrics of a debug bundle anew from its raw data, against what was stored."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from pydantic import TypeAdapter

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.bundle.contents import (
    EXCHANGE,
    METRICS,
    METRICS_FILE,
    VERSIONS,
    VERSIONS_FILE,
    BundledMetric,
    Manifest,
)
from smaply_metrics_core.bundle.reader import BundleReader, problems_in
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.context import Deadline, SystemClock
from smaply_metrics_core.date_ranges import ends_now
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.http import Exchange
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.result import Result, WindowResult
from smaply_metrics_core.sources import Source

SECONDS: Final = 1800.0
"""For everything that a source counts in one check."""

_LONGEST_REFRESH: Final = timedelta(hours=1)
"""More than this cannot lie between resolving a range and reading the data."""

_EXCHANGE_FILE: Final = TypeAdapter(tuple[Exchange, ...])

Fact = float | str | None


class RecomputeStatus(StrEnum):
    """What comparing one metric came to."""

    AGREES = "agrees"
    """The same, or the same error."""
    DIFFERS = "differs"
    NOT_RECOMPUTED = "not_recomputed"
    """It cannot be calculated from the bundle; ``error`` says why."""
    NOTHING_STORED = "nothing_stored"
    """There was no value for the metric as it is; the recomputed one stands alone."""


@dataclass(frozen=True)
class ResultDifference:
    """One fact that is not the same; ``what`` names it, as in ``current.excluded.unfinished``."""

    what: str
    stored: Fact
    recomputed: Fact


@dataclass(frozen=True)
class MetricCheck:
    """One metric of a bundle.

    Attributes:
        bundled: It, as the bundle has it.
        stored: Its last good value, if that was measured for the metric as it is.
        as_of: The instant as of which it was recomputed.
        recomputed: What the raw data gives.
        error: Why the raw data gives nothing.
    """

    bundled: BundledMetric
    stored: Result | None
    as_of: datetime
    recomputed: Result | None
    error: Problem | None
    differences: tuple[ResultDifference, ...]

    @property
    def verdict(self) -> RecomputeStatus:
        """Whether stored and recomputed agree."""
        if self.recomputed is None:
            attempt = self.bundled.attempt
            known = attempt.problem if attempt is not None and self.stored is None else None
            same = known is not None and self.error is not None and known.kind == self.error.kind
            return RecomputeStatus.AGREES if same else RecomputeStatus.NOT_RECOMPUTED
        if self.stored is None:
            return RecomputeStatus.NOTHING_STORED
        return RecomputeStatus.DIFFERS if self.differences else RecomputeStatus.AGREES


@dataclass(frozen=True)
class BundleCheck:
    """What checking a bundle came to.

    Attributes:
        versions: What made the bundle, by distribution.
        metrics: In the order of the bundle.
        problems: What went wrong while the bundle was made.
        exchange: The requests of that time whose answer was no success, or none.
    """

    manifest: Manifest
    versions: Mapping[str, str]
    metrics: tuple[MetricCheck, ...]
    problems: tuple[Problem, ...]
    exchange: tuple[Exchange, ...]

    @property
    def agrees(self) -> bool:
        """Whether no value differs, and each that was stored could be recomputed."""
        agreeing = {RecomputeStatus.AGREES, RecomputeStatus.NOTHING_STORED}
        return all(checked.verdict in agreeing for checked in self.metrics)


class BundleClock(SystemClock):
    """A clock that stands still at an instant of the past; there is nothing to wait for."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Return the instant."""
        return self._instant

    def wait(self, seconds: float, stop: threading.Event) -> bool:  # noqa: ARG002  # As a Clock.
        """Return at once."""
        return stop.is_set()


def check_bundle(reader: BundleReader, source: Source) -> BundleCheck:
    """Calculate every metric of a bundle anew, and compare with what the bundle says was stored.

    Each value is recomputed as of the instant at which the stored one was read: its range is
    resolved at that time, and responses that were recorded later are not there. What cannot be
    recomputed is a metric's own error and raises nothing.

    Args:
        reader: The bundle.
        source: The source that the bundle is of; it has 30 minutes for all of its counting.

    Raises:
        InputError: when what the framework wrote into the bundle cannot be read.
    """
    bundled = reader.read(METRICS, METRICS_FILE)
    until = SystemClock().monotonic() + SECONDS
    by_instant: dict[datetime, list[_BundledQuery]] = {}
    for number, one in enumerate(bundled):
        asked = _BundledQuery(str(number), one, reader.manifest)
        by_instant.setdefault(asked.as_of, []).append(asked)
    found: dict[str, MetricCheck] = {}
    for as_of, together in by_instant.items():
        deadline = Deadline(BundleClock(as_of), until)
        for asked, outcome in _recompute(reader, source, deadline, together):
            found[asked.id] = _compare(asked, outcome)
    return BundleCheck(
        manifest=reader.manifest,
        versions=reader.read(VERSIONS, VERSIONS_FILE) if VERSIONS in reader.names else {},
        metrics=tuple(found[str(number)] for number in range(len(bundled))),
        problems=tuple(problems_in(reader)),
        exchange=tuple(_failed_exchange(reader)),
    )


class _BundledQuery:
    """A metric of the bundle as a query."""

    def __init__(self, query_id: str, bundled: BundledMetric, manifest: Manifest) -> None:
        definition = bundled.metric.definition
        self._account = AccountSettings(manifest.zone, manifest.week_start)
        wanted = self._account.fingerprint(definition)
        self.id = query_id
        self.bundled = bundled
        self.stored = bundled.result if bundled.fingerprint == wanted else None
        self.as_of = manifest.made_at if self.stored is None else self.stored.as_of

    def query(self) -> MetricQuery:
        """Resolve its range as it was resolved when the value was stored."""
        definition = self.bundled.metric.definition
        now = self.as_of
        if self.stored is not None and ends_now(definition.range):
            # Resolved a moment before the data was read: such a window ended at that very moment.
            end = self.stored.current.window.end
            if end is not None and timedelta() <= now - end <= _LONGEST_REFRESH:
                now = end
        return self._account.make_query(self.id, definition, now=now)


def _recompute(
    reader: BundleReader, source: Source, deadline: Deadline, together: Sequence[_BundledQuery]
) -> Iterator[tuple[_BundledQuery, Result | MetricsError]]:
    queries: dict[str, MetricQuery] = {}
    for asked in together:
        try:
            queries[asked.id] = asked.query()
        except MetricsError as error:
            yield asked, error
    remaining = [asked for asked in together if asked.id in queries]
    try:
        with source.offline(deadline=deadline) as session:
            tallies = session.recompute(reader.manifest.survey_id, tuple(queries.values()), reader)
    except MetricsError as error:
        yield from ((asked, error) for asked in remaining)
        return
    for asked in remaining:
        tally = tallies[asked.id]
        if isinstance(tally, MetricsError):
            yield asked, tally
            continue
        try:
            yield asked, calculate(queries[asked.id], tally, deadline.clock.now())
        except MetricsError as error:
            yield asked, error


def _compare(asked: _BundledQuery, outcome: Result | MetricsError) -> MetricCheck:
    recomputed = None if isinstance(outcome, MetricsError) else outcome
    return MetricCheck(
        bundled=asked.bundled,
        stored=asked.stored,
        as_of=asked.as_of,
        recomputed=recomputed,
        error=outcome.to_problem() if isinstance(outcome, MetricsError) else None,
        differences=tuple(_differences(asked.stored, recomputed))
        if asked.stored is not None and recomputed is not None
        else (),
    )


def _differences(stored: Result, recomputed: Result) -> Iterator[ResultDifference]:
    before, after = dict(_facts(stored)), dict(_facts(recomputed))
    for what in dict.fromkeys((*before, *after)):
        # Reasons that nothing was left out for are not told: absent is zero.
        default = 0 if ".excluded." in what else None
        one, other = before.get(what, default), after.get(what, default)
        if not _same(one, other):
            yield ResultDifference(what, one, other)


def _same(one: Fact, other: Fact) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


def _facts(result: Result) -> Iterator[tuple[str, Fact]]:
    """Yield what has to be the same.

    Why responses that count have no answer is not: a raw export does not tell a question that was
    seen from one that was not shown. How many have none follows from the rest.
    """
    yield "type", result.type
    yield "calculation", result.calculation
    yield "unit", result.unit
    yield from _window_facts("current", result.current)
    if result.previous is not None:
        yield from _window_facts("previous", result.previous)
    if result.change is not None:
        yield "change.difference", result.change.difference
        yield "change.percent", result.change.percent
    for group in result.groups:
        name = f"groups.{group.key}"
        yield f"{name}.value", group.value
        yield f"{name}.responses", group.responses
        yield f"{name}.answered", group.answered
    yield "ungrouped", result.ungrouped


def _window_facts(name: str, measured: WindowResult) -> Iterator[tuple[str, Fact]]:
    window = measured.window
    yield f"{name}.value", measured.value
    yield f"{name}.responses", measured.responses
    yield f"{name}.answered", measured.answered
    yield f"{name}.recorded", measured.recorded
    for reason, count in sorted(measured.excluded.items()):
        yield f"{name}.excluded.{reason}", count
    yield f"{name}.start", window.start.isoformat() if window.start else None
    yield f"{name}.end", window.end.isoformat() if window.end else None


def _failed_exchange(reader: BundleReader) -> Iterator[Exchange]:
    if EXCHANGE in reader.names:
        for one in reader.read(EXCHANGE, _EXCHANGE_FILE):
            if one.error or one.status is None or one.status >= HTTPStatus.BAD_REQUEST:
                yield one
