"""The requests at which faults are tried: each operation, and no sign-out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from smaply_metrics_core import json_rpc_method
from smaply_metrics_core.testing.faults.replay import RecordedRequest, RecordedResponse
from smaply_metrics_core.testing.suite.fault_injection import Scenario, sampled
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult
from tests.contract_suite.mutants.contracts import HttpContract


def scenario(*bodies: bytes, **parts: Any) -> Scenario:  # noqa: ANN401  # Parts of a scenario.
    """Return a scenario with these requests."""
    result = ScenarioResult(datetime(2026, 6, 1, tzinfo=UTC))
    result.exchanges += [
        (RecordedRequest("POST", "/rpc", body, ()), RecordedResponse(200, (), b"{}"))
        for body in bodies
    ]
    return Scenario("surveys", lambda _: None, result, **parts)


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
    assert scenario(*requests, sign_out=sign_out).positions == positions


def test_a_fault_is_tried_at_each_operation() -> None:
    """Of many requests to one URL, at least one of each operation."""
    calls = [b'{"method": "%s"}' % name.encode() for name in ("in", *"ppppp", "find", *"ppppp")]

    assert scenario(*calls).positions == (1, 2, 6, 11, 12)
    assert scenario(*calls, operation=json_rpc_method).positions == (1, 2, 6, 7, 11, 12)


class Sampled(HttpContract):
    """A class that tries each fault at one request of a call."""

    fault_sample = "HttpContract tries each fault at every request."


def test_a_sample_has_one_request_for_each_fault() -> None:
    """A sample is the same in every run, and many faults together hit each request."""
    calls = scenario(*[b"page"] * 5)
    faults = [f"HTTP {number} is returned" for number in range(500, 524)]

    every = [sampled(Lab(HttpContract()), calls, fault, (1, 2, 4)) for fault in faults]
    some = [sampled(Lab(Sampled()), calls, fault, (1, 2, 4)) for fault in faults]

    assert every == [(1, 2, 4)] * len(faults)
    assert some == [sampled(Lab(Sampled()), calls, fault, [1, 2, 4]) for fault in faults]
    assert set(some) == {(1,), (2,), (4,)}
    assert sampled(Lab(Sampled()), calls, "no request", ()) == ()
