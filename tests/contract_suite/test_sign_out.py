"""Requests that end a login session are not disturbed by faults."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core.testing.faults.replay import RecordedRequest, RecordedResponse
from smaply_metrics_core.testing.suite.fault_injection import Scenario
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult


def scenario(*bodies: bytes, sign_out: str) -> Scenario:
    """Return a scenario with these requests."""
    result = ScenarioResult(datetime(2026, 6, 1, tzinfo=UTC))
    result.exchanges += [
        (RecordedRequest("POST", "/rpc", body, ()), RecordedResponse(200, (), b"{}"))
        for body in bodies
    ]
    return Scenario("surveys", lambda _: None, result, sign_out)


@pytest.mark.parametrize(
    ("requests", "sign_out", "positions"),
    [
        ([b"login", b"list", b"logout"], "", (1, 2, 3)),
        ([b"login", b"list", b"logout"], "logout", (1, 2)),
        ([b"login", b"logout", b"login", b"list", b"logout"], "logout", (1, 3, 4)),
        ([b"login", *[b"page"] * 9, b"logout"], "logout", (1, 2, 5, 9, 10)),
        ([b"login", b"list"], "rpc", ()),
    ],
)
def test_no_fault_is_tried_at_a_sign_out(
    requests: list[bytes], sign_out: str, positions: tuple[int, ...]
) -> None:
    """The fact `sign_out` names a text in the path or body of these requests."""
    assert scenario(*requests, sign_out=sign_out).positions() == positions
