"""A soak: memory, threads, open files and connections of hosts and workers stay flat.

Run by hand as ``python -m tests.soak.campaign --minutes 30``; ``make soak`` does.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plugins.limesurvey.tests.http_server import serving
from plugins.limesurvey.tests.replay_server import PASSWORD, USER, ReplayServer
from tests.postgresql_server import WHY_NOT, find_programs, running_postgres
from tests.processes import Children
from tests.soak.samples import Growth, growth_of
from tests.soak.work import Soaked, SoakPlace, soak

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GRACE: Final = 600.0
"""How much longer than the soak its processes may take, to begin and end."""
LINE: Final = "{:<12}{:<14}{:>10}{:>10}{:>10}  {}"


def run(seconds: float, folder: Path) -> dict[str, Soaked]:
    """Soak a host on SQLite, and one on PostgreSQL with a worker, at the same time.

    Raises:
        RuntimeError: if PostgreSQL is not installed, or a process failed.
    """
    programs = find_programs()
    if programs is None:
        raise RuntimeError(WHY_NOT)
    with (
        serving(ReplayServer()) as url,
        running_postgres(programs) as postgres,
        Children() as children,
    ):
        credentials = {
            "address": url,
            "user": USER,
            "password": PASSWORD,
            "time_zone": "Europe/Vienna",
        }
        started = {}
        for name, database in (
            ("sqlite", None),
            ("postgresql", postgres.url(postgres.make_database())),
        ):
            place = SoakPlace(folder / name, database, url, credentials, seconds)
            started[name] = children.start(soak, place)
        found = {}
        for name, child in started.items():
            if not child.pipe.poll(seconds + GRACE):
                raise RuntimeError(f"The soak on {name} hangs.")
            try:
                found[name] = child.pipe.recv()
            except EOFError:
                raise RuntimeError(f"The soak on {name} failed: {child.wait()}") from None
        return found


def table(grown: Mapping[str, Iterable[Growth]]) -> str:
    """Return the medians of the middle and the last third, as a table."""
    lines = [LINE.format("store", "held", "middle", "last", "allowed", "")]
    for store, found in grown.items():
        for one in found:
            outcome = "flat" if one.is_flat else "GROWS"
            numbers = (f"{one.middle:.1f}", f"{one.last:.1f}", f"+{one.allowed:.1f}")
            lines.append(LINE.format(store, one.name, *numbers, outcome))
    return "\n".join(lines)


def main() -> int:
    """Soak, and print the table; return 1 if anything grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        soaked = run(minutes * 60, Path(folder))
    for name, one in soaked.items():
        print(f"{name}: {one.rounds} hours, {one.events} events")  # noqa: T201
    grown = {name: growth_of(one.samples) for name, one in soaked.items()}
    print(table(grown))  # noqa: T201
    return 0 if all(one.is_flat for found in grown.values() for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
