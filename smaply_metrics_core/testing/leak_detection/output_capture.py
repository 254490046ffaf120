"""Everything that a source lets out while it works: logs, errors, and what it was seen to send."""

from __future__ import annotations

import io
import logging
import os
import pickle
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from pydantic import BaseModel

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.redaction import HIDDEN
from smaply_metrics_core.testing.leak_detection.secret_encodings import contains_secret
from smaply_metrics_core.testing.leak_detection.side_effects import (
    detect_file_writes,
    detect_subprocesses,
)

_OUR_OWN = ("vcr",)
"""Loggers of the test machinery: they tell what is recorded, whatever the source does."""


_WAS_HIDDEN = HIDDEN.encode()
"""What the framework leaves where it took a secret out of a source's text."""


class OutputCapture(logging.Handler):
    """Collects texts in which no secret may stand."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._heard: list[tuple[str, bytes]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take a log record with its traceback and all that a formatter may write of it."""
        if record.name.partition(".")[0] not in _OUR_OWN:
            text = self.format(record)
            self.note(f"the log of {record.name}", f"{text}\n{vars(record)!r}".encode())

    def note(self, where: str, content: bytes) -> None:
        """Take any other text; ``where`` says where it stood."""
        self._heard.append((where, content))

    def error(self, error: MetricsError) -> None:
        """Take an error in every form in which one travels."""
        name = type(error).__name__
        self.note(f"the text of {name}", f"{error}\n{error!r}\n{error.args!r}".encode())
        self.note(f"the problem of {name}", error.to_problem().model_dump_json().encode())
        self.note(f"the pickle of {name}", pickle.dumps(error))
        self.note(f"what {name} carries", repr(vars(error)).encode())
        self.note(f"the traceback of {name}", "".join(traceback.format_exception(error)).encode())

    def value(self, value: object) -> None:
        """Take whatever a call gave, with all that is in it."""
        if isinstance(value, MetricsError):
            self.error(value)
        elif isinstance(value, BaseModel):
            self.note(f"what it gave as {type(value).__name__}", value.model_dump_json().encode())
        elif isinstance(value, Mapping):
            self.value(tuple(value.values()))
        elif isinstance(value, tuple | list):
            for item in value:
                self.value(item)
        elif isinstance(value, bytes):
            self.note("the bytes that it gave", value)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear every logger at every level, what is printed, and what is left behind."""
        root = logging.getLogger()
        level = root.level
        printed = io.StringIO()
        written: list[tuple[str, bytes]] = []
        environment = dict(os.environ)
        really = logging.Logger.callHandlers

        def heard(logger: logging.Logger, record: logging.LogRecord) -> None:
            self.emit(record)  # Whether or not the logger hands its records on.
            really(logger, record)

        logging.Logger.callHandlers = heard  # type: ignore[assignment, method-assign]  # Put back below.
        root.setLevel(logging.DEBUG)
        for name in _OUR_OWN:  # Its log would bury what a failed test says.
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            with (
                redirect_stdout(printed),
                redirect_stderr(printed),
                detect_file_writes(written),
                detect_subprocesses(lambda where, text: self.note(where, text.encode())),
            ):
                yield
        finally:
            root.setLevel(level)
            logging.Logger.callHandlers = really  # type: ignore[method-assign]  # As it was.
            self.note("what it printed", printed.getvalue().encode())
            for name, content in written:
                self.note(f"the file {name}", content)
            left = {name: v for name, v in os.environ.items() if environment.get(name) != v}
            self.note("the environment of the process", repr(left).encode())
            for name in left.keys() - environment.keys():
                del os.environ[name]  # No other test is to find it.

    def told(self, secrets: Sequence[str]) -> tuple[str, ...]:
        """Name the places where a secret was heard, in whatever form, or had to be hidden."""
        if not _tells(b"\0".join(content for _, content in self._heard), secrets):
            return ()  # As nearly always, and found out in one search.
        places = (where for where, content in self._heard if _tells(content, secrets))
        return tuple(dict.fromkeys(places))


def _tells(content: bytes, secrets: Sequence[str]) -> bool:
    return _WAS_HIDDEN in content or contains_secret(content, secrets)
