from smaply_metrics_core.bundle.reader import open_bundle
from smaply_metrics_core.bundle.writer import write_bundle
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.disturbances import (
    break_off,
    content,
    network_error,
    once,
    status,
    truncate,
)
from smaply_metrics_core.testing.faults.refusal import Refusal
from smaply_metrics_core.testing.faults.replay import Disturbance, RecordedResponse
from smaply_metrics_core.testing.fixtures import Canary, ContextFactory
from smaply_metrics_core.testing.recording.policy import RecordingPolicy, Redaction
from smaply_metrics_core.testing.recording.recorder import Recorded, record
from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data
from smaply_metrics_core.testing.suite.contract import SourceContract

__all__ = [
    "AllowedDestinations",
    "Canary",
    "ContextFactory",
    "Disturbance",
    "ManualClock",
    "Recorded",
    "RecordedResponse",
    "RecordingPolicy",
    "Redaction",
    "Refusal",
    "Source",
    "SourceContract",
    "SourceRegistry",
    "SourceSession",
    "break_off",
    "content",
    "find_sensitive_data",
    "network_error",
    "once",
    "open_bundle",
    "record",
    "status",
    "truncate",
    "write_bundle",
]
