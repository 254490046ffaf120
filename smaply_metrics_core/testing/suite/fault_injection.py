"""Repeats the scenarios of a source over HTTP with faults, and checks how they are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from unittest import SkipTest
from zlib import crc32

import httpx

from smaply_metrics_core.errors import MetricsError, RateLimited
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.source import RequestOperation
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.fault_types import HttpFault
from smaply_metrics_core.testing.faults.replay import (
    Disturbance,
    Exchanges,
    RecordedAnswer,
    Replay,
)
from smaply_metrics_core.testing.suite.bundles import (
    BUNDLE,
    bundle_files,
    problem_files,
    write_files,
)
from smaply_metrics_core.testing.suite.lab import Lab, Work, check_credentials
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult

MAX_POSITIONS: Final = 6
"""Maximum number of requests at each of which a fault is tried. With more, it is tried at some of
them, among which is one of each operation that the source names."""

SURVEY_SCENARIOS: Final = {"questionnaire", "calculations", BUNDLE}
"""The scenarios that request one survey."""

NO_BODY: Final = b"{}"


@dataclass(frozen=True)
class Scenario:
    """A hook with the result of its undisturbed run, for comparison with runs with a fault.

    ``sign_out`` is a text in requests that end a session, whose failure need not be reported, and
    ``sign_in`` one in those that open it. ``operation`` names the operation of a request, for a
    source with one URL for all of them.
    """

    name: str
    work: Work
    result: ScenarioResult
    sign_out: str = ""
    sign_in: str = ""
    operation: RequestOperation | None = None

    @property
    def exchanges(self) -> Exchanges:
        """The requests and responses of the undisturbed run."""
        return self.result.exchanges

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """The numbers of the requests at which a fault is tried, from 1."""
        numbers = tuple(
            number
            for number, (request, _) in enumerate(self.exchanges, start=1)
            if not self.sign_out or not request.names(self.sign_out)
        )
        if len(numbers) <= MAX_POSITIONS:
            return numbers
        ends = {*numbers[:2], numbers[len(numbers) // 2 - 1], *numbers[-2:]}
        return tuple(sorted(ends | self._first_of_each_operation(numbers)))

    def _first_of_each_operation(self, numbers: tuple[int, ...]) -> set[int]:
        """Return the number of the first request of each operation that the source names."""
        if self.operation is None:
            return set()
        first: dict[str, int] = {}
        for number in numbers:
            request, _ = self.exchanges[number - 1]
            first.setdefault(self.operation(request.as_httpx()), number)
        return set(first.values())

    def positions_of_data(self) -> tuple[int, ...]:
        """Return the numbers of all requests but those that open or end a session, from 1."""
        texts = [text for text in (self.sign_in, self.sign_out) if text]
        return tuple(
            number
            for number, (request, _) in enumerate(self.exchanges, start=1)
            if not any(request.names(text) for text in texts)
        )


def spread(numbers: Iterable[int]) -> tuple[int, ...]:
    """Return the first, the middle and the last of some numbers."""
    every = tuple(numbers)
    return tuple(dict.fromkeys((every[0], every[len(every) // 2], every[-1]))) if every else ()


def sampled(lab: Lab, scenario: Scenario, fault: str, positions: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of the requests at which a fault is tried.

    These are all that are given, or with the fact ``fault_sample`` one of them: another one for
    each fault and scenario, and the same one in every run.
    """
    if not lab.facts.fault_sample or not positions:
        return tuple(positions)
    return (positions[crc32(f"{scenario.name}, {fault}".encode()) % len(positions)],)


def fault_positions(lab: Lab, scenario: Scenario, fault: HttpFault) -> tuple[int, ...]:
    """Return the numbers of the requests at which a fault that applies there is tried."""
    applicable = [
        position
        for position in scenario.positions
        if fault.applies(scenario.exchanges[position - 1][1].content)
    ]
    return sampled(lab, scenario, fault.name, applicable)


def hook_scenarios(lab: Lab) -> tuple[Scenario, ...]:
    """Return a scenario for each hook that calls the survey tool; the same ones at each call."""
    if not lab.hook_scenarios:
        lab.hook_scenarios = _hook_scenarios(lab)
    return lab.hook_scenarios


