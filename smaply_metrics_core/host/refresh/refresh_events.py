"""The events of a refresh that has ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from smaply_metrics_core.host.store.events import EventKind, MetricsEvent
from smaply_metrics_core.host.store.leases import Lease
from smaply_metrics_core.host.store.metric_states import MetricState, StoredValue
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally


def refresh_events(  # noqa: PLR0913, PLR0917  # The outcome of a refresh.
    lease: Lease,
    waiting: Sequence[MetricState],
    saved: Collection[str],
    problems: Mapping[str, Problem | None],
    values: Mapping[str, tuple[str, Result, Tally]],
    now: datetime,
) -> Iterator[MetricsEvent]:
    """Yield an event for each changed value, and one for the end of the refresh.

    Args:
        lease: The lease of the refresh.
        waiting: The metrics with their values before the refresh.
        saved: The ids of the metrics whose outcomes were saved.
        problems: The problem of each metric; ``None`` for those with a new value.
        values: The new values.
        now: The current time.
    """
    common: dict[str, Any] = {
        "id": 0,
        "account": lease.account,
        "at": now,
        "connection_id": lease.connection_id,
        "survey_id": lease.survey_id,
    }
    found = [problems[state.id] for state in waiting if state.id in saved]
    failures = [problem for problem in found if problem is not None]
    for state in waiting:
        if state.id not in saved or state.id not in values:
            continue
        result = values[state.id][1]
        if _has_changed(state.value, state.fingerprint, result):
            yield MetricsEvent(
                **common, kind=EventKind.VALUE_CHANGED, metric_id=state.id, as_of=result.as_of
            )
    yield MetricsEvent(
        **common,
        kind=EventKind.REFRESH_ENDED,
        updated=len(found) - len(failures),
        failed=len(failures),
        problem=failures[0] if failures else None,
    )


def _has_changed(before: StoredValue | None, fingerprint: str, result: Result) -> bool:
    """Whether a value differs from the one before, apart from the dates of data and windows."""
    if before is None or before.fingerprint != fingerprint:
        return True
    return _content(before.result) != _content(result)


def _content(result: Result) -> dict[str, Any]:
    return result.model_dump(exclude={"as_of": True, "current": {"window"}, "previous": {"window"}})
