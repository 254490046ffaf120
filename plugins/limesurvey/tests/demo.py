"""Runs a command while a server plays the recorded LimeSurvey: ``make demo``.

The command is ``smaply-metrics-host`` with the arguments of this one.
"""

from __future__ import annotations

import os

from plugins.limesurvey.tests.http_server import serving
from plugins.limesurvey.tests.replay_server import PASSWORD, USER, ReplayServer
from smaply_metrics_host.cli import main as run_host
from smaply_metrics_host.demo.recorded_limesurvey import LIMESURVEY_VARIABLE

ADDRESSES = "SMAPLY_METRICS_SOURCES_ADDRESSES"


def main() -> None:
    """Serve the recordings, and run the host with their address."""
    with serving(ReplayServer()) as url:
        place = url.removeprefix("http://")
        os.environ[LIMESURVEY_VARIABLE] = f"http://{USER}:{PASSWORD}@{place}"
        os.environ[ADDRESSES] = f"limesurvey={url}"
        run_host()


if __name__ == "__main__":
    main()
