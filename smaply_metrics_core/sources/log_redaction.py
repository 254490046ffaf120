"""Redacts what is logged on the threads of a source, by the source and by libraries that it uses.

A source that logs a URL or an error of its survey tool cannot know that the server put the secret
into it. Values of ``extra`` are not redacted, nor are records of threads that the source starts.
"""

from __future__ import annotations

import logging
import traceback
from contextvars import ContextVar
from threading import Lock
from typing import Any, Final

from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.sources.exception_details import LONGEST_TEXT, bounded

_redactor: Final[ContextVar[Redactor | None]] = ContextVar("smaply_metrics_core.log", default=None)
_lock: Final = Lock()


def redact_logs(redactor: Redactor) -> None:
    """Redact secrets in all log records that this thread creates from now on."""
    _redactor.set(redactor)
    with _lock:
        factory = logging.getLogRecordFactory()
        if not isinstance(factory, _RedactingFactory):
            logging.setLogRecordFactory(_RedactingFactory(factory))


class _RedactingFactory:
    """Creates log records with the previous factory, and redacts those of sources."""

    def __init__(self, create: Any) -> None:  # noqa: ANN401  # Any factory of the host app.
        self._create = create

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:  # noqa: ANN401  # As above.
        record: logging.LogRecord = self._create(*args, **kwargs)
        redactor = _redactor.get()
        if redactor is not None:
            _redact(record, redactor)
        return record


def _redact(record: logging.LogRecord, redactor: Redactor) -> None:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001  # The arguments do not fit; logging would print them.
        message = str(record.msg)
        record.msg, record.args = message, ()
    if len(message) > LONGEST_TEXT:
        record.msg, record.args = bounded(message), ()
    elif redactor.contains_secret(message, repr(record.args)):
        record.msg, record.args = redactor.redact(message), ()
    if record.exc_info:
        trace = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if len(trace) > LONGEST_TEXT or redactor.contains_secret(trace):
            # Without the exception itself, whose frames some handlers send to other services.
            record.exc_text, record.exc_info = redactor.redact(bounded(trace)), None
