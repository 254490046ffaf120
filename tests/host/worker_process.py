"""A worker in a process of its own, with the same input as ``host_process``.

Prints ``ready`` once it accepts jobs, and runs until it is terminated.
"""

from __future__ import annotations

import json
import sys

from smaply_metrics_core.cli.signals import terminated_gracefully
from tests.host.host_process import open_host


def main() -> None:
    """Run the instructions on standard input."""
    told = json.loads(sys.stdin.readline())
    with terminated_gracefully(), open_host(told) as host, host.worker(2) as worker:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        worker.wait()


if __name__ == "__main__":
    main()
