"""Compare the counts of ClickHouse with those of the core, over random surveys.

Called by `make heavy-engines`, which installs chdb for it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import text

from plugins.sql.tests.databases import a_deadline
from plugins.sql.tests.heavy_engines.clickhouse import ClickhouseDatabase
from plugins.sql.tests.random_survey import random_rows
from plugins.sql.tests.test_equals_row_counting import check

ROWS = 300
QUERIES = 25


def main() -> int:
    """Compare, and return the exit status; the first difference is an error with its query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--surveys", type=int, default=40, help="how many random surveys")
    surveys: int = parser.parse_args().surveys
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        database = ClickhouseDatabase(Path(folder), a_deadline())
        ((version,),) = database.rows(text("SELECT version()"))
        for seed in range(surveys):
            chance = random.Random(seed)  # noqa: S311  # Repeatable.
            rows = random_rows(chance, ROWS)
            database.fill(rows, ("Float64", "Decimal(9, 2)")[seed % 2])
            check(database, rows, chance)
        database.close()
    seconds = time.process_time() - start
    sys.stdout.write(
        f"ClickHouse {version}: {surveys} surveys with {ROWS} responses and {QUERIES} queries "
        f"each have the counts of the core ({seconds:.0f} s of CPU time)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
