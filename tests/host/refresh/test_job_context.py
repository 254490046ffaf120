"""What a job carries from the load that queued it to the worker that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace

from smaply_metrics_core.host.refresh.job_context import (
    JobContext,
    carrying_lock,
    context_of,
    job_context,
)
from smaply_metrics_core.host.store.queued_jobs import SCHEMA
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.correlation import correlated, correlation_id
from tests.host.child_processes import connected_host, fleet_in, until
from tests.host.conftest import KEY, VIEWER, postgresql_only
from tests.telemetry_recorder import recording

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.host.conftest import World


def test_a_lock_carries_the_correlation_id() -> None:
    """Each lock is unique, and has no trace without telemetry."""
    with correlated("web-1"):
        first, second = carrying_lock(), carrying_lock()
    assert first != second
    assert context_of(first) == context_of(second) == JobContext("web-1")


@pytest.mark.parametrize("lock", [None, "", "something else", "correlation::0123456789abcdef"])
def test_a_lock_may_carry_nothing(lock: str | None) -> None:
    """Jobs of other releases, and of loads without an ID, run in a trace of their own."""
    assert context_of(lock) == JobContext()
    with recording() as recorder:
        with job_context(lock), telemetry.span("refresh"):
            assert correlation_id()
        (span,) = recorder.spans("refresh")
    assert span.parent is None


@pytest.mark.parametrize("known", ["", "web-1"])
def test_a_lock_carries_the_trace(known: str) -> None:
    """It is restored where there is telemetry; a release without it finds the correlation ID."""
    with recording() as recorder:
        with correlated(known) as current, telemetry.span("load"):
            lock = carrying_lock()
        with job_context(lock), telemetry.span("refresh"):
            assert carrying_lock() != lock
            assert correlation_id() == current
        assert trace.get_current_span() is trace.INVALID_SPAN
        (load,), (refresh,) = recorder.spans("load"), recorder.spans("refresh")
    assert is_child(refresh, load)
    # How the release before traces read a lock.
    assert lock.removeprefix("correlation:").rpartition(":")[0] == current
    with job_context(lock), telemetry.span("refresh"):
        assert correlation_id() == current


def test_a_damaged_trace_is_ignored() -> None:
    """The refresh is a trace of its own."""
    with recording() as recorder:
        with job_context("correlation:web-1:00-damaged-01.0123"), telemetry.span("refresh"):
            pass
        (span,) = recorder.spans("refresh")
    assert span.parent is None
    assert (span.attributes or {})["smaply_metrics.correlation_id"] == "web-1"


@postgresql_only
def test_the_refresh_of_a_worker_is_a_child_of_the_load(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs of a load carry its span through the queue; those of an earlier release run too."""
    monkeypatch.setenv("SMAPLY_METRICS_ENCRYPTION_KEYS", KEY)
    with (
        recording() as recorder,
        fleet_in(tmp_path, world.database, "procrastinate") as fleet,
        connected_host(fleet) as host,
    ):
        host.cards.load(VIEWER)
        world.query(
            f"UPDATE {SCHEMA}.procrastinate_jobs SET lock = 'correlation:web-1:0123'"  # noqa: S608
            " WHERE args ->> 'survey_id' = 'S2'"
        )
        with host.worker(1):
            until(lambda: len(recorder.spans("refresh")) == 2)
        (load,) = recorder.spans("load")
        refreshes = {
            one.attributes["smaply_metrics.survey"]: one
            for one in recorder.spans("refresh")
            if one.attributes
        }
    world.query(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    assert is_child(refreshes["S1"], load)
    assert refreshes["S2"].parent is None


def is_child(child: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether a span is a child of another, which another process may have recorded."""
    return (
        child.parent is not None
        and parent.context is not None
        and child.parent.span_id == parent.context.span_id
        and child.context is not None
        and child.context.trace_id == parent.context.trace_id
    )
