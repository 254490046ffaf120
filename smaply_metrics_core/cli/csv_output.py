"""CSV on standard output, for commands with ``--format csv``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Literal, TextIO

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.stdio import reserve_stdout

OutputFormat = Literal["table", "csv"]


def writes_csv(output_format: OutputFormat, *, wants_json: bool) -> bool:
    """Whether a command writes CSV.

    Raises:
        CommandLineError: if it is to write JSON as well.
    """
    if output_format == "csv" and wants_json:
        raise CommandLineError("--format csv and --json exclude each other.", "Omit one.")
    return output_format == "csv"


@contextmanager
def csv_output() -> Iterator[TextIO]:
    """Yield a stream to standard output, in UTF-8 whatever the encoding of the terminal."""
    out = reserve_stdout()
    out.flush()
    written = TextIOWrapper(out.buffer, encoding="utf-8", newline="")
    try:
        yield written
        written.flush()
    finally:  # When a text wrapper is collected, it closes the stream it wraps.
        written.detach()
