"""Contract tests of faults that hit exactly one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import httpx

from smaply_metrics_core.errors import PluginError
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.disturbances import (
    HTML,
    break_off,
    content,
    network_error,
    once,
    status,
    truncate,
)
from smaply_metrics_core.testing.faults.fault_types import REFUSED, is_structured
from smaply_metrics_core.testing.faults.replay import RecordedRequest, Replay
from smaply_metrics_core.testing.suite.bundles import BUNDLE
from smaply_metrics_core.testing.suite.fault_injection import (
    changed_answers,
    http_scenarios,
    reports_missing_data,
    run_with_fault,
    sampled,
)
from smaply_metrics_core.testing.suite.subject import ContractSubject

TRANSIENT: Final = {
    "one 500": status(500, b"{}"),
    "one 503": status(503, b"{}"),
    "one timeout": network_error(httpx.ReadTimeout),
    "one connection that breaks in the middle of the response": break_off,
}
"""Faults after which the client of the context sends the request again."""

FINAL: Final = {
    "one web page": content(b"<html>Down for maintenance</html>", HTML),
    "one empty JSON object": content(b"{}"),
    "one empty body": content(b""),
    "one 404": status(404, b"{}"),
    "half of one response": truncate,
}
"""Faults that the client returns as a response."""


class SingleFaultTests(ContractSubject):
    """Faults of one request, after which the survey tool answers again."""

    def test_one_failure_does_not_fail_the_answer(self) -> None:
        """One failure does not change the answer, whichever request it hits but a sign-in."""
        for scenario in http_scenarios(self.lab):
            positions = [
                position
                for position in scenario.positions
                if not self._signs_in(scenario.exchanges[position - 1][0])
            ]
            for name, disturb in TRANSIENT.items():
                for position in sampled(self.lab, scenario, name, positions):
                    replay = Replay(scenario.exchanges, once(disturb), position)
                    result = self.lab.replay(scenario.work, replay, clock=ManualClock(self.now))
                    changed = changed_answers(result, scenario.result)
                    message = next((one.message for one in changed if one), "")
                    expect(
                        not changed,
                        f"{scenario.name}, after {name} to request {position}: the answer differs "
                        f"from that without a failure. {message}",
                        "let `context.http` send the request again: pass "
                        "`extensions=SAFE_TO_REPEAT` for a read by POST, and do not catch its "
                        "errors",
                    )

    def test_one_bad_response_is_never_skipped(self) -> None:
        """One response that is no answer ends in an error, never in an answer without its data."""
        bugs = fault_types.error_kinds(PluginError)
        for scenario in http_scenarios(self.lab):
            if scenario.name == BUNDLE:
                continue  # It may contain any response.
            for name, disturb in FINAL.items():
                positions = [
                    position
                    for position in scenario.positions
                    if disturb is not truncate
                    or is_structured(scenario.exchanges[position - 1][1].content)
                ]
                for position in sampled(self.lab, scenario, name, positions):
                    replay = Replay(scenario.exchanges, once(disturb), position)
                    result = self.lab.replay(scenario.work, replay)
                    if reports_missing_data(result.value, scenario.result.value):
                        continue
                    changed = changed_answers(result, scenario.result)
                    expect(
                        all(one is not None and one.kind not in bugs for one in changed),
                        f"{scenario.name}, after {name} instead of response {position} of "
                        f"{len(scenario.exchanges)}: the source returns an answer without its "
                        "data, or has a bug.",
                        "raise SourceUnavailable for a response that is no answer; never skip it, "
                        "or the numbers are too small",
                    )

    def test_a_post_is_sent_once(self) -> None:
        """A POST that is not declared as safe to repeat, and a sign-in, are never repeated."""
        # The client repeats any request that was not sent since the connection was refused.
        transient = (
            *fault_types.outages(),
            *(one for one in fault_types.network_failures() if one.name != REFUSED),
        )
        for scenario in http_scenarios(self.lab):
            requests = [request for request, _ in scenario.exchanges]
            positions = [
                position
                for position in scenario.positions
                if not requests[position - 1].may_repeat or self._signs_in(requests[position - 1])
            ]
            for fault in transient:
                for position in sampled(self.lab, scenario, fault.name, positions):
                    request = requests[position - 1]
                    signs_in = self._signs_in(request)
                    usual = _times(request, requests[position - 1 :])
                    _, replay = run_with_fault(self.lab, scenario, fault, position)
                    times = _times(request, replay.requests_since_fault())
                    if times > usual:
                        raise broken(
                            f"{scenario.name}, when {fault.name} from request {position} on: the "
                            f"source sends the {'sign-in' if signs_in else 'POST'} {times} times.",
                            "a sign-in that is repeated may count as another wrong password: do "
                            "not declare it with SAFE_TO_REPEAT, and raise at its first failure"
                            if signs_in
                            else "raise at its first failure, since the survey tool may have "
                            "executed it; declare it with SAFE_TO_REPEAT if it only reads",
                        )

    def _signs_in(self, request: RecordedRequest) -> bool:
        return bool(self.sign_in) and request.names(self.sign_in)


def _times(request: RecordedRequest, requests: Sequence[RecordedRequest]) -> int:
    return sum(1 for one in requests if one.key == request.key)
