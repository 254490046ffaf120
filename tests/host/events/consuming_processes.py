"""Processes that receive events, for ``test_event_processes.py``."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from tests.host.host_process import READY, open_host

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from smaply_metrics_core.host import MetricsEvent
    from tests.host.host_process import Told

CONSUMER = "projection"


def receive(pipe: Connection, told: Told) -> None:
    """Send ``ready`` once subscribed, then each event; killed while it processes the last one.

    ``events`` is the number of events.
    """
    with open_host(told) as host:
        received: list[int] = []

        def handle(event: MetricsEvent) -> None:
            received.append(event.id)
            pipe.send((event.id, event.kind.value, event.survey_id))
            if len(received) == told["events"]:
                os.kill(os.getpid(), signal.SIGKILL)

        with host.events.subscribe(CONSUMER, handle) as subscription:
            pipe.send(READY)
            while subscription.is_running:
                signal.pause()
