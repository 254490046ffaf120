"""A process that draws charts: ``python -m smaply_metrics_host.rendering.chart_renderer_process``.

It answers each line of its input, a JSON object, with one of its own. It is a process because what
it draws with holds up every thread of its process: 50 ms for a chart, two seconds for the script.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from smaply_metrics_core import charts


def main() -> None:
    """Answer until the input ends, as it does when the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's: it ends the input.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # Whatever else is printed is no answer.
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _answer(asked: dict[str, Any]) -> dict[str, str]:
    try:
        if "spec" in asked:
            return {"made": charts.render_svg(asked["spec"], asked["width"], asked["height"])}
        return {"made": charts.browser_bundle()}
    except Exception as error:  # noqa: BLE001  # One chart that fails must not end the process.
        return {"problem": str(error) or type(error).__name__}


if __name__ == "__main__":
    main()
