"""The log of a process on standard error, as text or as JSON."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import Any, Final, TextIO

from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.observability.correlation import correlation_id
from smaply_metrics_core.terminal_text import TerminalFormatter

LINE: Final = "%(asctime)s %(levelname)s %(message)s"
LINE_WITH_NAME: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
TIME: Final = "%Y-%m-%dT%H:%M:%S"

PACKAGES: Final = ("smaply_metrics_core", "smaply_metrics_host")
"""The packages whose records are written from the chosen level on, with their fields."""

FORMAT_VARIABLE: Final = "SMAPLY_METRICS_LOG_FORMAT"

LIBRARIES: Final = ("alembic", "procrastinate", "psycopg", "uvicorn.error")
"""The libraries whose warnings are written."""


class LogLevel(StrEnum):
    """The lowest level of the records that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The level for ``logging``."""
        return logging.getLevelNamesMapping()[self.upper()]


class LogFormat(StrEnum):
    """How records are written: one line of text, or one JSON object on a line."""

    TEXT = "text"
    JSON = "json"


class _StderrHandler(logging.StreamHandler[TextIO]):
    """A handler of ``logging_to_stderr``, so that an inner one can replace it."""


@contextmanager
def logging_to_stderr(level: LogLevel, form: LogFormat = LogFormat.TEXT) -> Iterator[None]:
    """Write the log of the framework and the reference host to standard error during the block.

    Warnings of the libraries of the queue, the database and the server are written too. Times are
    in UTC. An outer call writes nothing during the block.

    Args:
        level: The lowest level.
        form: Text or JSON.

    Raises:
        InputError: when the extra that writes JSON is not installed.
    """
    handler = _StderrHandler()
    handler.setFormatter(log_formatter(form, names=level is LogLevel.DEBUG))
    levels = dict.fromkeys(PACKAGES, level.number)
    levels |= dict.fromkeys(LIBRARIES, max(level.number, logging.WARNING))
    with ExitStack() as restoring:
        for name, lowest in levels.items():
            restoring.enter_context(_handling(logging.getLogger(name), handler, lowest))
        yield


@contextmanager
def settings_warnings_to_stderr(logger: str, form: LogFormat) -> Iterator[None]:
    """Write only the warnings of one logger to standard error, as for a short command."""
    handler = _StderrHandler()
    handler.setFormatter(
        TerminalFormatter("! %(message)s") if form is LogFormat.TEXT else log_formatter(form)
    )
    handler.addFilter(logging.Filter(logger))
    package = logging.getLogger(PACKAGES[0])
    with _handling(package, handler, package.level):
        yield


@contextmanager
def _handling(logger: logging.Logger, handler: logging.Handler, level: int) -> Iterator[None]:
    """Let a logger use this handler instead of those of outer calls."""
    outer = [one for one in logger.handlers if isinstance(one, _StderrHandler)]
    before = logger.level
    for one in outer:
        logger.removeHandler(one)
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        for one in outer:
            logger.addHandler(one)


def log_formatter(form: LogFormat, *, names: bool = False) -> logging.Formatter:
    """Return a formatter, as for a host app's own handlers.

    Args:
        form: Text or JSON.
        names: Whether text has the names of loggers; JSON has them anyway.

    Raises:
        InputError: when the extra that writes JSON is not installed.
    """
    if form is LogFormat.JSON:
        return _json_formatter()
    text = _TextFormatter(LINE_WITH_NAME if names else LINE, TIME)
    text.converter = time.gmtime
    return text


class _TextFormatter(TerminalFormatter):
    """Writes the time with milliseconds, and the correlation ID after messages without fields."""

    default_msec_format = "%s.%03dZ"

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802  # The name of the overridden method.
        """Return the time of a record in UTC."""
        return self.default_msec_format % (super().formatTime(record, datefmt), record.msecs)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # As above.
        """Return the line of a record, without its traceback."""
        line, known = super().formatMessage(record), correlation_id()
        return line if not known or hasattr(record, "fields") else f"{line} correlation_id={known}"


def _json_formatter() -> logging.Formatter:
    require_extra("cli", "pythonjsonlogger.json")
    from pythonjsonlogger.json import JsonFormatter

    class EventFormatter(JsonFormatter):
        """Writes the fields of our own records only.

        A record of a source or a library may have a secret in an attribute, where nothing redacts
        it. Records of a logger of ours have those of ``log_event``.
        """

        def add_fields(
            self,
            log_data: dict[str, Any],
            record: logging.LogRecord,
            message_dict: dict[str, Any],
        ) -> None:
            """Set the members of the JSON object of a record."""
            instant = time.strftime(TIME, time.gmtime(record.created))
            log_data["time"] = f"{instant}.{int(record.msecs):03d}Z"
            log_data["level"] = record.levelname.lower()
            log_data["logger"] = record.name
            ours = record.name.partition(".")[0] in PACKAGES
            fields = vars(record).get("fields") if ours else None
            if isinstance(fields, dict):
                log_data["message"] = vars(record).get("event", "")
                log_data |= fields
            else:
                log_data["message"] = record.message
                if known := correlation_id():
                    log_data["correlation_id"] = known
            if "exc_info" in message_dict:
                log_data["traceback"] = message_dict["exc_info"]

    return EventFormatter(json_ensure_ascii=True)
