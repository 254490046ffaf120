"""Sets up OpenTelemetry's SDK for processes of our own, from its standard variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from smaply_metrics_core._version import __version__
from smaply_metrics_core.environment import comma_separated
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.models.problem import Audience

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace.export import SpanExporter

METRICS_VARIABLE: Final = "OTEL_METRICS_EXPORTER"
TRACES_VARIABLE: Final = "OTEL_TRACES_EXPORTER"
HOST_VARIABLE: Final = "OTEL_EXPORTER_PROMETHEUS_HOST"
PORT_VARIABLE: Final = "OTEL_EXPORTER_PROMETHEUS_PORT"
NAME_VARIABLE: Final = "OTEL_SERVICE_NAME"
DEFAULT_PORT: Final = 9464


def require_telemetry() -> None:
    """Raise when the extra ``telemetry`` is not installed.

    Raises:
        InputError: when it is missing.
    """
    require_extra("telemetry", "opentelemetry.sdk.metrics", "opentelemetry.exporter.prometheus")


@contextmanager
def telemetry_sdk(service: str, environment: Mapping[str, str]) -> Iterator[None]:
    """Set the global providers of OpenTelemetry; at the end, send what is left and stop.

    Args:
        service: The name of the service, unless ``OTEL_SERVICE_NAME`` is set.
        environment: The ``OTEL_…`` variables.

    Raises:
        InputError: when the extra is missing, an exporter is unknown, or the port for Prometheus
            cannot be used.
    """
    require_telemetry()
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if environment.get(NAME_VARIABLE) else {"service.name": service}
    resource = Resource.create({**named, "service.version": __version__})
    with ExitStack() as closing:
        readers = [
            READERS[name](environment, closing)
            for name in _chosen(environment, METRICS_VARIABLE, "prometheus", READERS)
        ]
        exporters = [
            EXPORTERS[name]() for name in _chosen(environment, TRACES_VARIABLE, "none", EXPORTERS)
        ]
        meters = MeterProvider(readers, resource, shutdown_on_exit=False)
        closing.callback(meters.shutdown)
        metrics.set_meter_provider(meters)
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        closing.callback(tracers.shutdown)
        for exporter in exporters:
            tracers.add_span_processor(BatchSpanProcessor(exporter))
        if exporters:
            trace.set_tracer_provider(tracers)
        yield


def _chosen(
    environment: Mapping[str, str], variable: str, default: str, known: Mapping[str, object]
) -> list[str]:
    names = comma_separated(environment.get(variable, "")) or [default]
    for name in names:
        if name != "none" and name not in known:
            raise InputError(
                f"“{name}” is not a known exporter.",
                remedy=f"Set {variable} to one or more of {', '.join(sorted(known))}, separated by "
                "commas, or to none.",
                audience=Audience.OPERATOR,
            )
    return [name for name in names if name != "none"]


def _prometheus(environment: Mapping[str, str], closing: ExitStack) -> MetricReader:
    """Return a reader whose metrics a server of its own offers to Prometheus."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry, start_http_server

    address = environment.get(HOST_VARIABLE, "").strip() or "localhost"
    port = environment.get(PORT_VARIABLE, "").strip() or str(DEFAULT_PORT)
    registry = CollectorRegistry()
    try:
        server, thread = start_http_server(int(port), address, registry)
    except (OSError, OverflowError, ValueError) as error:
        raise InputError(
            f"The metrics for Prometheus cannot be served at {address}, port {port}: {error}.",
            remedy=f"Set {HOST_VARIABLE} to an address of this machine and {PORT_VARIABLE} to a "
            "free port; each process needs one of its own.",
            audience=Audience.OPERATOR,
        ) from None
    closing.callback(thread.join)
    closing.callback(server.server_close)
    closing.callback(server.shutdown)
    return PrometheusMetricReader(registry=registry)


def _otlp_metrics(_environment: Mapping[str, str], _closing: ExitStack) -> MetricReader:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    return PeriodicExportingMetricReader(OTLPMetricExporter())


def _otlp_traces() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter()


def _console_traces() -> SpanExporter:
    import sys

    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    return ConsoleSpanExporter(out=sys.stderr)


READERS: Final[Mapping[str, Callable[[Mapping[str, str], ExitStack], MetricReader]]] = {
    "otlp": _otlp_metrics,
    "prometheus": _prometheus,
}
"""The exporters of metrics, by the names in ``OTEL_METRICS_EXPORTER``."""

EXPORTERS: Final[Mapping[str, Callable[[], SpanExporter]]] = {
    "console": _console_traces,
    "otlp": _otlp_traces,
}
"""The exporters of spans, by the names in ``OTEL_TRACES_EXPORTER``."""
