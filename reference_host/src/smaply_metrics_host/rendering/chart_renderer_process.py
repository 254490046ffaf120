"""A process that renders charts, run with ``python -m``.

It reads and writes one JSON object per line. It is a separate process because rendering blocks all
threads: 50 ms for a chart, two seconds for the script.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
from typing import Any

from smaply_metrics_core import charts


def main() -> None:
    """Process requests until the input ends, as it does when the parent exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles Ctrl-C and closes the input.
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # Keep other output apart from the responses.
    for line in sys.stdin:
        print(json.dumps(_response(json.loads(line))), file=responses, flush=True)


def _response(job: dict[str, Any]) -> dict[str, str]:
    try:
        if "spec" in job:
            return {"made": charts.render_svg(job["spec"], job["width"], job["height"])}
        if "svg" in job:
            return {"made": base64.b64encode(charts.render_png(job["svg"])).decode()}
        return {"made": charts.browser_bundle()}
    except Exception as error:  # noqa: BLE001  # A failed chart must not end the process.
        return {"problem": str(error) or type(error).__name__}


if __name__ == "__main__":
    main()
