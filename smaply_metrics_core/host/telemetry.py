"""Telemetry of a host: what the operator's settings turn on, and gauges of its queue."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.host.refresh.executors import RefreshExecutor
from smaply_metrics_core.host.refresh.queue_state import read_queue
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.observability import telemetry
from smaply_metrics_core.observability.instruments import QUEUE_DEPTH, STATE, WORKERS

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from smaply_metrics_core.host.settings import Settings


def enable_telemetry(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> None:
    """Record spans and metrics from now on; call it before a host is opened, and after a fork.

    ``MetricsHost`` calls it if ``Settings.telemetry`` is on.

    Args:
        tracer_provider: Where spans go; by default, the global provider of OpenTelemetry.
        meter_provider: Where metrics go; by default, the global provider.

    Raises:
        InputError: when the extra ``telemetry`` is not installed.
    """
    require_extra("telemetry", "opentelemetry.trace", "opentelemetry.metrics")
    from smaply_metrics_core.observability.opentelemetry_backend import OpenTelemetryBackend

    telemetry.set_backend(OpenTelemetryBackend(tracer_provider, meter_provider))


def telemetry_of(settings: Settings, service: str) -> AbstractContextManager[None]:
    """Return a context manager that sets up OpenTelemetry's SDK, if the settings turn it on.

    It is for processes of which nothing else sets up the SDK, such as the worker and the reference
    host. The standard variables choose the exporters: ``OTEL_METRICS_EXPORTER`` (``prometheus`` by
    default) and ``OTEL_TRACES_EXPORTER`` (``none`` by default).

    Args:
        settings: The settings of the operator.
        service: The name of the service, unless ``OTEL_SERVICE_NAME`` is set.

    Raises:
        InputError: when the extra is missing, an exporter is unknown, or the port for Prometheus
            cannot be used.
    """
    if settings.telemetry == "off":
        return nullcontext()
    from smaply_metrics_core.observability.sdk import telemetry_sdk

    return telemetry_sdk(service, os.environ)


def observe_queue(store: Store, executor: RefreshExecutor, *, queued: bool) -> Callable[[], None]:
    """Report the gauges of the queue until the returned function is called.

    Args:
        store: The store with the queue.
        executor: Runs the refreshes of this process.
        queued: Whether workers run the refreshes.
    """

    def depth() -> Iterable[tuple[float, telemetry.Attributes]]:
        if not queued:
            return [(len(executor.pending()), {STATE: "running"})]
        try:
            state = read_queue(store)
        except StoreError:
            return []  # A gap in the graph; the readiness of the process tells why.
        return [(state.waiting, {STATE: "waiting"}), (state.running, {STATE: "running"})]

    def workers() -> Iterable[tuple[float, telemetry.Attributes]]:
        try:
            return [(read_queue(store).workers, {})]
        except StoreError:
            return []

    stopping = ExitStack()
    stopping.callback(telemetry.observe(QUEUE_DEPTH, depth))
    if queued:
        stopping.callback(telemetry.observe(WORKERS, workers))
    return stopping.close
