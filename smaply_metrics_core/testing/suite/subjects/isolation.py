"""Contract tests that calls end in time and share no state."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import zip_longest
from typing import Final

import httpx

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import Cancelled, DeadlineExceeded, MetricsError
from smaply_metrics_core.models.check import CheckReport, StepResult
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.replay import RecordedAnswer, Replay
from smaply_metrics_core.testing.suite.bundles import BUNDLE, problem_files
from smaply_metrics_core.testing.suite.fault_injection import (
    Scenario,
    calling,
    hook_scenarios,
    http_scenarios,
    problems_of,
    sampled,
    unauthorized,
    without_times,
)
from smaply_metrics_core.testing.suite.lab import SECONDS, Lab
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult
from smaply_metrics_core.testing.suite.subject import ContractSubject

STATELESS: Final = (
    "store nothing in the module or the object between calls; use only the arguments and local "
    "variables"
)


class IsolationTests(ContractSubject):
    """Deadline, cancellation, and concurrent calls of several connections."""

    def test_the_deadline_is_kept(self) -> None:
        """A call whose deadline passes ends with DeadlineExceeded."""
        _check_early_end(
            self.lab,
            lambda clock, _: clock.forward(SECONDS + 1),
            DeadlineExceeded,
            "do not catch DeadlineExceeded: catch single errors of the tree, never all of them",
        )

    def test_a_cancellation_is_obeyed(self) -> None:
        """A cancelled call ends at once with Cancelled."""
        _check_early_end(
            self.lab,
            lambda _, deadline: deadline.cancelled.set(),
            Cancelled,
            "do not catch Cancelled: catch single errors of the tree, never all of them",
        )

    def test_waiting_is_left_to_the_context(self) -> None:
        """The source waits only with `context.pause`, which ends at the deadline."""
        for scenario in hook_scenarios(self.lab):
            sleeps = [*scenario.result.sleeps]
            for result, _ in self.lab.fault_runs.values():
                sleeps += result.sleeps
            expect(
                not sleeps,
                f"The source calls time.sleep: {', '.join(dict.fromkeys(sleeps))}.",
                "wait with `context.pause(seconds)`, which ends at the deadline or on cancellation",
            )

    def test_as_of_is_when_the_reading_began(self) -> None:
        """`as_of` is not later than the first request for responses."""
        questionnaire, calculations = (
            next(one for one in http_scenarios(self.lab) if one.name == name)
            for name in ("questionnaire", "calculations")
        )
        known = {request.key for request, _ in questionnaire.exchanges}
        keys = [request.key for request, _ in calculations.exchanges]
        first = next((n for n, key in enumerate(keys) if key not in known), len(keys) - 1)
        clock = ManualClock(self.now)

        def slow(_: int, recorded: RecordedAnswer) -> httpx.Response:
            clock.forward(1)
            return recorded().response()

        replay = Replay(calculations.exchanges, slow)
        result = self.lab.replay(calculations.work, replay, clock=clock)
        began = self.now + timedelta(seconds=first)
        for name, tally in _tallies(result.value):
            expect(
                tally.as_of <= began,
                f"{name}: as_of is {tally.as_of}, but the responses were requested at {began}, so "
                "later ones may be missing.",
                "set as_of to `context.now()` before the first request for responses",
            )

    def test_a_call_leaves_no_state_behind(self) -> None:
        """The same call, made twice, sends the same requests and returns the same value."""
        transports = TransportQueue()
        clock = ManualClock(self.now)
        source = self.lab.load_source(transports, clock)
        for scenario in hook_scenarios(self.lab):
            changes = scenario.result.process_changes
            expect(
                not changes,
                f"{scenario.name}: the source changes {', '.join(changes)}.",
                "do not change process state; other sources and the host run in the same process",
            )
            _check_repeated_call(self.lab, scenario, source, transports, clock)

    def test_connections_share_nothing(self) -> None:
        """Calls of two connections do not affect each other, even at the same time."""
        transports = TransportQueue()
        source = self.lab.load_source(transports)
        for scenario in hook_scenarios(self.lab):
            if scenario.name == "check":
                continue  # Checked step by step, below.
            if scenario.name == BUNDLE and not scenario.exchanges:
                continue  # A bundle of local files requires no credentials.
            last = max(1, len(scenario.exchanges))
            for valid in (False, True):
                fault = f"valid credentials: {valid}"
                for position in sampled(self.lab, scenario, fault, sorted({1, last})):
                    _check_interleaved_calls(
                        self.lab, scenario, source, transports, position, valid=valid
                    )
        _check_interleaved_steps(self.lab, source, transports)


@dataclass(frozen=True)
class ObservedDeadline(Deadline):
    """A deadline that stores the errors that it raises on a thread of a source."""

    raised: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Raise if the call is over, and store the kind of the error."""
        try:
            super().check()
        except MetricsError as error:
            if threading.current_thread().name.startswith("smaply-source"):
                self.raised.append(error.kind)
            raise


