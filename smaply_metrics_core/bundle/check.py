"""Recalculates the metrics of a debug bundle from its raw data, and compares stored results."""

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
from smaply_metrics_core.sources.source import Source

SECONDS: Final = 1800.0
"""The time that a source has for one check."""

_LONGEST_REFRESH: Final = timedelta(hours=1)
"""The maximum time between resolving a range and reading the data."""

_EXCHANGE_FILE: Final = TypeAdapter(tuple[Exchange, ...])

Fact = float | str | None


class RecomputeStatus(StrEnum):
    """The outcome of comparing one metric."""

    AGREES = "agrees"
    """The results, or the errors, are the same."""
    DIFFERS = "differs"
    NOT_RECOMPUTED = "not_recomputed"
    """It cannot be calculated from the bundle; ``error`` says why."""
    NOTHING_STORED = "nothing_stored"
    """There was no stored value for the current definition to compare with."""


@dataclass(frozen=True)
class ResultDifference:
    """One fact that differs; ``what`` is its name, as in ``current.excluded.unfinished``."""

    what: str
    stored: Fact
    recomputed: Fact


@dataclass(frozen=True)
class MetricCheck:
    """One metric of a bundle.

    Attributes:
        bundled: The metric in the bundle.
        stored: Its last good value, if it belongs to the current definition.
        as_of: The instant for which it was recalculated.
        recomputed: The result from the raw data.
        error: Why there is no result from the raw data.
        differences: The facts that differ between the two results.
    """

    bundled: BundledMetric
    stored: Result | None
    as_of: datetime
    recomputed: Result | None
    error: Problem | None
    differences: tuple[ResultDifference, ...]

    @property
    def verdict(self) -> RecomputeStatus:
        """The outcome of the comparison."""
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
    """The outcome of checking a bundle.

    Attributes:
        manifest: What the bundle is about.
        versions: The versions of the distributions that wrote the bundle.
        metrics: The metrics, in the order of the bundle.
        problems: The problems that occurred while the bundle was written.
        exchange: The requests that failed or got no response while it was written.
    """

    manifest: Manifest
    versions: Mapping[str, str]
    metrics: tuple[MetricCheck, ...]
    problems: tuple[Problem, ...]
    exchange: tuple[Exchange, ...]

    @property
    def agrees(self) -> bool:
        """Whether no value differs, and every stored one could be recalculated."""
        agreeing = {RecomputeStatus.AGREES, RecomputeStatus.NOTHING_STORED}
        return all(checked.verdict in agreeing for checked in self.metrics)


class BundleClock(SystemClock):
    """A clock fixed at an instant in the past; waiting returns immediately."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Return the instant."""
        return self._instant

    def wait(self, seconds: float, stop: threading.Event) -> bool:  # noqa: ARG002  # As a Clock.
        """Return immediately."""
        return stop.is_set()


def check_bundle(reader: BundleReader, source: Source) -> BundleCheck:
    """Recalculate every metric of a bundle, and compare with the results stored in the bundle.

    Each value is recalculated for the instant at which the stored one was read: its range is
    resolved at that time, and later responses are not in the bundle. A metric that cannot be
    recalculated gets an ``error``; nothing is raised.

    Args:
        reader: The bundle.
        source: The source of the bundle; counting may take 30 minutes in total.

    Raises:
        InputError: when a file that the framework wrote into the bundle cannot be read.
    """
    bundled = reader.read(METRICS, METRICS_FILE)
    until = SystemClock().monotonic() + SECONDS
    by_instant: dict[datetime, list[_BundledQuery]] = {}
    for number, one in enumerate(bundled):
        query = _BundledQuery(str(number), one, reader.manifest)
        by_instant.setdefault(query.as_of, []).append(query)
    found: dict[str, MetricCheck] = {}
    for as_of, together in by_instant.items():
        deadline = Deadline(BundleClock(as_of), until)
        for query, outcome in _recompute(reader, source, deadline, together):
            found[query.id] = _compare(query, outcome)
    return BundleCheck(
        manifest=reader.manifest,
        versions=reader.read(VERSIONS, VERSIONS_FILE) if VERSIONS in reader.names else {},
        metrics=tuple(found[str(number)] for number in range(len(bundled))),
        problems=tuple(problems_in(reader)),
        exchange=tuple(_failed_exchange(reader)),
    )


