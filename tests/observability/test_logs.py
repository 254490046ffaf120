"""The log: named fields, correlation IDs, text and JSON, and no secrets of other records."""

from __future__ import annotations

import json
import logging
from threading import Thread

import pytest

from smaply_metrics_core.observability.correlation import correlated, correlation_id
from smaply_metrics_core.observability.log_events import FieldValue, log_event
from smaply_metrics_core.observability.log_output import LogFormat, LogLevel, logging_to_stderr
from smaply_metrics_core.observability.telemetry import capture_context

LOGGER = logging.getLogger("smaply_metrics_core.host.refresh.refresh_log")
FIELDS: dict[str, FieldValue] = {
    "outcome": "done",
    "survey": "S 1\n\u202e",
    "seconds": 1.5,
    "bytes": 0,
    "none": None,
}


def test_a_text_line_has_the_time_the_level_and_the_fields(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Values that are not words are in quotation marks, so that a line cannot be forged."""
    with logging_to_stderr(LogLevel.INFO), correlated("request-1"):
        log_event(LOGGER, logging.INFO, "Refreshed.", FIELDS)
        LOGGER.info("Another record.")
        LOGGER.debug("hidden")
    first, second = capsys.readouterr().err.splitlines()
    time, rest = first.split(" ", 1)
    assert len(time) == len("2026-04-01T12:00:00.000Z")
    assert rest == (
        'INFO Refreshed. outcome=done survey="S 1\\n\\u202e" seconds=1.5 bytes=0 '
        "correlation_id=request-1"
    )
    assert second.endswith("INFO Another record. correlation_id=request-1")


def test_a_json_line_has_the_fields_as_members(capsys: pytest.CaptureFixture[str]) -> None:
    """The attributes of records of libraries are left out: nothing redacts them."""
    with logging_to_stderr(LogLevel.INFO, LogFormat.JSON), correlated("request-1"):
        log_event(LOGGER, logging.WARNING, "Failed.", FIELDS)
        logging.getLogger("procrastinate").warning(
            "stuck", extra={"token": "hunter2", "fields": {"token": "hunter2"}}
        )
        try:
            _ = 1 / 0
        except ZeroDivisionError:
            LOGGER.exception("A bug.")
    lines = capsys.readouterr().err.splitlines()
    first, second, third = map(json.loads, lines)
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "warning",
        "logger": LOGGER.name,
        "message": "Failed.",
        "outcome": "done",
        "survey": "S 1\n\u202e",
        "seconds": 1.5,
        "bytes": 0,
        "correlation_id": "request-1",
    }
    assert second["message"] == "stuck"
    assert "ZeroDivisionError" in third["traceback"]
    assert "hunter2" not in "".join(lines)
    assert "\u202e" not in "".join(lines)


def test_handlers_and_levels_are_restored(capsys: pytest.CaptureFixture[str]) -> None:
    """An inner block replaces the outer one instead of writing records twice."""
    package = logging.getLogger("smaply_metrics_core")
    before = (list(package.handlers), package.level)
    with logging_to_stderr(LogLevel.WARNING):
        with logging_to_stderr(LogLevel.INFO):
            LOGGER.info("once")
        LOGGER.info("hidden")
    assert (list(package.handlers), package.level) == before
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("INFO once")


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", "a\nb", "<script>"])
def test_a_correlation_id_that_is_not_valid_is_replaced(given: str) -> None:
    """A header can come from any client."""
    with correlated(given) as known:
        assert known != given
        assert len(known) == 16
    assert correlation_id() == ""


def test_a_correlation_id_is_inherited_and_carried_to_threads() -> None:
    """An inner block has the ID of the outer one, unless it is given another."""
    seen = []
    with correlated("outer"):
        with correlated():
            seen.append(correlation_id())
        with correlated("inner"):
            restore = capture_context()

    def work() -> None:
        seen.append(correlation_id())
        with restore():
            seen.append(correlation_id())

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["outer", "", "inner"]
