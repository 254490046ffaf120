"""The lab of a contract class, which calls the source as a host does and caches the results.

A scenario is a named function that uses one session of the source. It runs once per class, however
many tests use its result, and its cassette has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.context import Clock, Deadline, SystemClock
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.models.query import Calculation, MetricQuery
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import Question, Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally, WindowTally
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.testing.assertions import expect, unexpected
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.replay import RecordingTransport, Replay
from smaply_metrics_core.testing.leak_detection.side_effects import (
    detect_process_changes,
    detect_sleeps,
)
from smaply_metrics_core.testing.recording.policy import RecordingPolicy
from smaply_metrics_core.testing.suite.facts import ContractFacts
from smaply_metrics_core.testing.suite.object_entry_point import object_entry_point
from smaply_metrics_core.testing.suite.queries import (
    best_question,
    build_query,
    every_calculation,
    every_group_by,
)
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult
from smaply_metrics_core.testing.suite.scenarios.weights import weight_queries

if TYPE_CHECKING:  # Requires vcrpy, which is optional.
    from smaply_metrics_core.testing.recording.cassettes import CassetteSession

T = TypeVar("T")

Transports = Callable[[], httpx.BaseTransport]

Work = Callable[[SourceSession], Any]
"""The function of a scenario."""

Answers = Mapping[str, Tally | MetricsError]
"""The answers of one call, by query id."""

QuestionQueries = tuple[tuple[Question, MetricQuery], ...]
"""Queries with their questions."""

SECONDS: Final = 600.0
"""The time limit of one scenario, by a manual clock without real waits."""

AUTHENTICATE: Final = "authenticate"
"""The check step that uses the secret."""

RESPONSES: Final = "responses"
"""The query that counts the responses of the survey without a question."""


def check_credentials(session: SourceSession) -> CheckReport:
    """Return the report of all check steps of a session."""
    return CheckReport(steps=tuple(session.check()))


class Lab:
    """Runs scenarios of one source and stores their results.

    Attributes:
        facts: The facts of the contract class.
        results: The results of the scenarios that have run, by name.
        fault_runs: The results and replays of runs with a fault, by scenario, fault and request
            position.
        unstored_fields: The fields of responses that were not recorded.
    """

    __slots__ = ("facts", "fault_runs", "results", "unstored_fields")

    def __init__(self, facts: ContractFacts) -> None:
        self.facts = facts
        self.results: dict[str, ScenarioResult] = {}
        self.fault_runs: dict[tuple[str, str, int], tuple[ScenarioResult, Replay]] = {}
        self.unstored_fields: set[str] = set()

    # The scenarios that several subjects use.

    def surveys(self) -> tuple[Survey, ...]:
        """Return every survey that the credentials can access."""
        return self.run("surveys", lambda session: session.surveys())

    def questionnaire(self) -> Questionnaire:
        """Return the questionnaire of the author's survey."""
        survey_id = self.facts.survey_id
        return self.run("questionnaire", lambda session: session.questions(survey_id))

    def check(self) -> CheckReport:
        """Return the report of the check with valid credentials."""
        return self.run("check", check_credentials)

    def check_wrong_credentials(self) -> ScenarioResult:
        """Return the result of the check with wrong credentials."""
        return self.result(
            "wrong_credentials", check_credentials, values=self.facts.wrong_credentials
        )

    def fetch(self, scenario: str, *queries: MetricQuery) -> Answers:
        """Return the answers to queries about the author's survey, fetched in one call."""
        survey_id = self.facts.survey_id
        return self.run(scenario, lambda session: session.fetch(survey_id, queries))

    def calculations(self) -> tuple[QuestionQueries, Answers]:
        """Return a query for each declared calculation of each question, and the answers."""
        queries = tuple(every_calculation(self.questionnaire()))
        return queries, self.fetch("calculations", *self.calculation_queries(queries))

    def calculation_queries(self, queries: QuestionQueries) -> tuple[MetricQuery, ...]:
        """Return the queries of the scenario ``calculations``, first the one without a question."""
        return (
            build_query(RESPONSES, self.facts.survey_id),
            *(query for _, query in queries),
            # In the same call, because they need the same columns.
            *(query for _, query in weight_queries(self.questionnaire())),
        )

    def responses(self) -> WindowTally:
        """Return the counts of the survey without a question.

        Raises:
            AssertionError: if they could not be counted.
        """
        _, answers = self.calculations()
        answer = answers[RESPONSES]
        if isinstance(answer, MetricsError):
            raise unexpected(answer, "Counting responses")
        return answer.window("current")

    def groups(self) -> tuple[Answers, Question]:
        """Return the answered counts of one question by each group-by, and the question.

        The answers are stored under the text of the group-by; ``whole`` is the one without.
        """
        question = best_question(self.questionnaire())
        queries = [
            build_query(
                str(group_by or "whole"),
                self.facts.survey_id,
                calculation=Calculation.ANSWERED,
                question=question,
                group_by=group_by,
            )
            for group_by in (None, *(by for by, _ in every_group_by(self.questionnaire())))
        ]
        return self.fetch("groups", *queries), question

    def calculate(self, query: MetricQuery, tally: Tally) -> Result:
        """Return the result that the framework calculates from a tally.

        Raises:
            AssertionError: if the framework cannot calculate it.
        """
        try:
            return calculate(query, tally, self.facts.now)
        except MetricsError as error:
            raise unexpected(error, f"Calculating {query.id}") from None

    # Running scenarios.

    def load_source(
        self, transports: Transports | None = None, clock: Clock | None = None
    ) -> Source:
        """Return the source, loaded as a host loads it.

        Raises:
            AssertionError: with the reason if the source cannot be used.
        """
        clock = clock or self.facts.clock()
        source = self.facts.source
        try:
            if isinstance(source, str):
                registry = SourceRegistry(clock=clock, transport_factory=transports)
                return registry.get(source)
            point = object_entry_point(source)
            return SourceRegistry(
                clock=clock, entry_points=lambda: (point,), transport_factory=transports
            ).get(point.name)
        except MetricsError as error:
            raise unexpected(error, "Loading the source") from None

    def secrets(self) -> tuple[str, ...]:
        """Return every secret of both sets of credentials in plain text."""
        fields = credential_fields(self.load_source().description.credentials)
        names = [field.name for field in fields if field.secret]
        found = [
            values[name].strip()
            for values in (self.facts.credentials, self.facts.wrong_credentials)
            for name in names
            if name in values
        ]
        return tuple(dict.fromkeys(found))

    def run(
        self,
        scenario: str,
        work: Callable[[SourceSession], T],
        *,
        values: Mapping[str, str] | None = None,
    ) -> T:
        """Return the value of a scenario, which runs once per class.

        Args:
            scenario: The name of the scenario and its cassette.
            work: The function that uses the session.
            values: Credentials to use instead of the valid ones.

        Raises:
            AssertionError: if the scenario raised an error, or its cassette does not match.
        """
        result = self.result(scenario, work, values=values)
        if result.error is not None:
            raise unexpected(result.error, f"Scenario “{scenario}”")
        value: T = result.value
        return value

    def result(
        self,
        scenario: str,
        work: Callable[[SourceSession], T],
        *,
        values: Mapping[str, str] | None = None,
    ) -> ScenarioResult:
        """Return the result of a scenario, even if it raised an error.

        Raises:
            AssertionError: if its cassette does not match, or an assertion in it failed.
        """
        if scenario not in self.results:
            clock = self.facts.clock()
            result = ScenarioResult(clock.now())
            try:
                with self._transports(scenario, result) as transports:
                    self.execute(work, result, clock, values=values, transports=transports)
            except AssertionError as failure:
                result.failure = failure
            self.results[scenario] = result
        result = self.results[scenario]
        if result.failure is not None:
            raise result.failure
        return result

    def replay(  # noqa: PLR0913  # All by name but the first two.
        self,
        work: Work,
        replay: Replay | None,
        *,
        clock: Clock | None = None,
        deadline: Deadline | None = None,
        source: Source | None = None,
        values: Mapping[str, str] | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> ScenarioResult:
        """Run the function of a scenario again with exchanges from memory, and return the result.

        Args:
            work: The function of a scenario.
            replay: The exchanges; ``None`` if ``source`` has a transport.
            clock: The clock of the run.
            deadline: The deadline of the run.
            source: A loaded source, instead of loading it again.
            values: Credentials to use instead of the valid ones.
            progress: Called at each progress report of the source.
        """
        clock = clock or ManualClock(self.facts.now)
        result = ScenarioResult(clock.now())
        self.execute(
            work,
            result,
            clock,
            values=values,
            transports=replay.transport if replay else None,
            deadline=deadline,
            source=source,
            progress=progress,
        )
        return result

    def execute(  # noqa: PLR0913  # All by name but the first three.
        self,
        work: Work,
        result: ScenarioResult,
        clock: Clock,
        *,
        values: Mapping[str, str] | None = None,
        transports: Transports | None = None,
        deadline: Deadline | None = None,
        source: Source | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> None:
        """Run a function with a session of the source, and fill in the result."""
        output = result.output

        def report(*progress_values: object) -> None:
            output.add("the progress", repr(progress_values).encode())
            progress()

        with (
            output.capturing(),
            detect_process_changes(result.process_changes),
            detect_sleeps(result.sleeps),
        ):
            try:
                source = source or self.load_source(transports, clock)
                credentials = source.parse(values or self.facts.credentials)
                output.add("the credentials' repr", f"{credentials!r} {credentials}".encode())
                output.add("the credentials' JSON", credentials.model_dump_json().encode())
                with source.session(
                    credentials,
                    account=self.facts.account,
                    allowed=self.facts.allowed,
                    deadline=deadline or Deadline.after(SECONDS, clock),
                    progress=report,
                    exchange=output.add_value,
                ) as session:
                    output.add("the session's repr", f"{session!r} {vars(session)!r}".encode())
                    result.value = work(session)
                    result.ended = clock.now()
                    output.add_value(result.value)
            except MetricsError as error:
                output.add_error(error)
                result.error = error
        result.drop_tracebacks()

    @contextmanager
    def _transports(self, scenario: str, result: ScenarioResult) -> Iterator[Transports]:
        """Yield a factory of transports for a scenario, which record the exchanges."""
        answering: Callable[[], httpx.BaseTransport | None] = lambda: None  # noqa: E731
        with ExitStack() as stack:
            if self.facts.cassettes is not None:
                answering = stack.enter_context(self._cassette(scenario)).transport
            # Read from the class: on the instance, the function would be a method.
            elif (server := type(self.facts).server) is not None:
                answering = partial(httpx.MockTransport, server)
            yield lambda: RecordingTransport(answering(), result.exchanges)
            for request, _ in result.exchanges:
                result.output.add("the URL of a request", request.target.encode())

    @contextmanager
    def _cassette(self, scenario: str) -> Iterator[CassetteSession]:
        require_extra("testing", "vcr")  # Required only for cassettes.
        from smaply_metrics_core.testing.recording.cassettes import playing, recording

        assert self.facts.cassettes is not None  # noqa: S101  # Checked by the caller.
        path = self.facts.cassettes / f"{scenario}.yaml"
        if not self.facts.recording:
            with playing(path) as cassette:
                yield cassette
            return
        policy = self.facts.policy or RecordingPolicy()
        with recording(path, policy, self.secrets(), self._cassette_head()) as cassette:
            yield cassette
        self.unstored_fields.update(cassette.unstored_fields)

    def _cassette_head(self) -> Mapping[str, str]:
        """Return the head of a cassette without its hash."""
        source = self.load_source()
        return {
            "recorded_at": f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ}",
            "plugin": f"{source.distribution} {source.version}".strip(),
        }

    def expect_no_leak(self, where: str, result: ScenarioResult) -> None:
        """Fail if a secret occurs in the output of a run.

        Raises:
            AssertionError: with the places where the secret occurs.
        """
        places: Sequence[str] = result.output.leaks(self.secrets())
        expect(
            not places,
            f"{where}: a secret occurs in {', '.join(places)}.",
            "send the secret only with http.header_auth, and put it into no message or output",
        )
