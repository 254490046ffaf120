"""The SQL source against statements by hand: ``python -m benchmarks.sql [--quick] --json``.

A table with invented responses in DuckDB, or with ``--postgresql`` in a temporary server; 20
weighted metrics in the zone Europe/Berlin. The statements by hand group by the same keys and use
the time zones of the database: one counts the rows in grouping sets, the other one counts them once
by all keys and then adds up. The faster one is compared. Another one counts one metric. All take
turns.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx
from pydantic import SecretStr

from benchmarks.report import command, report
from smaply_metrics_core import (
    Address,
    Deadline,
    Definition,
    Filter,
    GroupBy,
    MetricQuery,
    SourceContext,
    SystemClock,
    Tally,
    Weight,
    Window,
)
from smaply_metrics_core.http.trust import trust_none
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.databases.database import SqlDatabase
from smaply_metrics_sql.databases.duckdb_file import DuckdbDatabase
from smaply_metrics_sql.databases.postgresql import PostgresqlDatabase
from smaply_metrics_sql.fetch import count_queries
from smaply_metrics_sql.mapping.yaml_text import read_mapping

ROWS: Final = 10_000_000
QUICK_ROWS: Final = 1_000_000
RUNS: Final = 3
QUERIES: Final = 20

_MIDDLE: Final = datetime(2025, 7, 1, tzinfo=UTC)
_TABLE: Final = """
CREATE TABLE visits AS SELECT
  to_timestamp(1704067200 + hash(i) % 63072000) AS recorded_at,
  CASE WHEN hash(i + 1) % 10 < 8 THEN 'done' ELSE 'partial' END AS state,
  CASE WHEN hash(i + 2) % 12 < 11 THEN (hash(i + 2) % 12)::integer END AS nps,
  CASE WHEN hash(i + 3) % 6 < 5 THEN (hash(i + 3) % 6)::integer + 1 END AS csat,
  ['shop', 'web', 'phone'][(hash(i + 4) % 3)::integer + 1] AS channel,
  ['AT', 'DE', 'FR', 'CH'][(hash(i + 5) % 4)::integer + 1] AS country,
  0.5 + (hash(i + 6) % 8) / 4 AS weight
FROM range({rows}) AS numbers(i)
"""
_MAPPING: Final = read_mapping(
    """
    surveys:
    - id: visits
      table: visits
      recorded_at: {column: recorded_at}
      status: {column: state, exclude: {partial: unfinished}}
      questions:
      - {column: nps, type: nps}
      - {column: csat, type: scale, choices: [{key: 1}, {key: 2}, {key: 3}, {key: 4}, {key: 5}]}
      - {column: channel, type: choice}
      fields: [{column: country}, {column: weight}]
    """
).surveys[0]
_KEYS: Final = (
    "",
    "month",
    "week",
    "country",
    "channel",
    "few",
    "month, few",
    "later",
    "later, month",
)
_ALL_KEYS: Final = "nps, csat, month, week, country, channel, few, later"
_ROWS: Final = """
  SELECT nps, csat, country, channel, weight, date_trunc('month', local) AS month,
    date_trunc('week', local) AS week, country IN ('AT', 'DE') AS few,
    recorded_at >= TIMESTAMPTZ '2025-07-01 00:00:00+00' AS later
  FROM (SELECT *, recorded_at AT TIME ZONE 'Europe/Berlin' AS local FROM visits) AS visits
  WHERE state = 'done'