class _BundledQuery:
    """The query of a metric in the bundle."""

    def __init__(self, query_id: str, bundled: BundledMetric, manifest: Manifest) -> None:
        definition = bundled.metric.definition
        self._account = AccountSettings(
            manifest.zone, manifest.week_start, minimum_group=manifest.minimum_group
        )
        wanted = self._account.fingerprint(definition)
        self.id = query_id
        self.bundled = bundled
        self.stored = bundled.result if bundled.fingerprint == wanted else None
        self.as_of = manifest.made_at if self.stored is None else self.stored.as_of

    @property
    def rows(self) -> dict[str, str]:
        """The texts of the rows of a metric that is grouped by row, as of the stored value.

        Without one, they are those of the time when the metric was created.
        """
        if self.stored is not None:
            return {group.key: group.label for group in self.stored.groups}
        metric = self.bundled.metric
        named = {question_id for _, question_id in metric.definition.named_questions()}
        return {
            question_id: known.text or known.name or question_id
            for question_id, known in metric.questions.items()
            if question_id not in named
        }

    def query(self) -> MetricQuery:
        """Return the query, with its range resolved as it was for the stored value."""
        definition = self.bundled.metric.definition
        now = self.as_of
        if self.stored is not None and ends_now(definition.range):
            # The range was resolved shortly before the data was read, and ended at that instant.
            end = self.stored.current.window.end
            if end is not None and timedelta() <= now - end <= _LONGEST_REFRESH:
                now = end
        return self._account.make_query(self.id, definition, now=now)


def _recompute(
    reader: BundleReader, source: Source, deadline: Deadline, together: Sequence[_BundledQuery]
) -> Iterator[tuple[_BundledQuery, Result | MetricsError]]:
    queries: dict[str, MetricQuery] = {}
    for bundled in together:
        try:
            queries[bundled.id] = bundled.query()
        except MetricsError as error:
            yield bundled, error
    remaining = [bundled for bundled in together if bundled.id in queries]
    try:
        with source.offline(deadline=deadline) as session:
            tallies = session.recompute(
                reader.manifest.survey_id,
                tuple(queries.values()),
                reader,
                {bundled.id: bundled.rows for bundled in remaining},
            )
    except MetricsError as error:
        yield from ((bundled, error) for bundled in remaining)
        return
    for bundled in remaining:
        tally = tallies[bundled.id]
        if isinstance(tally, MetricsError):
            yield bundled, tally
            continue
        try:
            yield (
                bundled,
                calculate(
                    queries[bundled.id],
                    tally,
                    deadline.clock.now(),
                    question_changes=bundled.stored.question_changes if bundled.stored else (),
                ),
            )
        except MetricsError as error:
            yield bundled, error


def _compare(query: _BundledQuery, outcome: Result | MetricsError) -> MetricCheck:
    recomputed = None if isinstance(outcome, MetricsError) else outcome
    return MetricCheck(
        bundled=query.bundled,
        stored=query.stored,
        as_of=query.as_of,
        recomputed=recomputed,
        error=outcome.to_problem() if isinstance(outcome, MetricsError) else None,
        differences=tuple(_differences(query.stored, recomputed))
        if query.stored is not None and recomputed is not None
        else (),
    )


def _differences(stored: Result, recomputed: Result) -> Iterator[ResultDifference]:
    before, after = dict(_facts(stored)), dict(_facts(recomputed))
    for what in dict.fromkeys((*before, *after)):
        # A missing exclusion reason means that no response was excluded for it.
        default = 0 if ".excluded." in what else None
        one, other = before.get(what, default), after.get(what, default)
        if not _same(one, other):
            yield ResultDifference(what, one, other)


def _same(one: Fact, other: Fact) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other


def _facts(result: Result) -> Iterator[tuple[str, Fact]]:
    """Yield the facts that must be equal.

    The reasons why counted responses have no answer are not compared: a raw export does not
    distinguish a question that was seen from one that was not shown. Their number follows from the
    other facts.
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
        yield f"{name}.effective_n", group.effective_n
    yield "ungrouped", result.ungrouped


def _window_facts(name: str, result: WindowResult) -> Iterator[tuple[str, Fact]]:
    window = result.window
    yield f"{name}.value", result.value
    yield f"{name}.responses", result.responses
    yield f"{name}.answered", result.answered
    yield f"{name}.effective_n", result.effective_n
    yield f"{name}.recorded", result.recorded
    for reason, count in sorted(result.excluded.items()):
        yield f"{name}.excluded.{reason}", count
    yield f"{name}.start", window.start.isoformat() if window.start else None
    yield f"{name}.end", window.end.isoformat() if window.end else None


def _failed_exchange(reader: BundleReader) -> Iterator[Exchange]:
    if EXCHANGE in reader.names:
        for one in reader.read(EXCHANGE, _EXCHANGE_FILE):
            if one.error or one.status is None or one.status >= HTTPStatus.BAD_REQUEST:
                yield one