class TransportQueue:
    """A transport factory that returns the next replay of a queue."""

    def __init__(self) -> None:
        self.replays: list[Replay] = []

    def __call__(self) -> httpx.BaseTransport:
        """Return the transport of the next replay, or one without recordings."""
        if not self.replays:
            return Replay([]).transport()
        return self.replays.pop(0).transport()


def _check_early_end(
    lab: Lab,
    end: Callable[[ManualClock, Deadline], None],
    expected: type[MetricsError],
    fix: str,
) -> None:
    """Check that each hook raises the expected error if its call is ended early."""
    for scenario in hook_scenarios(lab):
        positions = sampled(lab, scenario, expected.kind, scenario.positions)
        for position in positions or (0,):  # 0: at a progress report.
            clock = ManualClock(lab.facts.now)
            deadline = ObservedDeadline(clock, clock.monotonic() + SECONDS)

            def end_call(clock: ManualClock = clock, deadline: Deadline = deadline) -> None:
                end(clock, deadline)

            result = lab.replay(
                scenario.work,
                Replay(scenario.exchanges, calling(end_call), position) if position else None,
                clock=clock,
                deadline=deadline,
                progress=end_call if not position else lambda: None,
            )
            if not position and not deadline.raised:
                continue  # Without a request or use of the context, it could not detect the end.
            if problem_files(result.value) and expected is DeadlineExceeded:
                continue  # A bundle may report that it is incomplete because of the deadline.
            where = f"at request {position}" if position else "at a progress report"
            lab.expect_no_leak(f"{scenario.name}, ended {where}", result)
            problems = problems_of(result)
            kinds = {problem.kind if problem else "an answer" for problem in problems}
            expect(
                kinds == {expected.kind},
                f"{scenario.name}: the call was ended {where}, but the source returned "
                f"{', '.join(sorted(kinds))}.",
                fix,
            )


def _check_repeated_call(
    lab: Lab, scenario: Scenario, source: Source, transports: TransportQueue, clock: ManualClock
) -> None:
    """Check that a second call sends the same requests and returns the same value."""
    first, second = Replay(scenario.exchanges), Replay(scenario.exchanges)
    results = []
    for replay in (first, second):
        transports.replays = [replay]
        clock.forward(SECONDS)
        results.append(lab.replay(scenario.work, None, source=source, clock=clock))
    for name, tally in _tallies(results[1].value):
        expect(
            tally.as_of >= results[1].started,
            f"{name}: as_of of the second call is {tally.as_of}, before it started.",
            STATELESS,
        )
    one, other = (without_times(result.value) for result in results)
    expect(
        one == other and one == without_times(scenario.result.value),
        f"{scenario.name}: the second call has another answer than the first.",
        STATELESS,
    )
    keys = [[request.key for request in replay.requests] for replay in (first, second)]
    expect(
        keys[0] == keys[1] == [request.key for request, _ in scenario.exchanges],
        f"{scenario.name}: the second call sends other requests than the first "
        f"({len(keys[1])} and {len(keys[0])}).",
        STATELESS,
    )


