"""One process of the stampede: opens a host on the shared database and loads the map.

Reads one JSON object (``home``, ``database``, ``threads``). Then, for each line, all threads load
at once: first without waiting, then until every card is fresh. Prints the cards of each thread.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.stores import ACTOR, settings_of
from smaply_metrics_core.host import MetricsHost

WAIT = 60.0


def main() -> None:
    """Read the setup and the requests from standard input."""
    setup = json.loads(sys.stdin.readline())
    threads: int = setup["threads"]
    together = threading.Barrier(threads)
    settings = settings_of(Path(setup["home"]), setup["database"], os.environ)
    with (
        MetricsHost(settings) as host,
        ThreadPoolExecutor(threads) as pool,
    ):

        def look(_: int) -> dict[str, Any]:
            together.wait()
            begun = time.perf_counter()
            first = host.cards.load(ACTOR)
            seconds = time.perf_counter() - begun
            last = host.cards.load(ACTOR, wait=WAIT)
            return {
                "first_byte_s": seconds,
                "first": {card.name: card.text for card in first},
                "last": {card.name: card.text for card in last},
                "fresh": all(card.freshness == "fresh" for card in last),
            }

        host.cards.load(ACTOR, refresh=False)  # Imports on first use are not measured.
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            sys.stdout.write(json.dumps(list(pool.map(look, range(threads)))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
