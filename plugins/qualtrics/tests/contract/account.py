"""The account behind the cassettes: two small generated surveys in the sandbox."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smaply_metrics_qualtrics_sandbox import SandboxServer, generate

TOKEN: Final = "Contract0Token0That0Is0Made0Up0Entirely1"
SEED: Final = 7
UNTIL: Final = datetime(2026, 4, 1, 12, tzinfo=UTC)
KEPT: Final = {"relationship": 8, "store": 1}
"""The surveys, and the step: every n-th response is included."""

HEADER_ROWS: Final = 3


def write_surveys(folder: Path) -> None:
    """Write the surveys. They are the same each time."""
    with tempfile.TemporaryDirectory() as everything:
        generate(Path(everything), seed=SEED, until=UNTIL)
        for name, every in KEPT.items():
            survey = folder / name
            survey.mkdir(parents=True)
            shutil.copy(Path(everything) / name / "survey.json", survey)
            _thin_out(Path(everything) / name / "responses.csv", survey / "responses.csv", every)


def _thin_out(source: Path, target: Path, every: int) -> None:
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([*rows[:HEADER_ROWS], *rows[HEADER_ROWS::every]])


@contextmanager
def sandbox() -> Iterator[SandboxServer]:
    """Serve the account with one survey per page and a fixed time."""
    with tempfile.TemporaryDirectory() as folder:
        write_surveys(Path(folder))
        with SandboxServer(Path(folder), token=TOKEN, page_size=1, now=lambda: UNTIL) as server:
            yield server
