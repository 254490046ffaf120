"""Output is searched for secrets once, however often it is repeated."""

from __future__ import annotations

import logging

import pytest

from smaply_metrics_core.testing.leak_detection.output_capture import OutputCapture
from smaply_metrics_core.testing.leak_detection.secret_encodings import LeakSearch

SECRET = "made-up-secret-token"


def test_a_secret_is_found_in_output_that_differs_otherwise_only_in_addresses() -> None:
    """Output without a secret does not hide a secret in similar output."""
    search = LeakSearch([SECRET])
    assert not search.found_in(b"<Session object at 0x7f01>")
    assert not search.found_in(b"<Session object at 0x7f02>")
    assert search.found_in(f"<Session object at 0x7f02> {SECRET}".encode())
    assert search.found_in(f"<Session object at 0x7f03> {SECRET}".encode())


@pytest.mark.parametrize(
    "attributes",
    [
        {"msg": "sent %s", "args": (SECRET,)},
        {"msg": "sent %.3s", "args": (SECRET,)},
        {"msg": "sent", "args": None, "token": SECRET},
        {"msg": "sent", "args": None, "headers": ("accept", SECRET)},
        {"msg": "failed", "args": None, "exc_info": (ValueError, ValueError(SECRET), None)},
    ],
)
def test_each_part_of_a_log_record_is_searched(attributes: dict[str, object]) -> None:
    """A part that the text of the record repeats is found in the text, any other in itself."""
    output = OutputCapture()
    output.emit(logging.makeLogRecord({"name": "acme", **attributes}))
    assert output.leaks([SECRET]) == ("the log of acme",)
