"""Many loads at once: ``python -m benchmarks.stampede [--quick] --json``.

Eight processes with 25 threads each load the same map at once: 30 cards on three surveys of a
sandbox whose exports take a second. First there are no values; then all values are stale. Each
thread loads once without waiting, as a page does, and once more until every card is fresh.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import update

from benchmarks.report import command, report
from benchmarks.stores import ACTOR, keys, open_store, postgres_url, settings_of
from smaply_metrics_core.host import Calculation, Definition, MetricsHost
from smaply_metrics_core.host.store.tables import attempts
from smaply_metrics_qualtrics_sandbox import SandboxServer, generate

PROCESSES: Final = 8
THREADS: Final = 25
SURVEYS: Final = 3
CARDS_OF_EACH: Final = 10
EXPORT_SECONDS: Final = 1.0
RUNS: Final = 3
_TOKEN: Final = "benchmark-token-of-forty-characters-0001"  # noqa: S105  # The token of a local sandbox.
_VARIABLE: Final = "SMAPLY_QUALTRICS_SANDBOX"
_NUMBERS: Final = (Calculation.AVERAGE, Calculation.NPS, Calculation.ANSWERED)


def measure(runs: int) -> dict[str, Any]:
    """Measure a map without values once, and a stale one ``runs`` times."""
    with tempfile.TemporaryDirectory(prefix="bench-") as made, postgres_url() as url:
        folder = Path(made)
        generate(folder / "surveys", seed=1, until=datetime.now(UTC))
        with SandboxServer(folder / "surveys", token=_TOKEN) as sandbox:
            environment = {**os.environ, **keys(), _VARIABLE: sandbox.host}
            os.environ[_VARIABLE] = sandbox.host  # The plugin reads it.
            expected = _add_metrics(folder / "alone", None, environment, sandbox.host)
            _add_metrics(folder / "home", url, environment, sandbox.host, measured=False)
            control = f"http://{sandbox.host}/__sandbox__"
            httpx.post(f"{control}/exports", json={"seconds": EXPORT_SECONDS})
            return _stampede(folder / "home", url, environment, control, expected, runs)


def _stampede(  # noqa: PLR0913, PLR0917  # The environment and what to measure.
    home: Path,
    url: str | None,
    environment: Mapping[str, str],
    control: str,
    expected: Mapping[str, str],
    runs: int,
) -> dict[str, Any]:
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_process(home, url, environment)) for _ in range(PROCESSES)
        ]
        for process in processes:
            if _receive(process) != "ready":
                raise RuntimeError("a process did not start")
        httpx.delete(f"{control}/log")
        cold = _load_all(processes)
        cold_exports = _exports(control)
        stale: list[dict[str, Any]] = []
        stale_exports = []
        for _ in range(runs):
            _make_stale(home, url)
            httpx.delete(f"{control}/log")
            stale += _load_all(processes)
            stale_exports.append(_exports(control))
    wrong = sum(look["last"] != expected or not look["fresh"] for look in (*cold, *stale))
    wrong += sum(look["first"] != expected for look in stale)
    times = [look["first_byte_s"] * 1_000 for look in stale]
    return {
        "database": "sqlite" if url is None else "postgresql",
        "processes": PROCESSES,
        "threads": THREADS,
        "surveys": SURVEYS,
        "cards": len(expected),
        "loads": len(cold),
        "exports_started": cold_exports,
        "stale_exports_started": max(stale_exports),
        "wrong_values": wrong,
        "export_s": EXPORT_SECONDS,
        "stale_first_byte_p50_ms": round(statistics.median(times), 1),
        "stale_first_byte_p99_ms": round(statistics.quantiles(times, n=100)[98], 1),
    }


def _add_metrics(
    home: Path,
    url: str | None,
    environment: Mapping[str, str],
    sandbox: str,
    *,
    measured: bool = True,
) -> dict[str, str]:
    """Create the metrics of the map; return their values if ``measured`` is true."""
    with MetricsHost(settings_of(home, url, environment)) as host:
        credentials = {"base_url": sandbox, "api_token": _TOKEN}
        host.connections.connect(ACTOR, "qualtrics", credentials)
        for survey in host.catalog.surveys(ACTOR, "qualtrics", limit=SURVEYS).surveys:
            for definition in _definitions(host, survey.id):
                name = f"{survey.id} {definition.question_id} {definition.calculation}"
                host.metrics.add(ACTOR, "qualtrics", name, definition)
        cards = host.cards.load(ACTOR, wait=60) if measured else ()
    return {card.name: card.text for card in cards}


def _definitions(host: MetricsHost, survey_id: str) -> list[Definition]:
    questions = host.catalog.questionnaire(ACTOR, "qualtrics", survey_id).walk()
    found = [
        Definition(survey_id=survey_id, question_id=question.id, calculation=calculation)
        for question in questions
        for calculation in _NUMBERS
        if calculation in question.calculations
    ]
    return found[:CARDS_OF_EACH]


def _make_stale(home: Path, url: str | None) -> None:
    store = open_store(home, url)
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with store.writing() as db:
        db.execute(
            update(attempts)
            .where(attempts.c.account == ACTOR.account)
            .values(started_at=long_ago, ended_at=long_ago)
        )
    store.close()


def _exports(control: str) -> int:
    """Return the number of exports in the log of the sandbox."""
    entries = httpx.get(f"{control}/log").raise_for_status().json()["calls"]
    return sum(
        entry["method"] == "POST" and entry["path"].endswith("/export-responses")
        for entry in entries
    )


@contextmanager
def _process(
    home: Path, url: str | None, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.stampede_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        setup = {"home": str(home), "database": url, "threads": THREADS}
        _send(process, json.dumps(setup))
        yield process
    finally:
        process.communicate()


def _send(process: subprocess.Popen[str], line: str) -> None:
    if process.stdin is None:
        raise AssertionError("stdin is a pipe")
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _receive(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise AssertionError("stdout is a pipe")
    return process.stdout.readline().strip()


def _load_all(processes: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    for process in processes:
        _send(process, "go")
    return [look for process in processes for look in json.loads(_receive(process))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result; return 1 if a value or the number of exports is wrong."""
    options = command("stampede", __doc__, "one run with a stale map").parse_args(arguments)
    measured = measure(1 if options.quick else RUNS)
    report(measured, as_json=options.json)
    exports = {measured["exports_started"], measured["stale_exports_started"]}
    return 0 if exports == {measured["surveys"]} and not measured["wrong_values"] else 1


if __name__ == "__main__":
    sys.exit(main())
