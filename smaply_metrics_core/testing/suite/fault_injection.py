"""Runs the scenarios of a source over HTTP again, with a fault from some request on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from unittest import SkipTest

import httpx

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.errors import MetricsError, RateLimited
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources import Source
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.fault_types import HttpFault
from smaply_metrics_core.testing.faults.replay import Answer, Disturbance, Exchanges, Replay
from smaply_metrics_core.testing.suite.lab import SECONDS, ScenarioResult, Transports, Work
from smaply_metrics_core.testing.suite.subjects.bundle_contents import (
    BUNDLE,
    BundleContentTests,
    problems_named,
)
from smaply_metrics_core.testing.suite.subjects.descriptions import DescriptionTests, run_check
from smaply_metrics_core.testing.suite.subjects.expected_values import ExpectedValueTests

EVERY_PLACE: Final = 6
"""Up to so many requests, a fault is tried at each; beyond, at the first and the last ones."""

OF_A_SURVEY: Final = {"questionnaire", "calculations", BUNDLE}


@dataclass(frozen=True)
class Scenario:
    """One hook as it ran undisturbed: what is compared with."""

    name: str
    work: Work
    outcome: ScenarioResult

    @property
    def exchanges(self) -> Exchanges:
        """What went over the wire."""
        return self.outcome.exchanges

    def places(self) -> tuple[int, ...]:
        """Give the numbers of the requests at which a fault is tried, from 1."""
        last = len(self.exchanges)
        if last <= EVERY_PLACE:
            return tuple(range(1, last + 1))
        return (1, 2, last // 2, last - 1, last)


class FaultInjection(DescriptionTests, ExpectedValueTests, BundleContentTests):
    """What the tests with faults share."""

    _disturbed: ClassVar[dict[tuple[str, str, int], tuple[ScenarioResult, Replay]]] = {}

    def __init_subclass__(cls) -> None:
        """Keep what was found out about one source apart from another's."""
        super().__init_subclass__()
        cls._disturbed = {}

    def scenarios(self) -> tuple[Scenario, ...]:
        """Give each hook that asks the survey tool, as it runs when all is well."""
        asked, _ = self._calculations()
        queries = self._asked_for(asked)
        self._checked()
        self.surveys()
        self.questionnaire()
        self._bundle(personal=False)
        works: Mapping[str, Work] = {
            "check": run_check,
            "surveys": lambda session: session.surveys(),
            "questionnaire": lambda session: session.questions(self.survey_id),
            "calculations": lambda session: session.fetch(self.survey_id, queries),
            BUNDLE: lambda session: self.written(session, personal=False),
        }
        return tuple(Scenario(name, work, self._outcomes[name]) for name, work in works.items())

    def over_wire(self) -> tuple[Scenario, ...]:
        """Give the hooks, where they go over the wire.

        Raises:
            SkipTest: for a source that leads to no host.
            AssertionError: when it leads to one, and its client is not asked.
        """
        found = self.scenarios()
        if not self._leads_to_a_host() and not any(one.exchanges for one in found):
            raise SkipTest("this source leads to no host: nothing goes over the wire")
        for one in found:
            expect(
                one.exchanges,
                f"The source leads to a host, and the scenario “{one.name}” asks it nothing.",
                "ask with `context.http`, at every call: no other client is held to the "
                "allow-list and the deadline, and nothing may be kept between calls",
            )
        return found

    def _leads_to_a_host(self) -> bool:
        outcome = ScenarioResult(self.now)
        scenario = Scenario("destinations", lambda session: session.destinations, outcome)
        places = self.disturbed(scenario, None).value or ()
        return any(place.kind == "host" for place in places)

    def disturbed(  # noqa: PLR0913  # All by name but the first two.
        self,
        scenario: Scenario,
        replay: Replay | None,
        *,
        clock: Clock | None = None,
        deadline: Deadline | None = None,
        source: Source | None = None,
        values: Mapping[str, str] | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> ScenarioResult:
        """Run a scenario once more, with its exchanges from memory."""
        clock = clock or ManualClock(self.now)
        outcome = ScenarioResult(clock.now())
        transports: Transports | None = replay.transport if replay else None
        self._try(
            scenario.work,
            values or self.credentials,
            clock,
            outcome,
            transports,
            deadline=deadline or Deadline.after(SECONDS, clock),
            source=source,
            progress=progress,
        )
        return outcome

    def with_fault(
        self, scenario: Scenario, fault: HttpFault, place: int
    ) -> tuple[ScenarioResult, Replay]:
        """Run a scenario with a fault from a request on; once, however many tests look at it."""
        key = (scenario.name, fault.name, place)
        if key not in self._disturbed:
            replay = Replay(scenario.exchanges, fault.disturb, place)
            self._disturbed[key] = self.disturbed(scenario, replay), replay
        return self._disturbed[key]

    def expect_silence(self, where: str, outcome: ScenarioResult) -> None:
        """See that a run told no secret."""
        told = outcome.hearing.told(self.secrets())
        expect(
            not told,
            f"{where}: a secret stands in {', '.join(told)}.",
            "send it with http.secret_auth, and name it in no message, whatever fails",
        )

    def expect_told(self, *faults: HttpFault) -> Iterator[tuple[str, ScenarioResult, Replay]]:
        """See that each fault, wherever it begins, is told for what it is.

        Gives, for each that is, where it was, what came of it, and what was asked.
        """
        for scenario in self.over_wire():
            for place in scenario.places():
                content = scenario.exchanges[place - 1][1].content
                for fault in faults:
                    if not fault.applies(content) or (fault.as_sent and scenario.name == BUNDLE):
                        continue  # A bundle holds what was sent, whatever that is.
                    outcome, replay = self.with_fault(scenario, fault, place)
                    if says_what_is_missing(outcome.value, scenario.outcome.value):
                        continue
                    where = (
                        f"{scenario.name}, when {fault.name} from request {place} of "
                        f"{len(scenario.exchanges)} on"
                    )
                    judge(where, fault, problems(outcome), of_survey=scenario.name in OF_A_SURVEY)
                    yield where, outcome, replay


def says_what_is_missing(found: object, clean: object) -> bool:
    """Whether a questionnaire or a bundle came with less, and tells people so."""
    return bool(problems_named(found)) or (
        isinstance(found, Questionnaire)
        and isinstance(clean, Questionnaire)
        and bool({*found.notes} - {*clean.notes})
    )


def judge(
    where: str, fault: HttpFault, found: tuple[Problem | None, ...], *, of_survey: bool
) -> None:
    """See that what a source told of a fault is right.

    Args:
        where: Which run it was, for messages.
        fault: What had happened.
        found: What was told, as ``problems`` gives it.
        of_survey: Whether one survey was asked for.
    """
    for problem in found:
        if problem is None:
            raise broken(
                f"{where}: the source answers all the same, or ends its check as passed.",
                fault.fix,
            )
        said = f"{problem.kind}, issue {problem.issue}: {problem.message}"
        expect(
            fault.fits(problem, of_survey) and problem.remedy.strip(),
            f"{where}: the source tells {said} Right would be {fault.wanted}, with a remedy.",
            fault.fix,
        )


def problems(outcome: ScenarioResult) -> tuple[Problem | None, ...]:
    """Give what a run told: a problem for each answer that failed, ``None`` for each that came."""
    if outcome.error is not None:
        return (outcome.error.to_problem(),)
    if isinstance(outcome.value, CheckReport):
        bad = [step.problem for step in outcome.value.steps if step.status != "passed"]
        return (bad[0],) if bad else (None,)
    if isinstance(outcome.value, Mapping):
        return tuple(
            answer.to_problem() if isinstance(answer, MetricsError) else None
            for answer in outcome.value.values()
        )
    return (None,)


def limits(outcome: ScenarioResult) -> tuple[RateLimited, ...]:
    """Give the errors of a run that ask to rest."""
    values = outcome.value.values() if isinstance(outcome.value, Mapping) else ()
    return tuple(one for one in (outcome.error, *values) if isinstance(one, RateLimited))


def same_time(value: Any) -> Any:  # noqa: ANN401  # Whatever a hook gives.
    """Leave out of a value when it was made, so that two runs can be compared."""
    if isinstance(value, CheckReport):
        return [(step.name, step.status, step.detail, step.problem) for step in value.steps]
    if isinstance(value, Mapping):
        return {
            name: one.model_dump(exclude={"as_of"}) if isinstance(one, Tally) else repr(one)
            for name, one in value.items()
        }
    return value


def doing(act: Callable[[], object]) -> Disturbance:
    """Do something when the request comes, and answer as if nothing were."""

    def answer(number: int, real: Answer) -> httpx.Response:
        if number == 0:
            act()
        return real().response()

    return answer
