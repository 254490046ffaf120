"""Records spans and measurements with OpenTelemetry's API, whose providers the app sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from smaply_metrics_core._version import __version__
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.observability.correlation import correlation_id
from smaply_metrics_core.observability.instruments import INSTRUMENTS
from smaply_metrics_core.observability.telemetry import (
    Attributes,
    Gauge,
    Instrument,
    InstrumentKind,
    Span,
)

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

SCOPE = "smaply_metrics"
CORRELATION_ID = "smaply_metrics.correlation_id"
TRACEPARENT = "traceparent"

_propagator = TraceContextTextMapPropagator()


class _OpenTelemetrySpan:
    """A span of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def recording(self) -> bool:
        """Whether attributes are recorded."""
        return self._span.is_recording()

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""
        self._span.set_attributes(dict(attributes))

    def fail(self, kind: str) -> None:
        """Mark the operation as failed."""
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))


class OpenTelemetryBackend:
    """Records with the given providers; by default, with those that the app sets globally."""

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(SCOPE, __version__, tracer_provider)
        self._meter = metrics.get_meter(SCOPE, __version__, meter_provider)
        self._lock = Lock()
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, list[Gauge]] = {}
        for instrument in INSTRUMENTS:
            self._create(instrument)

    def _create(self, instrument: Instrument) -> None:
        name, unit, description = instrument.name, instrument.unit, instrument.description
        if instrument.kind is InstrumentKind.COUNTER:
            self._counters[name] = self._meter.create_counter(name, unit, description)
        elif instrument.kind is InstrumentKind.HISTOGRAM:
            self._histograms[name] = self._meter.create_histogram(
                name, unit, description, explicit_bucket_boundaries_advisory=instrument.buckets
            )
        else:
            gauges = self._gauges[name] = []

            def read(_options: CallbackOptions) -> Iterable[Observation]:
                with self._lock:
                    current = tuple(gauges)
                for gauge in current:
                    for value, attributes in gauge():
                        yield Observation(value, dict(attributes))

            self._meter.create_observable_gauge(name, [read], unit, description)

    @contextmanager
    def span(self, name: str, attributes: Attributes, *, client: bool) -> Iterator[Span]:
        """Record a span; the text of an exception is not, since it may contain a secret."""
        known = correlation_id()
        given = {**attributes, CORRELATION_ID: known} if known else dict(attributes)
        with self._tracer.start_as_current_span(
            name,
            kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
            attributes=given,
            record_exception=False,
            set_status_on_exception=False,
        ) as started:
            recorded = _OpenTelemetrySpan(started)
            try:
                yield recorded
            except BaseException as error:
                recorded.fail(
                    error.kind if isinstance(error, MetricsError) else type(error).__name__
                )
                raise

    def in_span(self) -> bool:
        """Whether there is a current span."""
        return trace.get_current_span().is_recording()

    def measure(self, instrument: Instrument, value: float, attributes: Attributes) -> None:
        """Add to a counter, or record a value of a histogram."""
        if instrument.kind is InstrumentKind.COUNTER:
            self._counters[instrument.name].add(value, dict(attributes))
        else:
            self._histograms[instrument.name].record(value, dict(attributes))

    def observe(self, instrument: Instrument, gauge: Gauge) -> Callable[[], None]:
        """Report a gauge until the returned function is called."""
        gauges = self._gauges[instrument.name]
        with self._lock:
            gauges.append(gauge)

        def stop() -> None:
            with self._lock:
                gauges.remove(gauge)

        return stop

    def capture(self) -> Callable[[], AbstractContextManager[None]]:
        """Return a function that makes the current span the current one of another thread."""
        current = trace.get_current_span()
        return lambda: _current(current)

    def traceparent(self) -> str:
        """Return the current span as a W3C ``traceparent``; empty if there is none."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier.get(TRACEPARENT, "")

    def traced(self, traceparent: str) -> AbstractContextManager[None]:
        """Return a context manager in which the span of a ``traceparent`` is the current one."""
        carried = _propagator.extract({TRACEPARENT: traceparent}, Context())
        return _current(trace.get_current_span(carried))


@contextmanager
def _current(span: trace.Span) -> Iterator[None]:
    """Make a span the current one, without ending it."""
    token = context.attach(trace.set_span_in_context(span))
    try:
        yield
    finally:
        context.detach(token)
