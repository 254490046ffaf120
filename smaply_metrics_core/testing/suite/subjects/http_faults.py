"""Contract tests of a source over HTTP with refusals, outages and malformed responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.http.retry import MAX_TRIES
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.replay import (
    Disturbance,
    RecordedRequest,
    RecordedResponse,
    Replay,
)
from smaply_metrics_core.testing.suite.fault_injection import (
    Scenario,
    check_problems,
    expect_reported,
    forbidden,
    http_scenarios,
    not_found,
    problems_of,
    rate_limits,
    reports_missing_data,
    run_with_fault,
    unauthorized,
    without_times,
)
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.subject import ContractSubject

IDENTIFY_SERVICE: Final = (
    "first ask something without the secret, and see that the answer is the survey tool's own "
    "refusal; raise Unreachable when it is not"
)


class HttpFaultTests(ContractSubject):
    """Faults are reported as what they are, and never hidden by an answer."""

    def test_every_request_uses_the_given_client(self) -> None:
        """Each hook sends its requests with `context.http`, and with no other client."""
        http_scenarios(self.lab)

    def test_the_secret_is_sent_to_the_right_service_only(self) -> None:
        """The check first identifies the service without the secret, and sends it to no other."""
        check = next(one for one in http_scenarios(self.lab) if one.name == "check")
        first, _ = check.exchanges[0]
        expect(
            not _has_secret(self.lab, [first]),
            "The check sends the secret with its first request, before anybody has shown to be "
            "the survey tool.",
            IDENTIFY_SERVICE,
        )
        for fault in fault_types.malformed():
            _, replay = run_with_fault(self.lab, check, fault, 1)
            expect(
                not _has_secret(self.lab, replay.requests),
                f"When {fault.name}, the check sends the secret to whoever answers so.",
                IDENTIFY_SERVICE,
            )

    def test_a_rejected_secret_is_reported_at_once(self) -> None:
        """A 401 to any request is the credential's failure, and no request is repeated."""
        for where, _, replay in expect_reported(self.lab, unauthorized(self.lab)):
            requests = [(one.key, one.headers) for one in replay.requests_since_fault()]
            expect(
                len(requests) == len(set(requests)),
                f"{where}: the source asks the same once more.",
                "raise at the first 401: a token that is refused stays so, and accounts are "
                "locked for trying",
            )

    def test_a_forbidden_answer_is_no_outage(self) -> None:
        """A 403 is a missing permission, and not an outage."""
        list(expect_reported(self.lab, forbidden(self.lab)))

    def test_a_missing_resource_is_reported(self) -> None:
        """A 404 for a survey is that survey's failure, and never a rejected credential."""
        list(expect_reported(self.lab, not_found(self.lab)))

    def test_a_long_rate_limit_is_reported(self) -> None:
        """A 429 with a pause of hours, in seconds or as a date, ends the call as a rate limit."""
        long = fault_types.long_rate_limits(self.now)
        for where, result, _ in expect_reported(self.lab, *long):
            expect(
                all(one.retry_at is not None for one in rate_limits(result)),
                f"{where}: the source does not say until when to rest.",
                long[0].fix,
            )

    def test_a_short_rate_limit_is_waited_for(self) -> None:
        """A 429 with a pause of seconds does not change the answer."""
        for scenario in http_scenarios(self.lab):
            for position in scenario.positions():
                for name, disturb in fault_types.short_rate_limits(self.now).items():
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
                        f"{where}: the source answers something else than without. {message}",
                        "leave retries to `context.http`: it waits as long as it is asked to",
                    )
                    # A date has no parts of a second.
                    expect(
                        clock.monotonic() >= fault_types.SHORT_PAUSE.total_seconds() - 1,
                        f"{where}: nobody waited.",
                        "ask with `context.http` alone",
                    )

    def test_an_outage_is_reported(self) -> None:
        """A 5xx is an outage of the survey tool, and retryable."""
        list(expect_reported(self.lab, *fault_types.outages()))

    def test_a_network_failure_is_reported(self) -> None:
        """No response, or one that breaks off, is a network failure, and retryable."""
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
            usual = Counter((request.key, request.headers) for request, _ in scenario.exchanges)
            for position in scenario.positions():
                for fault in (*final, *transient):
                    _, replay = run_with_fault(self.lab, scenario, fault, position)
                    tries = MAX_TRIES if fault in transient else 1
                    requests = Counter((one.key, one.headers) for one in replay.requests)
                    extra = max(n - max(usual[key], 1) * tries for key, n in requests.items())
                    expect(
                        extra <= 0,
                        f"{scenario.name}, when {fault.name} from request {position} on: the "
                        f"source asks the same {extra} times more than the client does by itself.",
                        "ask once, and let the error of `context.http` pass: it has tried again "
                        "where that helps, and more makes an outage worse",
                    )

    def test_a_malformed_answer_is_refused(self) -> None:
        """A web page, damaged JSON, or JSON of another form ends in an error that is not a bug."""
        list(expect_reported(self.lab, *fault_types.malformed()))

    def test_an_unexpected_status_is_no_answer(self) -> None:
        """HTTP 204, 302, 400 or 418 ends in an error that blames no credential."""
        list(expect_reported(self.lab, *fault_types.unexpected_statuses()))

    def test_null_values_cause_no_bug(self) -> None:
        """JSON of the right form with null for each value causes no bug of the source."""
        for scenario in http_scenarios(self.lab):
            for position in scenario.positions():
                fault = fault_types.null_values()
                if not fault.applies(scenario.exchanges[position - 1][1].content):
                    continue
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

    def test_a_pagination_loop_ends_in_an_error(self) -> None:
        """A list whose page links back to an earlier one ends in an error."""
        lists = [one for one in http_scenarios(self.lab) if _ends_with_pages(one)]
        if not lists:
            raise SkipTest("no list has more than one page")
        for listed in lists:
            last = len(listed.exchanges)
            _, previous = listed.exchanges[-2]
            replay = Replay(listed.exchanges, _answer_with(previous), last)
            result = self.lab.replay(listed.work, replay)
            where = f"{listed.name}: page {last} leads back to page {last - 1}"
            expect(
                not replay.is_endless,
                f"{where}, and the source asked {len(replay.requests)} times without an end.",
                "follow lists with `smaply_metrics_core.http.pages`, which notices a circle",
            )
            reported = reports_missing_data(result.value, listed.result.value)
            expect(
                reported or None not in problems_of(result),
                f"{where}, and the source gives the list as complete.",
                "raise SourceUnavailable when a list does not end; `http.pages` does",
            )


def _answer_with(page: RecordedResponse) -> Disturbance:
    """Answer every request with a page that was read before."""
    return lambda _, __: page.response()


def _has_secret(lab: Lab, requests: Sequence[RecordedRequest]) -> bool:
    """Whether one of some requests contains a secret."""
    return any(one.contains(secret) for one in requests for secret in lab.secrets())


def _ends_with_pages(scenario: Scenario) -> bool:
    """Whether the last two requests are for pages of one list, and not for two resources."""
    keys = [(one.method, one.target.partition("?")[0]) for one, _ in scenario.exchanges[-2:]]
    if len(keys) <= 1 or scenario.exchanges[-1][0].key == scenario.exchanges[-2][0].key:
        return False  # One page, or a resource polled until it is ready.
    return keys[0] == keys[1] or scenario.name == "surveys"
