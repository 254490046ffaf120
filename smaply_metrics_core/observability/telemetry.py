"""Spans and measurements, which cost one comparison unless a backend is set.

Nothing is recorded by default. ``set_backend`` chooses what records, such as OpenTelemetry. Names
and attributes follow OpenTelemetry's semantic conventions. Attributes hold neither secrets nor
texts that were not redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, Self, TypeAlias

from smaply_metrics_core.observability.correlation import correlated, correlation_id

AttributeValue: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, AttributeValue]


class InstrumentKind(Enum):
    """The kind of a metric."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


@dataclass(frozen=True)
class Instrument:
    """A metric that processes report.

    Attributes:
        name: The name, without the unit.
        unit: The unit as in UCUM, such as ``s``; in braces, what is counted.
        description: What it measures.
        attributes: The names of the attributes of its measurements.
        buckets: The upper limits of the buckets of a histogram.
    """

    name: str
    kind: InstrumentKind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Span(Protocol):
    """An operation that a trace shows."""

    @property
    def recording(self) -> bool:
        """Whether attributes are recorded; if not, callers need not calculate them."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""
        ...

    def fail(self, kind: str) -> None:
        """Mark the operation as failed, with the kind of the error."""
        ...


Gauge: TypeAlias = Callable[[], Iterable[tuple[float, Attributes]]]
"""Returns the current values of a gauge, each with its attributes."""


class TelemetryBackend(Protocol):
    """Records spans and measurements."""

    def span(
        self, name: str, attributes: Attributes, *, client: bool
    ) -> AbstractContextManager[Span]:
        """Return a context manager with a span, the child of the current one."""
        ...

    def in_span(self) -> bool:
        """Whether there is a current span."""
        ...

    def measure(self, instrument: Instrument, value: float, attributes: Attributes) -> None:
        """Add to a counter, or record a value of a histogram."""
        ...

    def observe(self, instrument: Instrument, gauge: Gauge) -> Callable[[], None]:
        """Report a gauge until the returned function is called."""
        ...

    def capture(self) -> Callable[[], AbstractContextManager[None]]:
        """Return a function that makes the current span the current one of another thread."""
        ...

    def traceparent(self) -> str:
        """Return the current span as a W3C ``traceparent``; empty if there is none."""
        ...

    def traced(self, traceparent: str) -> AbstractContextManager[None]:
        """Return a context manager in which the span of a ``traceparent`` is the current one."""
        ...


class _NoSpan:
    """A span that is not recorded."""

    recording: Final = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def set(self, attributes: Attributes) -> None:
        """Do nothing."""

    def fail(self, kind: str) -> None:
        """Do nothing."""


_NO_SPAN: Final = _NoSpan()
_NO_ATTRIBUTES: Final[Attributes] = {}

_backend: TelemetryBackend | None = None


def set_backend(backend: TelemetryBackend | None) -> None:
    """Choose what records from now on; ``None`` records nothing."""
    global _backend  # noqa: PLW0603  # One for the process, like the providers of OpenTelemetry.
    _backend = backend


def enabled() -> bool:
    """Whether spans and measurements are recorded."""
    return _backend is not None


def span(
    name: str, attributes: Attributes = _NO_ATTRIBUTES, *, client: bool = False
) -> AbstractContextManager[Span]:
    """Return a context manager with a span.

    Args:
        name: The name; one of few, since tools group by it.
        attributes: The attributes that are known at the start.
        client: Whether it is a request to another service.
    """
    if _backend is None:
        return _NO_SPAN
    return _backend.span(name, attributes, client=client)


def in_span() -> bool:
    """Whether there is a current span."""
    return _backend is not None and _backend.in_span()


def measure(instrument: Instrument, value: float, attributes: Attributes = _NO_ATTRIBUTES) -> None:
    """Add to a counter, or record a value of a histogram."""
    if _backend is not None:
        _backend.measure(instrument, value, attributes)


def observe(instrument: Instrument, gauge: Gauge) -> Callable[[], None]:
    """Report a gauge until the returned function is called."""
    return _ignore if _backend is None else _backend.observe(instrument, gauge)


def traceparent() -> str:
    """Return the current span as a W3C ``traceparent``, for another process; empty without one."""
    return "" if _backend is None else _backend.traceparent()


def traced(traceparent: str) -> AbstractContextManager[None]:
    """Return a context manager in which the span of another process is the current one.

    Args:
        traceparent: What ``traceparent`` returned there; nothing happens if it is empty or invalid.
    """
    if _backend is None or not traceparent:
        return nullcontext()
    return _backend.traced(traceparent)


def _ignore() -> None:
    """Do nothing."""


def capture_context() -> Callable[[], AbstractContextManager[None]]:
    """Return a function whose context manager restores the current context on another thread.

    The context is the correlation ID and the current span. Other context variables of the app are
    not carried over, so that a source does not see them.
    """
    known = correlation_id()
    restore_span = nullcontext if _backend is None else _backend.capture()

    @contextmanager
    def restored() -> Iterator[None]:
        with correlated(known) if known else nullcontext(), restore_span():
            yield

    return restored
