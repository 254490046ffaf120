"""Contract tests: what a source over HTTP makes of refusals, outages and damaged answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.http.retry import MAX_TRIES
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.fault_types import HttpFault
from smaply_metrics_core.testing.faults.replay import (
    Disturbance,
    RecordedRequest,
    RecordedResponse,
    Replay,
)
from smaply_metrics_core.testing.suite.fault_injection import (
    FaultInjection,
    Scenario,
    judge,
    limits,
    problems,
    same_time,
    says_what_is_missing,
)
from smaply_metrics_core.testing.suite.lab import ScenarioResult

NO_BODY: Final = b"{}"
SEE_WHO_ANSWERS: Final = (
    "first ask something without the secret, and see that the answer is the survey tool's own "
    "refusal; raise Unreachable when it is not"
)


class HttpFaultTests(FaultInjection):
    """Faults from outside: told for what they are, and never answered over."""

    def _refusal(self, status: int) -> bytes:
        return self.refusals.get(status, NO_BODY)

    def _forbidden(self) -> HttpFault:
        told = {answer.status for _, answer in self._wrong().exchanges}
        return fault_types.forbidden(self._refusal(403), as_refusal=403 in told)  # noqa: PLR2004

    def every_fault(self) -> tuple[HttpFault, ...]:
        """Give every fault that is tried at every place."""
        return (
            fault_types.refused(self._refusal(401)),
            self._forbidden(),
            fault_types.not_found(self._refusal(404)),
            *fault_types.too_many(self.now),
            *fault_types.outages(),
            *fault_types.silences(),
            *fault_types.malformed(),
            *fault_types.unusual(),
            fault_types.hollowed(),
            fault_types.truncated(),
            fault_types.empty(),
        )

    def every_disturbance(self) -> Iterator[tuple[str, ScenarioResult]]:
        """Give what comes of every fault at every place; nothing for a source without a wire."""
        if self.recording:
            return
        try:
            scenarios = self.over_wire()
        except SkipTest:
            return
        for scenario in scenarios:
            for place in scenario.places():
                for fault in self.every_fault():
                    outcome, _ = self.with_fault(scenario, fault, place)
                    yield f"{scenario.name}, when {fault.name} from request {place} on", outcome

    def test_everything_is_asked_with_the_given_client(self) -> None:
        """Each hook asks the survey tool with `context.http`, and with no other client."""
        self.over_wire()

    def test_a_secret_is_shown_to_the_right_service_alone(self) -> None:
        """The check first sees who answers, without the secret, and shows it to nobody else."""
        checked = next(one for one in self.over_wire() if one.name == "check")
        shown = self._shown_to([checked.exchanges[0][0]])
        expect(
            not shown,
            "The check sends the secret with its first request, before anybody has shown to be "
            "the survey tool.",
            SEE_WHO_ANSWERS,
        )
        for other in fault_types.malformed():
            _, replay = self.with_fault(checked, other, 1)
            expect(
                not self._shown_to(replay.asked),
                f"When {other.name}, the check sends the secret to whoever answers so.",
                SEE_WHO_ANSWERS,
            )

    def _shown_to(self, asked: Sequence[RecordedRequest]) -> bool:
        return any(one.holds(secret) for one in asked for secret in self.secrets())

    def test_a_refused_secret_is_said_at_once(self) -> None:
        """A 401, wherever it comes, is the credential's failure, and nothing is asked again."""
        for where, _, replay in self.expect_told(fault_types.refused(self._refusal(401))):
            after = [(asked.key, asked.headers) for asked in replay.after()]
            expect(
                len(after) == len(set(after)),
                f"{where}: the source asks the same once more.",
                "raise at the first 401: a token that is refused stays so, and accounts are "
                "locked for trying",
            )

    def test_a_forbidden_answer_is_no_outage(self) -> None:
        """A 403 is a matter of permissions, which waiting does not mend."""
        list(self.expect_told(self._forbidden()))

    def test_what_is_not_found_is_said(self) -> None:
        """A 404 on a survey is that survey's failure, and never a refused credential."""
        list(self.expect_told(fault_types.not_found(self._refusal(404))))

    def test_too_many_requests_are_said_when_the_pause_is_long(self) -> None:
        """A 429 that asks for hours, in seconds or with a date, ends the call and says so."""
        long = fault_types.too_many(self.now)
        for where, outcome, _ in self.expect_told(*long):
            expect(
                all(one.retry_at is not None for one in limits(outcome)),
                f"{where}: the source does not say until when to rest.",
                long[0].fix,
            )

    def test_too_many_requests_are_waited_for_when_the_pause_is_short(self) -> None:
        """A 429 that asks for seconds changes nothing about the answer."""
        for scenario in self.over_wire():
            for place in scenario.places():
                for name, disturb in fault_types.short_pauses(self.now).items():
                    clock = ManualClock(self.now)
                    replay = Replay(scenario.exchanges, disturb, place)
                    outcome = self.disturbed(scenario, replay, clock=clock)
                    where = f"{scenario.name}, after {name} to request {place}"
                    self.expect_silence(where, outcome)
                    told = next((one.message for one in problems(outcome) if one), "")
                    clean = problems(scenario.outcome)
                    expect(
                        same_time(outcome.value) == same_time(scenario.outcome.value)
                        and [one is None for one in problems(outcome)]
                        == [one is None for one in clean],
                        f"{where}: the source answers something else than without. {told}",
                        "leave retries to `context.http`: it waits as long as it is asked to",
                    )
                    # A date has no parts of a second.
                    expect(
                        clock.monotonic() >= fault_types.SHORT_PAUSE.total_seconds() - 1,
                        f"{where}: nobody waited.",
                        "ask with `context.http` alone",
                    )

    def test_an_outage_is_called_one(self) -> None:
        """A 5xx is the survey tool's outage: nobody's credential, nobody's data, and retryable."""
        list(self.expect_told(*fault_types.outages()))

    def test_a_silent_network_is_told(self) -> None:
        """No answer, or one that breaks off, is a failure of the way there, and retryable."""
        list(self.expect_told(*fault_types.silences()))

    def test_retries_are_left_to_the_client(self) -> None:
        """While a fault lasts, nothing is asked more often than `context.http` asks by itself."""
        refusals = (
            self._forbidden(),
            fault_types.not_found(self._refusal(404)),
            *fault_types.too_many(self.now),
        )
        passing = (*fault_types.outages(), *fault_types.silences())
        for scenario in self.over_wire():
            usual = Counter((asked.key, asked.headers) for asked, _ in scenario.exchanges)
            for place in scenario.places():
                for fault in (*refusals, *passing):
                    _, replay = self.with_fault(scenario, fault, place)
                    tries = MAX_TRIES if fault in passing else 1
                    asked = Counter((one.key, one.headers) for one in replay.asked)
                    often = max(n - max(usual[key], 1) * tries for key, n in asked.items())
                    expect(
                        often <= 0,
                        f"{scenario.name}, when {fault.name} from request {place} on: the source "
                        f"asks the same {often} times more than the client does by itself.",
                        "ask once, and let the error of `context.http` pass: it has tried again "
                        "where that helps, and more makes an outage worse",
                    )

    def test_a_malformed_answer_is_refused(self) -> None:
        """A web page, damaged JSON, or JSON of another form ends in an error, as no bug."""
        list(self.expect_told(*fault_types.malformed()))

    def test_an_unexpected_status_is_no_answer(self) -> None:
        """HTTP 204, 302, 400 or 418 ends in an error that blames no credential."""
        list(self.expect_told(*fault_types.unusual()))

    def test_a_hollow_answer_is_no_bug(self) -> None:
        """JSON of the right form, with null for each value, ends in no bug of the source."""
        for scenario in self.over_wire():
            for place in scenario.places():
                fault = fault_types.hollowed()
                if not fault.applies(scenario.exchanges[place - 1][1].content):
                    continue
                outcome, _ = self.with_fault(scenario, fault, place)
                told = tuple(one for one in problems(outcome) if one is not None)
                where = f"{scenario.name}, when {fault.name} from request {place} on"
                judge(where, fault, told, of_survey=False)

    def test_a_truncated_answer_is_refused(self) -> None:
        """Half an answer ends in an error, never in what half of it holds."""
        list(self.expect_told(fault_types.truncated()))

    def test_an_empty_answer_is_refused(self) -> None:
        """Nothing, sent as a success, ends in an error, never in an empty list or a zero."""
        list(self.expect_told(fault_types.empty()))

    def test_a_list_that_leads_in_a_circle_ends(self) -> None:
        """When a page of a list leads back to one before it, the list ends in an error."""
        lists = [one for one in self.over_wire() if _ends_with_pages(one)]
        if not lists:
            raise SkipTest("no list has more than one page")
        for listed in lists:
            last = len(listed.exchanges)
            replay = Replay(listed.exchanges, _leading_back(listed.exchanges[-2][1]), last)
            outcome = self.disturbed(listed, replay)
            where = f"{listed.name}: page {last} leads back to page {last - 1}"
            expect(
                not replay.flooded,
                f"{where}, and the source asked {len(replay.asked)} times without an end.",
                "follow lists with `smaply_metrics_core.http.pages`, which notices a circle",
            )
            told = says_what_is_missing(outcome.value, listed.outcome.value)
            expect(
                told or None not in problems(outcome),
                f"{where}, and the source gives the list as complete.",
                "raise SourceUnavailable when a list does not end; `http.pages` does",
            )


def _leading_back(page: RecordedResponse) -> Disturbance:
    """Answer everything with a page that was read before."""
    return lambda _, __: page.response()


def _ends_with_pages(scenario: Scenario) -> bool:
    """Whether the last two requests are for pages of one list, and not for two things."""
    keys = [(one.method, one.where.partition("?")[0]) for one, _ in scenario.exchanges[-2:]]
    if len(keys) <= 1 or scenario.exchanges[-1][0].key == scenario.exchanges[-2][0].key:
        return False  # One page, or one thing asked for twice until it is ready.
    return keys[0] == keys[1] or scenario.name == "surveys"
