"""Contract tests of refusals inside responses that look successful."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.faults.disturbances import once
from smaply_metrics_core.testing.faults.fault_types import HttpFault
from smaply_metrics_core.testing.faults.refusal import Refusal, refusal_fault
from smaply_metrics_core.testing.faults.replay import Replay
from smaply_metrics_core.testing.suite.fault_injection import (
    SURVEY_SCENARIOS,
    Scenario,
    changed_answers,
    check_problems,
    http_scenarios,
    problems_of,
    reports_missing_data,
    run_with_fault,
    sampled,
    spread,
)
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult
from smaply_metrics_core.testing.suite.subject import ContractSubject

NO_REFUSALS: Final = "the fact `refusals` has no refusal with status 200"


class RefusalTests(ContractSubject):
    """The refusals with status 200 that the author states."""

    def test_a_refusal_with_status_200_is_reported(self) -> None:
        """Each refusal ends in its own error, whichever request it answers."""
        scenarios = http_scenarios(self.lab)
        if not refusal_faults(self.lab):
            raise SkipTest(NO_REFUSALS)
        unused = {fault.name for _, fault in refusal_faults(self.lab)}
        for refusal, fault in refusal_faults(self.lab):
            for scenario in scenarios:
                for position in _positions(self.lab, scenario, fault):
                    unused.discard(fault.name)
                    result, replay = run_with_fault(self.lab, scenario, fault, position)
                    where = _where(scenario, fault, position)
                    self.lab.expect_no_leak(where, result)
                    if _is_reported(result, scenario, refusal):
                        continue
                    check_problems(
                        where,
                        fault,
                        problems_of(result),
                        of_survey=scenario.name in SURVEY_SCENARIOS,
                    )
                    if self.sign_in:
                        _check_one_sign_in(replay, self.sign_in, position, where)
        expect(
            not unused,
            f"No request is answered when {', '.join(sorted(unused))}.",
            "correct `at` of the refusal: a text in the path or body of a request of the source",
        )

    def test_a_refusal_in_between_never_changes_an_answer(self) -> None:
        """A single refusal ends in its error, or leaves the answer as it is without it."""
        if not refusal_faults(self.lab):
            raise SkipTest(NO_REFUSALS)
        for scenario in http_scenarios(self.lab):
            for refusal, fault in refusal_faults(self.lab):
                for position in _positions(self.lab, scenario, fault):
                    replay = Replay(scenario.exchanges, once(fault.disturb), position)
                    result = self.lab.replay(scenario.work, replay)
                    where = f"{_where(scenario, fault, position)}, once"
                    self.lab.expect_no_leak(where, result)
                    changed = changed_answers(result, scenario.result)
                    if _is_reported(result, scenario, refusal) or (
                        # After the refusal, the source tries something else, which also failed.
                        replay.has_unknown and all(changed)
                    ):
                        continue
                    check_problems(
                        where,
                        fault,
                        changed,
                        of_survey=scenario.name in SURVEY_SCENARIOS,
                    )


def refusal_faults(lab: Lab) -> tuple[tuple[Refusal, HttpFault], ...]:
    """Return the author's refusals with status 200, with the fault of each."""
    facts = lab.facts
    return tuple(
        (refusal, refusal_fault(refusal, str(name), facts.sign_in, facts.sign_out))
        for name, refusal in facts.refusals.items()
        if isinstance(refusal, Refusal)
    )


def _positions(lab: Lab, scenario: Scenario, fault: HttpFault) -> tuple[int, ...]:
    """Return the first, a middle and the last request that can be refused, or one in a sample.

    A request before the first one with a secret only identifies the service.
    """
    secrets = lab.secrets()
    authenticated = not secrets
    found = []
    for number, (request, _) in enumerate(scenario.exchanges, start=1):
        authenticated = authenticated or any(request.contains(one) for one in secrets)
        if authenticated and fault.only(request):
            found.append(number)
    return sampled(lab, scenario, fault.name, spread(found))


def _is_reported(result: ScenarioResult, scenario: Scenario, refusal: Refusal) -> bool:
    """Whether a questionnaire or bundle reports missing data, or a bundle contains the refusal."""
    files = result.value.values() if isinstance(result.value, Mapping) else ()
    return reports_missing_data(result.value, scenario.result.value) or any(
        isinstance(content, bytes) and refusal.body.strip() in content for content in files
    )


def _check_one_sign_in(replay: Replay, sign_in: str, position: int, where: str) -> None:
    """Check that a refused sign-in is not repeated."""
    refused = [
        number
        for number in replay.disturbed
        if number >= position and replay.requests[number - 1].names(sign_in)
    ]
    expect(
        len(refused) <= 1,
        f"{where}: the source signs in {len(refused)} times, although it is refused.",
        "raise at the first refused sign-in: more attempts lock the account or the address",
    )


def _where(scenario: Scenario, fault: HttpFault, position: int) -> str:
    return f"{scenario.name}, when {fault.name} to request {position} of {len(scenario.exchanges)}"
