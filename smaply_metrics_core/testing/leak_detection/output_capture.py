"""Captures all output of a source: logs, errors, values, printed text and files."""

from __future__ import annotations

import io
import logging
import os
import pickle
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Final

from pydantic import BaseModel

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.redaction import HIDDEN
from smaply_metrics_core.testing.leak_detection.secret_encodings import search_for
from smaply_metrics_core.testing.leak_detection.side_effects import (
    detect_file_writes,
    detect_subprocesses,
)

_OWN_LOGGERS: Final = ("vcr",)
"""Loggers of the test libraries, which log recorded data whatever the source does."""

_NUMBERS: Final = {"created", "msecs", "relativeCreated", "thread", "process"}
"""Attributes of log records that differ in each run, and would make all outputs different."""

_REDACTED: Final = HIDDEN.encode()
"""The text with which the framework replaces a secret in a source's text."""


class OutputCapture(logging.Handler):
    """Collects output that must not contain a secret."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._outputs: list[tuple[str, bytes]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Add a log record with its traceback and all of its attributes."""
        if record.name.partition(".")[0] not in _OWN_LOGGERS:
            text = self.format(record)
            attributes = {
                name: _without_repetitions(value, text)
                for name, value in vars(record).items()
                if name not in _NUMBERS or not isinstance(value, int | float)
            }
            self.add(f"the log of {record.name}", f"{text}\n{attributes!r}".encode())

    def add(self, where: str, content: bytes) -> None:
        """Add any other output; ``where`` is its name in messages."""
        self._outputs.append((where, content))

    def add_error(self, error: MetricsError) -> None:
        """Add every representation of an error."""
        name = type(error).__name__
        self.add(f"the text of {name}", f"{error}\n{error!r}\n{error.args!r}".encode())
        self.add(f"the problem of {name}", error.to_problem().model_dump_json().encode())
        self.add(f"the pickle of {name}", pickle.dumps(error))
        self.add(f"the attributes of {name}", repr(vars(error)).encode())
        self.add(f"the traceback of {name}", "".join(traceback.format_exception(error)).encode())

    def add_value(self, value: object) -> None:
        """Add the return value of a call and everything in it."""
        if isinstance(value, MetricsError):
            self.add_error(value)
        elif isinstance(value, BaseModel):
            self.add(f"the returned {type(value).__name__}", value.model_dump_json().encode())
        elif isinstance(value, Mapping):
            # One error is often the answer to all queries.
            self.add_value(tuple({id(one): one for one in value.values()}.values()))
        elif isinstance(value, tuple | list):
            for item in value:
                self.add_value(item)
        elif isinstance(value, bytes):
            self.add("the returned bytes", value)

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Capture all loggers at all levels, stdout, stderr, files and the environment."""
        root = logging.getLogger()
        level = root.level
        printed = io.StringIO()
        written: list[tuple[str, bytes]] = []
        environment = dict(os.environ)
        call_handlers = logging.Logger.callHandlers

        def capture(logger: logging.Logger, record: logging.LogRecord) -> None:
            self.emit(record)  # Even if the logger does not propagate its records.
            call_handlers(logger, record)

        logging.Logger.callHandlers = capture  # type: ignore[assignment, method-assign]  # Restored below.
        root.setLevel(logging.DEBUG)
        for name in _OWN_LOGGERS:  # Their logs would hide the message of a failed test.
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            with (
                redirect_stdout(printed),
                redirect_stderr(printed),
                detect_file_writes(written),
                detect_subprocesses(lambda where, text: self.add(where, text.encode())),
            ):
                yield
        finally:
            root.setLevel(level)
            logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign]  # The original.
            self.add("the printed text", printed.getvalue().encode())
            for name, content in written:
                self.add(f"the file {name}", content)
            changed = {name: v for name, v in os.environ.items() if environment.get(name) != v}
            self.add("the environment of the process", repr(changed).encode())
            for name in changed.keys() - environment.keys():
                del os.environ[name]  # Other tests must not find it.

    def leaks(self, secrets: Sequence[str]) -> tuple[str, ...]:
        """Return the places where a secret occurs in any encoding, or was redacted."""
        search = search_for(tuple(secrets))
        if not any(_REDACTED in content for _, content in self._outputs) and not search.found_in(
            *(content for _, content in self._outputs)
        ):
            return ()  # One search for the usual case.
        places = (
            where
            for where, content in self._outputs
            if _REDACTED in content or search.found_in(content)
        )
        return tuple(dict.fromkeys(places))


def _without_repetitions(value: object, text: str) -> object:
    """Return an attribute of a log record without the strings that its text contains as they are.

    Repeated as a repr, a traceback would be searched for secrets within many escapes.
    """
    if isinstance(value, tuple):
        return tuple(_without_repetitions(one, text) for one in value)
    return "" if isinstance(value, str) and value in text else value
