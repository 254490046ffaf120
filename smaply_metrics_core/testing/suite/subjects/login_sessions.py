"""Contract tests of login sessions and of the secrets that the survey tool issues."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.replay import RecordedRequest, Replay
from smaply_metrics_core.testing.suite.fault_injection import (
    Scenario,
    calling,
    http_scenarios,
    run_with_fault,
)
from smaply_metrics_core.testing.suite.issued_secrets import derived_secrets
from smaply_metrics_core.testing.suite.lab import SECONDS, Lab
from smaply_metrics_core.testing.suite.subject import ContractSubject

RELEASE_SECONDS: Final = 30.0
"""The most time in which a call that ended early releases its login session."""

RELEASE = (
    "open sessions with `context.signed_in(sign_in, sign_out)`, which releases them whatever "
    "happens"
)


class LoginSessionTests(ContractSubject):
    """Sessions are released, and their keys are secrets like the credentials."""

    def test_every_login_session_is_released(self) -> None:
        """A session is released after an answer, an error, the deadline and a cancellation."""
        scenarios = http_scenarios(self.lab)
        if not self.sign_in or not self.sign_out:
            raise SkipTest("the facts `sign_in` and `sign_out` are not set")
        expect(
            any(request.names(self.sign_in) for one in scenarios for request, _ in one.exchanges),
            f"No request contains “{self.sign_in}”.",
            "correct the fact `sign_in`: a text in the path or body of requests that sign in",
        )
        for scenario in scenarios:
            requests = [request for request, _ in scenario.exchanges]
            self._expect_released(scenario.name, requests, requests)
            for key in derived_secrets(scenario.exchanges, self.sign_in):
                expect(
                    any(one.names(self.sign_out) and one.contains(key) for one in requests),
                    f"{scenario.name}: no request to release a session has its key.",
                    "release the session that was opened, with its own key",
                )
            for position in scenario.positions[-1:]:
                for fault in (fault_types.empty(), fault_types.outages()[0]):
                    _, replay = run_with_fault(self.lab, scenario, fault, position)
                    self._expect_released(
                        f"{scenario.name}, when {fault.name} from request {position} on",
                        _undisturbed(replay),
                        replay.requests,
                    )
                if requests[position - 1].names(self.sign_in):
                    continue  # Its answer is not read, so the key of the session is not known.
                for end in ("the deadline", "a cancellation"):
                    replay = _ended_early(self.lab, scenario, position, end)
                    self._expect_released(
                        f"{scenario.name}, after {end} at request {position}",
                        _undisturbed(replay),
                        replay.requests,
                    )

    def _expect_released(
        self, where: str, answered: list[RecordedRequest], sent: list[RecordedRequest]
    ) -> None:
        opened = sum(1 for one in answered if one.names(self.sign_in))
        released = sum(1 for one in sent if one.names(self.sign_out))
        expect(
            released >= opened,
            f"{where}: the source opens {opened} login sessions, but releases {released}.",
            RELEASE,
        )

    def test_every_issued_secret_is_added(self) -> None:
        """Session keys and access tokens that the survey tool issues are added to the secrets."""
        known = self.lab.secrets()
        for scenario in http_scenarios(self.lab):
            added = scenario.result.secrets
            for secret in derived_secrets(scenario.exchanges, self.sign_in):
                expect(
                    secret in known or any(secret in one for one in added),
                    f"{scenario.name}: the survey tool issues a secret, which the source sends "
                    "but does not add to its secrets.",
                    "pass it to `context.add_secret` before it is used; `context.signed_in` and "
                    "`http.client_credentials` do this",
                )


def _undisturbed(replay: Replay) -> list[RecordedRequest]:
    """Return the requests that got their recorded response."""
    return [
        one for number, one in enumerate(replay.requests, start=1) if number not in replay.disturbed
    ]


def _ended_early(lab: Lab, scenario: Scenario, position: int, end: str) -> Replay:
    """Return the requests of a call that ends early at one of them."""
    clock = ManualClock(lab.facts.now)
    deadline = Deadline.after(SECONDS, clock)

    def end_call() -> None:
        if end == "the deadline":
            clock.forward(SECONDS + 1)
        else:
            deadline.cancelled.set()

    replay = Replay(scenario.exchanges, calling(end_call), position)
    with ExitStack() as stack:
        source = lab.load_source(replay.transport, clock, stack)
        lab.replay(scenario.work, None, clock=clock, deadline=deadline, source=source)
        source.wait_for_abandoned_calls(RELEASE_SECONDS)  # On a busy machine it is still sending.
    replay.disturbed.clear()  # Every request was answered as recorded.
    return replay