"""
_SETS: Final = ", ".join(
    f"({question}, {keys})" if keys else f"({question})"
    for question in ("nps", "csat")
    for keys in _KEYS
)
_ONE_BY_HAND: Final = """
SELECT nps, count(*), sum(weight), sum(weight * weight) FROM visits WHERE state = 'done'
GROUP BY nps
"""
_SETS_BY_HAND: Final = f"""
SELECT grouping({_ALL_KEYS}), count(*), sum(weight), sum(weight * weight), {_ALL_KEYS}
FROM ({_ROWS}) AS rows GROUP BY GROUPING SETS ({_SETS})
"""  # noqa: S608  # Names of this module.
_CELLS_BY_HAND: Final = f"""
SELECT grouping({_ALL_KEYS}), sum(n), sum(w), sum(ww), {_ALL_KEYS}
FROM (
  SELECT {_ALL_KEYS}, count(*) AS n, sum(weight) AS w, sum(weight * weight) AS ww
  FROM ({_ROWS}) AS rows GROUP BY {_ALL_KEYS}
) AS cells GROUP BY GROUPING SETS ({_SETS})
"""  # noqa: S608  # Names of this module.


def queries() -> list[MetricQuery]:
    """Return 20 weighted metrics of two questions."""
    month, week = (GroupBy(kind="period", of=one) for one in ("month", "week"))
    few = (Filter(kind="field", of="country", values=("AT", "DE")),)
    every, later = (Window(),), (Window(start=_MIDDLE), Window(name="previous", end=_MIDDLE))
    variants: list[tuple[GroupBy | None, tuple[Filter, ...], tuple[Window, ...]]] = [
        (None, (), every),
        (month, (), every),
        (week, (), every),
        (GroupBy(kind="field", of="country"), (), every),
        (GroupBy(kind="question", of="channel"), (), every),
        (None, few, every),
        (month, few, every),
        (None, (), later),
        (month, (), later),
    ]
    found = [
        (question, calculation, variant)
        for question, calculation in (("nps", "nps"), ("csat", "average"))
        for variant in variants
    ]
    found += [("nps", "top_box", variants[0]), ("csat", "top_2_box", variants[1])]
    return [
        MetricQuery(
            id=f"q{number}",
            definition=Definition.model_validate(
                {
                    "survey_id": "visits",
                    "type": "number" if group_by is None else "series",
                    "question_id": question,
                    "calculation": calculation,
                    "group_by": group_by,
                    "filters": filters,
                    "weight": Weight(kind="field", of="weight"),
                }
            ),
            windows=windows,
            zone="Europe/Berlin",
            week_start=1,
        )
        for number, (question, calculation, (group_by, filters, windows)) in enumerate(found)
    ]


@dataclass(frozen=True)
class Engine:
    """A database with the table: how the source opens it, and how a statement by hand runs.

    Drivers are imported where they are used, so that the process whose memory is measured has only
    that of its database.

    Attributes:
        folder: The folder with the file of DuckDB.
        port: The port of the server; ``None`` for DuckDB.
        name: The name of the database on the server.
        server: The id of the process of the server.
    """

    folder: Path
    port: int | None = None
    name: str = ""
    server: int | None = None

    def open(self, deadline: Deadline) -> SqlDatabase:
        """Open it as the source does."""
        if self.port is None:
            return DuckdbDatabase(self.folder / "visits.duckdb", self.folder, deadline)
        address = Address.parse(f"postgresql://127.0.0.1:{self.port}/{self.name}")
        return PostgresqlDatabase(address, _USER, SecretStr(_PASSWORD), None, deadline)

    def run(self, statement: LiteralString) -> None:
        """Run a statement by hand, and read what it returns."""
        if self.port is None:
            import duckdb

            path = str(self.folder / "visits.duckdb")
            with duckdb.connect(path, read_only=True) as connection:
                connection.execute(statement).fetchall()
            return
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=self.name, user=_USER, password=_PASSWORD
        ) as postgresql:
            postgresql.execute(statement).fetchall()

    def cpu(self) -> float:
        """Return the CPU time of this process and of the server's processes that have ended."""
        if self.server is None:
            return time.process_time()
        time.sleep(_END_SECONDS)  # The server adds the time of a connection when it has ended.
        fields = Path(f"/proc/{self.server}/stat").read_text("ascii").rpartition(")")[2].split()
        ticks = sum(map(int, fields[_CPU_FIELDS]))
        return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


_CPU_FIELDS: Final = slice(11, 15)
"""Where Linux has the CPU time of a process and its children, after the name of the process."""
_END_SECONDS: Final = 0.3
_USER: Final = "bench"
_PASSWORD: Final = "bench"  # noqa: S105  # Of a temporary server.


