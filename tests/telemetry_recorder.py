"""Records spans in memory, and metrics as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, generate_latest

from smaply_metrics_core.host import enable_telemetry
from smaply_metrics_core.observability import telemetry


class Recorder:
    """Records spans and metrics from now on."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.registry = CollectorRegistry()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([PrometheusMetricReader(registry=self.registry)])
        enable_telemetry(tracers, self.meters)

    def spans(self, name: str) -> list[ReadableSpan]:
        """Return the spans of a name that have ended."""
        return [one for one in self.exporter.get_finished_spans() if one.name == name]

    def samples(self) -> dict[str, float]:
        """Return the samples as Prometheus reads them, by name and labels."""
        lines = generate_latest(self.registry).decode().splitlines()
        found = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in found}


@contextmanager
def recording() -> Iterator[Recorder]:
    """Record during the block."""
    made = Recorder()
    try:
        yield made
    finally:
        telemetry.set_backend(None)
        made.meters.shutdown()
