"""The lab of a contract class, which calls the source as a host does and caches the results.

A scenario is a named function that uses one session of the source. It runs once per class, however
many tests use its result, and its cassette has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.context import Clock, Deadline, SystemClock
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.models.check import CheckReport
from smaply_metrics_core.models.query import MetricQuery
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
from smaply_metrics_core.testing.recording.policy import NamedPath, RecordingPolicy
from smaply_metrics_core.testing.suite.facts import ContractFacts
from smaply_metrics_core.testing.suite.issued_secrets import derived_secrets, form_secrets
from smaply_metrics_core.testing.suite.object_entry_point import entry_point_of
from smaply_metrics_core.testing.suite.queries import (
    every_calculation,
    group_queries,
    require_responses,
    response_queries,
    weight_queries,
)
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult

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
        hook_scenarios: The ``fault_injection.Scenario`` of each hook, after all of them have run.
        fault_runs: Results and replays of runs with a fault, by scenario, fault and position.
        unstored_fields: The fields of responses that were not recorded.
        matched_paths: The paths of the recording policy that named a value.
    """

    __slots__ = (
        *("_entry_point", "_secrets", "_source", "facts", "fault_runs", "hook_scenarios"),
        *("matched_paths", "results", "unstored_fields"),
    )

    def __init__(self, facts: ContractFacts) -> None:
        self.facts = facts
        self._entry_point: EntryPoint | None = None
        self._secrets: tuple[str, ...] | None = None
        self._source: Source | None = None
        self.results: dict[str, ScenarioResult] = {}
        self.hook_scenarios: tuple[Any, ...] = ()
        self.fault_runs: dict[tuple[str, str, int], tuple[ScenarioResult, Replay]] = {}
        self.unstored_fields: set[str] = set()
        self.matched_paths: set[NamedPath] = set()

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
            *response_queries(self.questionnaire(), RESPONSES),
            *(query for _, query in queries),
            # In the same call, because they need the same columns.
            *(query for _, query in weight_queries(self.questionnaire())),
        )

    def responses(self) -> WindowTally:
        """Return the counts of the survey without a question.

        Raises:
            AssertionError: if they could not be counted.
        """
        require_responses(self.questionnaire())
        answer = self.calculations()[1][RESPONSES]
        if isinstance(answer, MetricsError):
            raise unexpected(answer, "Counting responses")
        return answer.window("current")

    def groups(self) -> tuple[Answers, Question]:
        """Return the answered counts of one question by each group-by, and the question.

        The answers are stored under the text of the group-by; ``whole`` is the one without.
        """
        require_responses(self.questionnaire())
        question, queries = group_queries(self.questionnaire())
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

    def load_source(
        self,
        transports: Transports | None = None,
        clock: Clock | None = None,
        stack: ExitStack | None = None,
    ) -> Source:
        """Return the source, loaded as a host loads it; its temporary files live until ``stack``.

        Raises:
            AssertionError: with the reason if the source cannot be used.
        """
        clock = clock or self.facts.clock()
        try:  # All installed distributions are searched for it only once.
            self._entry_point = point = self._entry_point or entry_point_of(self.facts.source)
            registry = SourceRegistry(
                clock=clock, entry_points=lambda: (point,), transport_factory=transports
            )
            if stack is not None:
                stack.callback(registry.close)
            return registry.get(point.name)
        except MetricsError as error:
            raise unexpected(error, "Loading the source") from None

    def secrets(self) -> tuple[str, ...]:
        """Return every secret of both sets of credentials in plain text."""
        if self._secrets is None:
            self._secrets = form_secrets(
                self.load_source().description.credentials,
                self.facts.credentials,
                self.facts.wrong_credentials,
            )
        return self._secrets

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
            source: A loaded source with a transport of its own.
            values: Credentials to use instead of the valid ones.
            progress: Called at each progress report of the source.
        """
        clock = clock or ManualClock(self.facts.now)
        result = ScenarioResult(clock.now())
        if source is None:  # Loaded once for all runs, each of which has its own transport.
            self._source = self._source or self.load_source()
            transports = replay.transport if replay else None
            source = replace(self._source, _clock=clock, _transport_factory=transports)
        self.execute(
            work, result, clock, values=values, deadline=deadline, source=source, progress=progress
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
            result.progress += 1
            output.add("the progress", repr(progress_values).encode())
            progress()

        with (
            output.capturing(),
            detect_process_changes(result.process_changes),
            detect_sleeps(result.sleeps),
            ExitStack() as stack,
        ):
            try:
                source = source or self.load_source(transports, clock, stack)
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
                    try:
                        result.value = work(session)
                    finally:
                        result.secrets |= {one.get_secret_value() for one in session.secrets}
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
                answering = stack.enter_context(self._cassette(scenario, result)).transport
            # Read from the class: on the instance, the function would be a method.
            elif (server := type(self.facts).server) is not None:
                answering = partial(httpx.MockTransport, server)
            yield lambda: RecordingTransport(answering(), result.exchanges)
            for request, _ in result.exchanges:
                result.output.add("the URL of a request", request.target.encode())

    @contextmanager
    def _cassette(self, scenario: str, result: ScenarioResult) -> Iterator[CassetteSession]:
        require_extra("testing", "vcr")  # Required only for cassettes.
        from smaply_metrics_core.testing.recording.cassettes import playing, recording

        assert self.facts.cassettes is not None  # noqa: S101  # Checked by the caller.
        path = self.facts.cassettes / f"{scenario}.yaml"
        policy = self.facts.policy or RecordingPolicy()
        result.secrets.update(self.secrets())
        if not self.facts.recording:
            with playing(path, policy, result.secrets) as cassette:
                yield cassette
            return
        with recording(
            path, policy, result.secrets, self._cassette_head(), sign_in=self.facts.sign_in
        ) as cassette:
            yield cassette
        self.unstored_fields.update(cassette.unstored_fields)
        self.matched_paths.update(cassette.matched_paths)

    def _cassette_head(self) -> Mapping[str, str]:
        """Return the head of a cassette without its hash."""
        source, now = self.load_source(), SystemClock().now()
        plugin = f"{source.distribution} {source.version}".strip()
        return {"recorded_at": f"{now:%Y-%m-%dT%H:%M:%SZ}", "plugin": plugin}

    def expect_no_leak(self, where: str, result: ScenarioResult) -> None:
        """Fail if a secret occurs in the output of a run.

        Raises:
            AssertionError: with the places where the secret occurs.
        """
        known = self.secrets()
        derived = (*result.secrets, *derived_secrets(result.exchanges, self.facts.sign_in))
        later = tuple(dict.fromkeys(one for one in derived if one not in known))
        # Those of the survey tool differ in each scenario, so they are searched for separately.
        places = [place for some in (known, later) if some for place in result.output.leaks(some)]
        expect(
            not places,
            f"{where}: a secret occurs in {', '.join(dict.fromkeys(places))}.",
            "send the secret only with http.header_auth, and put it into no message or output",
        )