@contextmanager
def duckdb_engine(rows: int) -> Iterator[Engine]:
    """Yield a DuckDB file."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="bench-") as made:
        with duckdb.connect(str(Path(made) / "visits.duckdb")) as connection:
            connection.execute("SET preserve_insertion_order = false")
            connection.execute(_TABLE.format(rows=rows))
        yield Engine(Path(made))


@contextmanager
def postgresql_engine(rows: int) -> Iterator[Engine]:
    """Yield a database on a temporary server."""
    import duckdb
    import psycopg

    from tests.ports import free_port
    from tests.postgresql_server import WHY_NOT, find_programs, running_postgres

    programs = find_programs()
    if programs is None:
        raise RuntimeError(WHY_NOT)
    port = free_port()
    with (
        duckdb_engine(rows) as made,
        running_postgres(programs, durable=True, port=port) as server,
        psycopg.connect(server.url("postgres"), autocommit=True) as connection,
    ):
        connection.execute("CREATE ROLE bench LOGIN PASSWORD 'bench'")
        connection.execute(
            "CREATE TABLE visits (recorded_at timestamptz, state text, nps integer, csat integer, "
            "channel text, country text, weight double precision)"
        )
        with (
            duckdb.connect(str(made.folder / "visits.duckdb"), read_only=True) as filled,
            connection.cursor() as cursor,
            cursor.copy("COPY visits FROM STDIN (FORMAT csv)") as copy,
        ):
            pipe = made.folder / "visits.csv"
            filled.execute(f"COPY visits TO '{pipe}' (HEADER false)")
            with pipe.open("rb") as read:
                while block := read.read(2**20):
                    copy.write(block)
            pipe.unlink()
        connection.execute("VACUUM ANALYZE visits")
        connection.execute("GRANT SELECT ON visits TO bench")
        postmaster = int((server.folder / "data" / "postmaster.pid").read_text("ascii").split()[0])
        yield Engine(made.folder, port, "postgres", postmaster)


def measure(engine: Engine, rows: int) -> dict[str, Any]:
    """Measure one metric, 20 metrics, and the statements by hand; the best run counts."""
    every = queries()
    assert len(every) == QUERIES  # noqa: S101  # As the documentation says.
    works: dict[str, Callable[[], object]] = {
        "one_metric": lambda: answer(engine, every[:1]),
        "all_metrics": lambda: answer(engine, every),
        "one_by_hand": lambda: engine.run(_ONE_BY_HAND),
        "sets_by_hand": lambda: engine.run(_SETS_BY_HAND),
        "cells_by_hand": lambda: engine.run(_CELLS_BY_HAND),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, work in works.items():
            cpu_start, start = engine.cpu(), time.perf_counter()
            work()
            elapsed = time.perf_counter() - start
            found[name].append((elapsed, engine.cpu() - cpu_start))
    seconds = {name: min(one for one, _ in runs) for name, runs in found.items()}
    cpu = {name: min(one for _, one in runs) for name, runs in found.items()}
    # CPU time, which depends less on what else runs.
    hand = min(cpu["sets_by_hand"], cpu["cells_by_hand"])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        memory = pool.submit(memory_of_refresh, engine).result()
    return {
        "responses": rows,
        **{f"{name}_s": round(one, 3) for name, one in seconds.items()},
        **{f"{name}_cpu_s": round(one, 3) for name, one in cpu.items()},
        "all_to_by_hand": round(cpu["all_metrics"] / hand, 2),
        "all_to_one": round(cpu["all_metrics"] / cpu["one_metric"], 2),
        "all_to_one_by_hand": round(hand / cpu["one_by_hand"], 2),
        **memory,
    }


def answer(engine: Engine, wanted: Sequence[MetricQuery]) -> None:
    """Open the database and answer queries, as a refresh does."""
    clock = SystemClock()
    deadline = Deadline.after(3_600, clock)
    # As the client of a source without hosts: it has no certificate authorities.
    with httpx.Client(verify=trust_none()) as client:
        context = SourceContext(
            http=client, deadline=deadline, destinations=(), folder=engine.folder, clock=clock
        )
        database = engine.open(deadline)
        catalog = Catalog.of(database.tables())
        counted = count_queries(database, catalog, _MAPPING, wanted, context)
        database.close()
        found = dict(counted.answers(clock.now()))
    assert all(isinstance(tally, Tally) for tally in found.values()), found  # noqa: S101  # Else it measures errors.


def memory_of_refresh(engine: Engine) -> dict[str, int]:
    """Return the memory of this process, which is new, before a refresh and at most during it."""
    before = _memory("VmRSS")
    answer(engine, queries())
    return {"before_mb": before, "peak_mb": _memory("VmHWM")}


def _memory(name: str) -> int:
    """Return a number of megabytes that Linux reports about this process."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    found = next(line for line in lines if line.startswith(f"{name}:"))
    return round(int(found.split()[1]) / 1024)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit code."""
    parser = command("sql", __doc__, f"{QUICK_ROWS:,} responses instead of {ROWS:,}")
    parser.add_argument("--rows", type=int, help="the number of responses")
    parser.add_argument("--postgresql", action="store_true", help="in PostgreSQL, not in DuckDB")
    options = parser.parse_args(arguments)
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    make = postgresql_engine if options.postgresql else duckdb_engine
    with make(rows) as engine:
        report(measure(engine, rows), as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