def _check_interleaved_calls(  # noqa: PLR0913  # All by name but the first five.
    lab: Lab,
    scenario: Scenario,
    source: Source,
    transports: TransportQueue,
    position: int,
    *,
    valid: bool,
) -> None:
    """Check a call with calls of another connection before, during and after it.

    Args:
        lab: The lab.
        scenario: The scenario that runs on both connections.
        source: The source that both connections use.
        transports: The transport factory of the source's clients.
        position: The request of the call at which the other connection calls.
        valid: Whether the other connection has the same valid credentials, else wrong ones.
    """
    disturb = None if valid else unauthorized(lab).disturb
    others: list[tuple[ScenarioResult, Replay]] = []

    def call_other() -> None:
        replay = Replay(scenario.exchanges, disturb)
        transports.replays = [replay]
        values = lab.facts.credentials if valid else lab.facts.wrong_credentials
        others.append((lab.replay(scenario.work, None, source=source, values=values), replay))

    call_other()
    mine = Replay(scenario.exchanges, calling(call_other), position)
    transports.replays = [mine]
    result = lab.replay(scenario.work, None, source=source)
    call_other()
    alone = without_times(scenario.result.value)
    for value in (result.value, *(one.value for one, _ in others if valid)):
        expect(
            without_times(value) == alone,
            f"{scenario.name}: a concurrent call of another connection changes the answer.",
            STATELESS,
        )
    if not valid:
        _check_separate_secrets(lab, scenario.name, others, mine)


def _check_separate_secrets(
    lab: Lab, name: str, others: Sequence[tuple[ScenarioResult, Replay]], mine: Replay
) -> None:
    """Check that wrong credentials are rejected, and that connections do not mix up secrets."""
    for result, _ in others:
        expect(
            None not in problems_of(result),
            f"{name}: wrong credentials are accepted after valid ones have been used.",
            STATELESS,
        )
    valid, wrong = (
        {*values.values()} for values in (lab.facts.credentials, lab.facts.wrong_credentials)
    )
    secrets = {*lab.secrets()}
    for requests, foreign_secrets in (
        ([request for _, replay in others for request in replay.requests], valid - wrong),
        (mine.requests, wrong - valid),
    ):
        for secret in secrets & foreign_secrets:
            expect(
                not any(request.contains(secret) for request in requests),
                f"{name}: a secret of one connection is sent for another.",
                STATELESS,
            )


def _check_interleaved_steps(lab: Lab, source: Source, transports: TransportQueue) -> None:
    """Check valid and wrong credentials alternately, step by step."""
    scenario = next(one for one in hook_scenarios(lab) if one.name == "check")
    transports.replays = [
        Replay(scenario.exchanges),
        Replay(scenario.exchanges, unauthorized(lab).disturb),
    ]
    valid, wrong = list[StepResult](), list[StepResult]()
    with ExitStack() as stack:
        try:
            mine = _check_steps(lab, stack, source, lab.facts.credentials)
            theirs = _check_steps(lab, stack, source, lab.facts.wrong_credentials)
        except MetricsError:
            return  # The destination of the wrong credentials is not allowed.
        for one, other in zip_longest(mine, theirs):
            valid += [one] if one else []
            wrong += [other] if other else []
    expect(
        without_times(CheckReport(steps=tuple(valid))) == without_times(scenario.result.value),
        "check: a concurrent check of another connection changes the result for valid credentials.",
        STATELESS,
    )
    problems = [step.problem for step in wrong if step.problem is not None]
    expect(
        problems and (problems[0].issue is Issue.AUTHENTICATION or not lab.secrets()),
        "check: wrong credentials are accepted during a concurrent check of valid ones.",
        STATELESS,
    )


def _check_steps(
    lab: Lab, stack: ExitStack, source: Source, values: Mapping[str, str]
) -> Iterator[StepResult]:
    """Open a session and return the results of its check steps."""
    session = stack.enter_context(
        source.session(
            source.parse(values),
            account=lab.facts.account,
            allowed=lab.facts.allowed,
            deadline=Deadline.after(SECONDS, ManualClock(lab.facts.now)),
        )
    )
    return session.check()


def _tallies(value: object) -> Iterator[tuple[str, Tally]]:
    """Yield the tallies of a call that fetches metrics; nothing for other calls."""
    for name, answer in value.items() if isinstance(value, Mapping) else ():
        if isinstance(answer, Tally):
            yield name, answer
