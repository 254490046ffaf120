"""The host of each process, opened at the first request and not at import."""

import atexit
import os
from functools import cache

from smaply_metrics_core.host import (
    Actor,
    EventKind,
    MetricsEvent,
    MetricsHost,
    Role,
    Settings,
)

VIEWER = Actor("acme", "vera", Role.VIEWER)

changes: list[str] = []


def receive(event: MetricsEvent) -> None:
    """Count the values that change."""
    changes.append(event.metric_id)


@cache
def metrics_host() -> MetricsHost:
    """Return the host of this process, which receives events from now on."""
    host = MetricsHost(Settings.from_environment(account=VIEWER.account))
    consumer = f"django {os.getpid()}"
    host.events.subscribe(consumer, receive, kinds={EventKind.VALUE_CHANGED})
    atexit.register(host.close)
    atexit.register(host.events.forget, consumer)
    return host
