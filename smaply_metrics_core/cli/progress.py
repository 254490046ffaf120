"""A progress bar on standard error while an export runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from smaply_metrics_core.cli.output import console, text
from smaply_metrics_core.context import ProgressCallback


@contextmanager
def progress_bar() -> Iterator[ProgressCallback | None]:
    """Yield a callback that shows the progress of an export; ``None`` without a terminal."""
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield None
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("Requesting data", total=None)

        def report(done: float, total: float | None, what: str) -> None:
            bar.update(task, completed=done, total=total, description=text(what).plain)

        yield report
