"""Spans and metrics: what is recorded when telemetry is on, and what it costs when it is off."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.host import MetricsHost
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.correlation import correlated
from smaply_metrics_core.observability.instruments import INSTRUMENTS
from smaply_metrics_core.observability.telemetry import InstrumentKind
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, VIEWER, World, sqlite_only
from tests.telemetry_recorder import Recorder, recording

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = Path(__file__).parents[2] / "docs"
DASHBOARD = PAGES / "grafana" / "smaply-metrics.json"
GUIDE = PAGES / "observing.md"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """Telemetry that records in memory."""
    with recording() as made:
        yield made


def connected(world: World) -> MetricsHost:
    """Open a host with one metric."""
    host = world.open()
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    return host


@sqlite_only
def test_a_load_is_the_root_of_the_spans_of_its_refresh(
    recorder: Recorder,
    world: World,
) -> None:
    """The refresh runs on another thread, and its export on one of the source."""
    host = connected(world)
    with correlated("request-1"):
        host.cards.load(VIEWER, wait=60)

    (load,), (refresh,), (export,) = map(recorder.spans, ("load", "refresh", "export"))
    assert refresh.parent is not None
    assert export.parent is not None
    assert load.context is not None
    assert refresh.context is not None
    assert refresh.parent.span_id == load.context.span_id
    assert export.parent.span_id == refresh.context.span_id
    assert dict(refresh.attributes or {}) == {
        "smaply_metrics.source": "shop",
        "smaply_metrics.survey": "S1",
        "smaply_metrics.outcome": "done",
        "smaply_metrics.correlation_id": "request-1",
    }
    (check,) = recorder.spans("check")
    assert (check.attributes or {})["smaply_metrics.outcome"] == "passed"


@sqlite_only
def test_statements_have_spans_without_their_values(recorder: Recorder, world: World) -> None:
    """The text of a statement has parameters; statements outside of a span are not recorded."""
    host = connected(world)
    host.cards.load(VIEWER, wait=60)

    found = ((one, one.attributes or {}) for one in recorder.exporter.get_finished_spans())
    statements = [(span, given) for span, given in found if "db.query.text" in given]
    assert all(span.parent is not None for span, _ in statements)
    text = " ".join(str(given["db.query.text"]) for _, given in statements)
    assert "INSERT INTO past_attempts" in text
    assert "acme" not in text
    assert {given["db.system.name"] for _, given in statements} == {"sqlite"}


@sqlite_only
def test_metrics_count_refreshes_and_measure_cards(recorder: Recorder, world: World) -> None:
    """A refresh that fails is counted with its outcome."""
    host = connected(world)
    host.cards.load(VIEWER, wait=60)
    world.clock.forward(3_700)
    world.shop.failure = ZeroDivisionError("a bug of the shop")
    host.cards.load(VIEWER, wait=60)

    labels = 'otel_scope_name="smaply_metrics"'
    samples = recorder.samples()

    def value(name: str, **wanted: str) -> float:
        given = [f'smaply_metrics_{key}="{one}"' for key, one in wanted.items()]
        (found,) = [
            number
            for sample, number in samples.items()
            if sample.partition("{")[0] == f"smaply_metrics_{name}"
            and all(one in sample for one in (labels, *given))
        ]
        return found

    assert value("refreshes_total", source="shop", outcome="done") == 1
    assert value("refreshes_total", source="shop", outcome="failed") == 1
    assert value("refresh_duration_seconds_count", source="shop", outcome="failed") == 1
    assert value("card_age_seconds_count", freshness="failed") == 1
    assert value("queue_depth", state="running") == 0
    (failed,) = [one for one in recorder.spans("refresh") if not one.status.is_ok]
    assert (failed.attributes or {})["error.type"] == "plugin_error"
    host.close()
    assert not [name for name in recorder.samples() if name.startswith("smaply_metrics_queue")]


def prometheus_names(recorder: Recorder) -> set[str]:
    """Measure with every instrument, and return the names of the samples."""
    for one in INSTRUMENTS:
        if one.kind is InstrumentKind.GAUGE:
            telemetry.observe(one, lambda: [(1, {})])
        else:
            telemetry.measure(one, 1)
    return {name.partition("{")[0] for name in recorder.samples()}


def test_the_dashboard_shows_every_metric_and_no_other(recorder: Recorder) -> None:
    """Each expression uses names and labels that processes report."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    reported = {one for one in prometheus_names(recorder) if one.startswith("smaply_metrics_")}
    attributes = {name.replace(".", "_") for one in INSTRUMENTS for name in one.attributes}
    for expression in expressions:
        words = set(re.findall(r"[a-z_]{4,}", expression))
        names = {word for word in words if word.startswith("smaply_metrics_")}
        assert names <= reported | attributes, expression
        labels = set(re.findall(r"by \(([a-z_, ]+)\)", expression)[0:1])
        assert {one.strip() for each in labels for one in each.split(",")} <= attributes | {"le"}
    shown = " ".join(expressions)
    for one in INSTRUMENTS:
        assert one.name.replace(".", "_") in shown, one.name


def test_the_guide_lists_every_metric(recorder: Recorder) -> None:
    """With the name that Prometheus shows, and its attributes."""
    guide = GUIDE.read_text(encoding="utf-8")
    suffixes = {"_bucket", "_sum", "_count"}
    names = {one for one in prometheus_names(recorder) if one.startswith("smaply_metrics_")}
    whole = {name for name in names if not any(name.endswith(end) for end in suffixes)}
    for name in whole:
        assert f"`{name}`" in guide, name
    for one in INSTRUMENTS:
        assert all(attribute.replace(".", "_") in guide for attribute in one.attributes), one.name


@sqlite_only
def test_when_off_the_calls_do_not_grow_with_the_cards(world: World) -> None:
    """A load makes the same few calls for one card and for 20: no measurable overhead."""
    telemetry.set_backend(None)
    host = connected(world)
    host.cards.load(VIEWER, wait=60)
    few = calls_of_observability(lambda: host.cards.load(VIEWER))
    for number in range(20):
        host.metrics.add(EDITOR, "shop", f"Stars {number}", AVERAGE)
    host.cards.load(VIEWER, wait=60)
    many = calls_of_observability(lambda: host.cards.load(VIEWER))

    assert many == few <= 12


def calls_of_observability(work: Callable[[], object]) -> int:
    """Return how many functions of the package a function calls on this thread."""
    calls = 0

    def count(frame: Any, event: str, _argument: object) -> None:  # noqa: ANN401  # A frame.
        nonlocal calls
        calls += event == "call" and "observability" in frame.f_code.co_filename

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def test_when_off_a_span_is_one_shared_object() -> None:
    """Nothing is created, and nothing is recorded."""
    telemetry.set_backend(None)
    first, second = telemetry.span("one"), telemetry.span("two")
    assert first is second
    with first as span:
        span.set({"a": 1})
        span.fail("kind")
        assert not span.recording
    assert not telemetry.in_span()
    assert not telemetry.enabled()


def test_opentelemetry_is_not_loaded_when_it_is_off() -> None:
    """Neither the host nor a refresh imports it."""
    program = (
        "import sys, smaply_metrics_core.host as host\n"
        "from smaply_metrics_core.host import MetricsHost, Worker, diagnose, telemetry_of\n"
        "from smaply_metrics_core.http import build_client\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
