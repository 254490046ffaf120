"""Standard output is for the command's own output; other code prints to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

STDOUT_NUMBER = 1


class _StdoutRedirect:
    """Whether this process runs one command only, and its reserved standard output."""

    ours = False
    stdout: TextIO | None = None


def reserve_stdout() -> TextIO:
    """Return the stream for the command's own output."""
    return _StdoutRedirect.stdout or sys.stdout


@contextmanager
def process_of_our_own() -> Iterator[None]:
    """Declare that this process runs one command only, so that its streams may be redirected."""
    _StdoutRedirect.ours = True
    try:
        yield
    finally:
        if _StdoutRedirect.stdout is not None:
            # An error of it was reported when it was written to.
            with suppress(OSError):
                _StdoutRedirect.stdout.close()


def keep_stdout() -> None:
    """Reserve standard output before the code of a source runs for the first time.

    From then on a ``print``, a write to the descriptor and the output of child processes go to
    standard error, until the process ends: a cancelled call may print at any time. Nothing is
    redirected in a process that runs more than one command, as in tests. (Typer prints help before
    this.)
    """
    before = sys.__stdout__
    if not _StdoutRedirect.ours or _StdoutRedirect.stdout is not None or before is None:
        return
    before.flush()
    _StdoutRedirect.stdout = os.fdopen(
        os.dup(STDOUT_NUMBER), "w", encoding=before.encoding, errors=before.errors
    )
    if sys.__stderr__ is None:  # The parent process closed it.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, STDOUT_NUMBER)
        os.close(null)
    else:
        os.dup2(sys.__stderr__.fileno(), STDOUT_NUMBER)
    sys.stdout = sys.stderr
