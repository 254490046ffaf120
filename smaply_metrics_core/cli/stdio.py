"""Redirection of standard output: the command's own output only; other code prints to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

STDOUT_NUMBER = 1


class _StdoutRedirect:
    """Whether this process runs only one command, and its reserved standard output."""

    ours = False
    stdout: TextIO | None = None


def reserve_stdout() -> TextIO:
    """Return the stream for the command's own output."""
    return _StdoutRedirect.stdout or sys.stdout


@contextmanager
def process_of_our_own() -> Iterator[None]:
    """Declare that this process runs only one command, so that its streams may be redirected."""
    _StdoutRedirect.ours = True
    try:
        yield
    finally:
        if _StdoutRedirect.stdout is not None:
            # A write to it has already reported the error.
            with suppress(OSError):
                _StdoutRedirect.stdout.close()


def keep_stdout() -> None:
    """Reserve standard output for the command before the code of a source runs.

    ``print``, writes to the descriptor and the output of child processes then go to standard error
    until the process ends, because an abandoned call may print at any time. Nothing is redirected
    in a process that runs several commands, such as a test run.
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