def _hook_scenarios(lab: Lab) -> tuple[Scenario, ...]:
    questions, _ = lab.calculations()
    queries = lab.calculation_queries(questions)
    survey_id = lab.facts.survey_id
    lab.check()
    lab.surveys()
    lab.questionnaire()
    bundle_files(lab, personal=False)
    works: Mapping[str, Work] = {
        "check": check_credentials,
        "surveys": lambda session: session.surveys(),
        "questionnaire": lambda session: session.questions(survey_id),
        "calculations": lambda session: session.fetch(survey_id, queries),
        BUNDLE: lambda session: write_files(lab, session, personal=False),
    }
    texts = lab.facts.sign_out, lab.facts.sign_in
    operation = lab.load_source().description.operation
    return tuple(
        Scenario(name, work, lab.results[name], *texts, operation) for name, work in works.items()
    )


def http_scenarios(lab: Lab) -> tuple[Scenario, ...]:
    """Return a scenario for each hook of a source over HTTP.

    Raises:
        SkipTest: for a source without a host among its destinations.
        AssertionError: if it has one, and a hook does not use its client.
    """
    found = hook_scenarios(lab)
    if not any(one.exchanges for one in found) and not _has_host(lab):
        raise SkipTest("this source has no host among its destinations")
    for one in found:
        expect(
            one.exchanges,
            f"The source has a host, but the scenario “{one.name}” sends no request to it.",
            "send requests with `context.http` in every call: other clients respect neither the "
            "allow-list nor the deadline, and nothing may be cached between calls",
        )
    return found


def _has_host(lab: Lab) -> bool:
    destinations = lab.replay(lambda session: session.destinations, None).value or ()
    return any(destination.over_http for destination in destinations)


def run_with_fault(
    lab: Lab, scenario: Scenario, fault: HttpFault, position: int
) -> tuple[ScenarioResult, Replay]:
    """Return the cached result of a scenario with a fault from a request on."""
    key = (scenario.name, fault.name, position)
    if key not in lab.fault_runs:
        replay = Replay(scenario.exchanges, fault.disturb, position, fault.only)
        lab.fault_runs[key] = lab.replay(scenario.work, replay), replay
    return lab.fault_runs[key]


def refusal_body(lab: Lab, status: int) -> bytes:
    """Return the survey tool's response body for a status."""
    body = lab.facts.refusals.get(status, NO_BODY)
    return body if isinstance(body, bytes) else body.body


def unauthorized(lab: Lab) -> HttpFault:
    """Return the fault 401 with the survey tool's body."""
    return fault_types.unauthorized(refusal_body(lab, HTTPStatus.UNAUTHORIZED))


def forbidden(lab: Lab) -> HttpFault:
    """Return the fault 403 with the survey tool's body."""
    statuses = {response.status for _, response in lab.check_wrong_credentials().exchanges}
    return fault_types.forbidden(
        refusal_body(lab, HTTPStatus.FORBIDDEN), for_bad_secret=HTTPStatus.FORBIDDEN in statuses
    )


def not_found(lab: Lab) -> HttpFault:
    """Return the fault 404 with the survey tool's body."""
    return fault_types.not_found(refusal_body(lab, HTTPStatus.NOT_FOUND))


def every_fault(lab: Lab) -> tuple[HttpFault, ...]:
    """Return every fault that is tried at every position."""
    return (
        unauthorized(lab),
        forbidden(lab),
        not_found(lab),
        *fault_types.long_rate_limits(lab.facts.now),
        *fault_types.outages(),
        *fault_types.network_failures(),
        *fault_types.malformed(),
        *fault_types.unexpected_statuses(),
        fault_types.null_values(),
        fault_types.truncated(),
        fault_types.empty(),
    )


def every_fault_run(lab: Lab) -> Iterator[tuple[str, ScenarioResult]]:
    """Yield the result of every fault at every position, or at the sampled ones.

    Nothing for a source without HTTP.
    """
    if lab.facts.recording:
        return
    try:
        scenarios = http_scenarios(lab)
    except SkipTest:
        return
    for scenario in scenarios:
        for fault in every_fault(lab):
            # A sample uses the runs of the other tests, if the fault applies anywhere.
            tried = fault_positions(lab, scenario, fault) if lab.facts.fault_sample else ()
            for position in tried or sampled(lab, scenario, fault.name, scenario.positions):
                result, _ = run_with_fault(lab, scenario, fault, position)
                yield f"{scenario.name}, when {fault.name} from request {position} on", result


