"""Contract tests of a source over HTTP with error statuses, outages and malformed responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import dropwhile
from typing import Final

from smaply_metrics_core.http.retry import MAX_TRIES
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.replay import RecordedRequest, Replay
from smaply_metrics_core.testing.suite.fault_injection import (
    check_problems,
    expect_reported,
    fault_positions,
    forbidden,
    http_scenarios,
    not_found,
    problems_of,
    rate_limits,
    run_with_fault,
    sampled,
    unauthorized,
    without_times,
)
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.subject import ContractSubject

IDENTIFY_SERVICE: Final = (
    "first send a request without the secret, check that the response is the survey tool's own "
    "refusal, and raise Unreachable if it is not"
)

_READS: Final = frozenset({"GET", "HEAD"})


class HttpFaultTests(ContractSubject):
    """Faults are reported correctly and never hidden by an answer."""

    def test_every_request_uses_the_given_client(self) -> None:
        """Each hook sends its requests with `context.http`, and with no other client."""
        http_scenarios(self.lab)

    def test_the_secret_is_sent_to_the_right_service_only(self) -> None:
        """The check sends the secret only after it has identified the service without it."""
        check = next(one for one in http_scenarios(self.lab) if one.name == "check")
        first, _ = check.exchanges[0]
        expect(
            not _has_secret(self.lab, [first]),
            "The check sends the secret with its first request, before the survey tool is "
            "identified.",
            IDENTIFY_SERVICE,
        )
        for fault in fault_types.malformed():
            _, replay = run_with_fault(self.lab, check, fault, 1)
            expect(
                not _has_secret(self.lab, replay.requests),
                f"When {fault.name}, the check still sends the secret.",
                IDENTIFY_SERVICE,
            )

    def test_a_rejected_secret_is_reported_at_once(self) -> None:
        """A 401 is reported as rejected credentials, and no request is repeated."""
        for where, _, replay in expect_reported(self.lab, unauthorized(self.lab)):
            requests = [(one.key, one.headers) for one in replay.requests_since_fault()]
            expect(
                len(requests) == len(set(requests)),
                f"{where}: the source repeats a request.",
                "raise at the first 401: a rejected token stays rejected, and retries may lock "
                "the account",
            )

    def test_a_forbidden_answer_is_no_outage(self) -> None:
        """A 403 is reported as a missing permission, not as an outage."""
        list(expect_reported(self.lab, forbidden(self.lab)))

    def test_a_missing_resource_is_reported(self) -> None:
        """A 404 for a survey is reported as an unavailable survey, not as rejected credentials."""
        list(expect_reported(self.lab, not_found(self.lab)))

    def test_a_long_rate_limit_is_reported(self) -> None:
        """A 429 with a pause of hours, in seconds or as a date, is reported as a rate limit."""
        long = fault_types.long_rate_limits(self.now)
        for where, result, _ in expect_reported(self.lab, *long):
            expect(
                all(one.retry_at is not None for one in rate_limits(result)),
                f"{where}: the error has no `retry_at`.",
                long[0].fix,
            )

    def test_a_short_rate_limit_is_waited_for(self) -> None:
        """A 429 with a pause of seconds does not change the answer."""
        for scenario in http_scenarios(self.lab):
            for name, disturb in fault_types.short_rate_limits(self.now).items():
                for position in sampled(self.lab, scenario, name, scenario.positions):
                    clock = ManualClock(self.now)
                    replay = Replay(scenario.exchanges, disturb, position)
                    result = self.lab.replay(scenario.work, replay, clock=clock)
                    where = f"{scenario.name}, after {name} to request {position}"
                    self.lab.expect_no_leak(where, result)
                    message = next((one.message for one in problems_of(result) if one), "")
                    undisturbed = problems_of(scenario.result)
                    expect(
                        without_times(result.value) == without_times(scenario.result.value)
                        and [one is None for one in problems_of(result)]
                        == [one is None for one in undisturbed],
                        f"{where}: the answer differs from that without a rate limit. {message}",
                        "leave retries to `context.http`, which waits as requested",
                    )
                    # A date has no fractions of a second.
                    expect(
                        clock.monotonic() >= fault_types.SHORT_PAUSE.total_seconds() - 1,
                        f"{where}: the source did not wait.",
                        "send requests only with `context.http`",
                    )

    def test_an_outage_is_reported(self) -> None:
        """A 5xx is reported as a retryable outage of the survey tool."""
        list(expect_reported(self.lab, *fault_types.outages()))

    def test_a_network_failure_is_reported(self) -> None:
        """A missing or incomplete response is reported as a retryable network failure."""
        list(expect_reported(self.lab, *fault_types.network_failures()))

    def test_retries_are_left_to_the_client(self) -> None:
        """During a fault the source sends no more requests than the retries of `context.http`."""
        final = (
            forbidden(self.lab),
            not_found(self.lab),
            *fault_types.long_rate_limits(self.now),
        )
        transient = (*fault_types.outages(), *fault_types.network_failures())
        for scenario in http_scenarios(self.lab):
            sent = [request for request, _ in scenario.exchanges]
            usual = Counter((request.key, request.headers) for request in sent)
            # A job that the survey tool lost, such as an export, may be started once more.
            job = {
                (one.key, one.headers) for one in dropwhile(lambda one: one.method in _READS, sent)
            }
            for fault in (*final, *transient):
                for position in fault_positions(self.lab, scenario, fault):
                    _, replay = run_with_fault(self.lab, scenario, fault, position)
                    tries = MAX_TRIES if fault in transient else 1
                    requests = Counter((one.key, one.headers) for one in replay.requests)
                    extra = max(
                        n - max(usual[key], 1) * tries * (2 if key in job else 1)
                        for key, n in requests.items()
                    )
                    expect(
                        extra <= 0,
                        f"{scenario.name}, when {fault.name} from request {position} on: the "
                        f"source repeats a request {extra} times more often than the client.",
                        "send each request once and do not catch the error of `context.http`, "
                        "which has already retried; more retries make an outage worse",
                    )

    def test_a_malformed_answer_is_refused(self) -> None:
        """A web page, invalid JSON or unexpected JSON ends in an error that is not a bug."""
        list(expect_reported(self.lab, *fault_types.malformed()))

    def test_an_unexpected_status_is_no_answer(self) -> None:
        """HTTP 204, 302, 400 or 418 ends in an error that does not blame the credentials."""
        list(expect_reported(self.lab, *fault_types.unexpected_statuses()))

    def test_null_values_cause_no_bug(self) -> None:
        """JSON with the expected structure and null for each value causes no bug."""
        fault = fault_types.null_values()
        for scenario in http_scenarios(self.lab):
            for position in fault_positions(self.lab, scenario, fault):
                result, _ = run_with_fault(self.lab, scenario, fault, position)
                problems = tuple(one for one in problems_of(result) if one is not None)
                where = f"{scenario.name}, when {fault.name} from request {position} on"
                check_problems(where, fault, problems, of_survey=False)

    def test_a_truncated_answer_is_refused(self) -> None:
        """A truncated response ends in an error, never in partial data."""
        list(expect_reported(self.lab, fault_types.truncated()))

    def test_an_empty_answer_is_refused(self) -> None:
        """An empty body with status 200 ends in an error, never in an empty list or a zero."""
        list(expect_reported(self.lab, fault_types.empty()))


def _has_secret(lab: Lab, requests: Sequence[RecordedRequest]) -> bool:
    """Whether one of several requests contains a secret."""
    return any(one.contains(secret) for one in requests for secret in lab.secrets())
