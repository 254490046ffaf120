"""The metrics that processes report, which docs/observing.md lists."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.observability.telemetry import Instrument, InstrumentKind

SOURCE: Final = "smaply_metrics.source"
OUTCOME: Final = "smaply_metrics.outcome"
FRESHNESS: Final = "smaply_metrics.freshness"
STATE: Final = "smaply_metrics.state"
REASON: Final = "smaply_metrics.reason"

_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_MINUTE: Final = 60.0
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

REFRESHES: Final = Instrument(
    "smaply_metrics.refreshes",
    InstrumentKind.COUNTER,
    "{refresh}",
    "Refreshes of surveys that ended.",
    (SOURCE, OUTCOME),
)
REFRESH_DURATION: Final = Instrument(
    "smaply_metrics.refresh.duration",
    InstrumentKind.HISTOGRAM,
    "s",
    "The duration of refreshes.",
    (SOURCE, OUTCOME),
    _SECONDS,
)
EXPORT_SIZE: Final = Instrument(
    "smaply_metrics.export.size",
    InstrumentKind.COUNTER,
    "By",
    "Bytes of the responses that refreshes received from survey tools over HTTP.",
    (SOURCE,),
)
CARD_AGE: Final = Instrument(
    "smaply_metrics.card.age",
    InstrumentKind.HISTOGRAM,
    "s",
    "The age of the value of each card that was loaded.",
    (FRESHNESS,),
    (
        15 * _MINUTE,
        30 * _MINUTE,
        _HOUR,
        2 * _HOUR,
        4 * _HOUR,
        12 * _HOUR,
        _DAY,
        7 * _DAY,
        30 * _DAY,
    ),
)
QUEUE_DEPTH: Final = Instrument(
    "smaply_metrics.queue.depth",
    InstrumentKind.GAUGE,
    "{refresh}",
    "Refreshes that are queued or running: of the fleet with workers, else of the process.",
    (STATE,),
)
WORKERS: Final = Instrument(
    "smaply_metrics.workers",
    InstrumentKind.GAUGE,
    "{worker}",
    "Workers of the fleet that have sent a heartbeat in the last 30 seconds.",
)
RATE_LIMIT_WAIT: Final = Instrument(
    "smaply_metrics.rate_limit.wait",
    InstrumentKind.HISTOGRAM,
    "s",
    "How long requests waited: for a request limit of the source (limit), or because the survey "
    "tool sent 429 (retry_after).",
    ("server.address", REASON),
    _SECONDS,
)
LEASE_WAITS: Final = Instrument(
    "smaply_metrics.lease.waits",
    InstrumentKind.COUNTER,
    "{wait}",
    "How often a refresh found that another process was refreshing its survey.",
    (SOURCE,),
)

INSTRUMENTS: Final = (
    REFRESHES,
    REFRESH_DURATION,
    EXPORT_SIZE,
    CARD_AGE,
    QUEUE_DEPTH,
    WORKERS,
    RATE_LIMIT_WAIT,
    LEASE_WAITS,
)