def expect_reported(lab: Lab, *faults: HttpFault) -> Iterator[tuple[str, ScenarioResult, Replay]]:
    """Check that each fault at each position is reported correctly.

    Yields the description, result and replay of each run.

    Raises:
        AssertionError: if a fault is reported incorrectly or not at all.
    """
    for scenario in http_scenarios(lab):
        for fault in faults:
            if fault.storable and scenario.name == BUNDLE:
                continue  # A bundle may contain any response.
            for position in fault_positions(lab, scenario, fault):
                result, replay = run_with_fault(lab, scenario, fault, position)
                if reports_missing_data(result.value, scenario.result.value):
                    continue
                where = (
                    f"{scenario.name}, when {fault.name} from request {position} of "
                    f"{len(scenario.exchanges)} on"
                )
                check_problems(
                    where, fault, problems_of(result), of_survey=scenario.name in SURVEY_SCENARIOS
                )
                yield where, result, replay


def reports_missing_data(found: object, undisturbed: object) -> bool:
    """Whether a questionnaire or bundle reports missing data in its notes or files."""
    return bool(problem_files(found)) or (
        isinstance(found, Questionnaire)
        and isinstance(undisturbed, Questionnaire)
        and bool({*found.notes} - {*undisturbed.notes})
    )


def check_problems(
    where: str, fault: HttpFault, found: tuple[Problem | None, ...], *, of_survey: bool
) -> None:
    """Check that a source reports a fault correctly.

    Args:
        where: The run, for messages.
        fault: The fault.
        found: The problems that the source reported, as ``problems_of`` returns them.
        of_survey: Whether one survey was requested.

    Raises:
        AssertionError: if it does not.
    """
    for problem in found:
        if problem is None:
            raise broken(
                f"{where}: the source reports no error, or its check passes.",
                fault.fix,
            )
        reported = f"{problem.kind}, issue {problem.issue}: {problem.message}"
        expect(
            fault.accepts(problem, of_survey) and problem.remedy.strip(),
            f"{where}: the source reports {reported} Expected: {fault.expected}, with a remedy.",
            fault.fix,
        )


def problems_of(result: ScenarioResult) -> tuple[Problem | None, ...]:
    """Return the problem of each failed answer of a run, and ``None`` for each other answer."""
    if result.error is not None:
        return (result.error.to_problem(),)
    if isinstance(result.value, CheckReport):
        failed = [step.problem for step in result.value.steps if step.status != "passed"]
        return (failed[0],) if failed else (None,)
    if isinstance(result.value, Mapping):
        return tuple(
            answer.to_problem() if isinstance(answer, MetricsError) else None
            for answer in result.value.values()
        )
    return (None,)


def changed_answers(
    result: ScenarioResult, undisturbed: ScenarioResult
) -> tuple[Problem | None, ...]:
    """Return the problems of a run, as ``problems_of`` does, of the answers that have changed."""
    if result.error is not None:
        return problems_of(result)
    found, expected = without_times(result.value), without_times(undisturbed.value)
    if found == expected:
        return ()
    if not isinstance(found, Mapping) or not isinstance(expected, Mapping):
        return problems_of(result)
    changed = {name: result.value[name] for name, one in found.items() if one != expected.get(name)}
    return problems_of(replace(result, value=changed)) or (None,)  # Some are missing.


def rate_limits(result: ScenarioResult) -> tuple[RateLimited, ...]:
    """Return the rate-limit errors of a run."""
    values = result.value.values() if isinstance(result.value, Mapping) else ()
    return tuple(one for one in (result.error, *values) if isinstance(one, RateLimited))


def without_times(value: Any) -> Any:  # noqa: ANN401  # The value of any hook.
    """Return a value without its times, so that runs can be compared."""
    if isinstance(value, CheckReport):
        return [(step.name, step.status, step.detail, step.problem) for step in value.steps]
    if isinstance(value, Mapping):
        return {
            name: one.model_dump(exclude={"as_of"}) if isinstance(one, Tally) else repr(one)
            for name, one in value.items()
        }
    return value


def calling(function: Callable[[], object]) -> Disturbance:
    """Return a disturbance that calls a function at the first request and changes no response."""

    def disturb(number: int, recorded: RecordedAnswer) -> httpx.Response:
        if number == 0:
            function()
        return recorded().response()

    return disturb
