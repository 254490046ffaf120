"""Standard output is for our own answers: what anybody else prints goes to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

STDOUT_NUMBER = 1


class _StdoutRedirect:
    """Whether this process is ours alone, and its standard output once it is kept from others."""

    ours = False
    stdout: TextIO | None = None


def reserve_stdout() -> TextIO:
    """Give the stream for our own answers."""
    return _StdoutRedirect.stdout or sys.stdout


@contextmanager
def process_of_our_own() -> Iterator[None]:
    """Say that this process exists for one command, so that its streams may be moved."""
    _StdoutRedirect.ours = True
    try:
        yield
    finally:
        if _StdoutRedirect.stdout is not None:
            # Whatever is wrong with it was told when it was written to.
            with suppress(OSError):
                _StdoutRedirect.stdout.close()


def keep_stdout() -> None:
    """Keep standard output for ourselves, before the code of a source is run for the first time.

    Until the process ends, since a call that was given up may print at any time: a ``print``, a
    write to the descriptor and what a child process says all lead to standard error. Nothing is
    moved in a process that is not ours, as in tests. (Help is printed by Typer, before this.)
    """
    before = sys.__stdout__
    if not _StdoutRedirect.ours or _StdoutRedirect.stdout is not None or before is None:
        return
    before.flush()
    _StdoutRedirect.stdout = os.fdopen(
        os.dup(STDOUT_NUMBER), "w", encoding=before.encoding, errors=before.errors
    )
    if sys.__stderr__ is None:  # It was closed by whoever started us.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, STDOUT_NUMBER)
        os.close(nowhere)
    else:
        os.dup2(sys.__stderr__.fileno(), STDOUT_NUMBER)
    sys.stdout = sys.stderr
