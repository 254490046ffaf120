"""Notices the files that are written while a source works, wherever they lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from smaply_metrics_core.testing.auditing import hearing_events

MOST_BYTES: Final = 32 * 1024 * 1024
"""Read of a file that was written; a secret does not hide behind more."""


@contextmanager
def noticing_files(written: list[tuple[str, bytes]]) -> Iterator[None]:
    """Note each file that was opened to be written and is there when the block ends."""
    opened: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        path = _written(event, arguments)
        if isinstance(path, str | bytes | os.PathLike):
            opened.append(os.fsdecode(path))

    try:
        with hearing_events(hear):
            yield
    finally:
        for name in dict.fromkeys(opened):
            path = Path(name)
            # Whoever else uses the file may delete it now: then it was not left behind.
            with suppress(FileNotFoundError):
                if path.is_file():
                    with path.open("rb") as file:
                        written.append((name, file.read(MOST_BYTES)))


def _written(event: str, arguments: tuple[Any, ...]) -> object:
    """Give what the event writes; the names of the events are in Python's table of them."""
    match event, arguments:
        case "open", (path, _, int(flags)) if flags & (os.O_WRONLY | os.O_RDWR):
            return path
        case "os.rename", (_, path, *_):  # Whoever writes with care renames what is complete.
            return path
        case "sqlite3.connect", (path,):  # Its files are opened below Python, and heard by nobody.
            return path
    return None
