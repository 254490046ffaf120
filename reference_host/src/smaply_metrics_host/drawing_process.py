"""What the process that draws does: what it draws with holds up every thread of its process."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import threading
from multiprocessing import connection, parent_process
from typing import TYPE_CHECKING, Any

from smaply_metrics_core import charts

if TYPE_CHECKING:
    from collections.abc import Mapping


def begin() -> None:
    """Leave Ctrl-C to the parent, and end when the parent has, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def svg(spec: Mapping[str, Any], width: int, height: int) -> str:
    """Draw a specification as SVG, in pixels."""
    return charts.svg(spec, width, height)


def script() -> tuple[str, bytes]:
    """Make the script that draws in browsers: its digest, and the script gzipped."""
    made = charts.browser_bundle().encode()
    return hashlib.sha256(made).hexdigest()[:16], gzip.compress(made, mtime=0)


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)
