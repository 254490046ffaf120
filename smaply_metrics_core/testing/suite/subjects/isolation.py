"""Contract tests: a call ends when it has to, and shares nothing with another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import zip_longest

import httpx

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import Cancelled, DeadlineExceeded, MetricsError
from smaply_metrics_core.models.check import CheckReport, StepResult
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources import Source, SourceSession
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults import fault_types
from smaply_metrics_core.testing.faults.replay import Answer, Replay
from smaply_metrics_core.testing.suite.fault_injection import Scenario, doing, problems, same_time
from smaply_metrics_core.testing.suite.lab import SECONDS, ScenarioResult
from smaply_metrics_core.testing.suite.subjects.bundle_contents import BUNDLE, problems_named
from smaply_metrics_core.testing.suite.subjects.http_faults import HttpFaultTests

STATELESS = (
    "keep nothing in the module or the object between calls: take everything from the arguments, "
    "and hold it in local variables"
)


@dataclass(frozen=True)
class NoticedDeadline(Deadline):
    """A deadline that knows whether it has told a source's thread that the call is over."""

    told: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Go on, or say why not, and remember that."""
        try:
            super().check()
        except MetricsError as error:
            if threading.current_thread().name.startswith("smaply-source"):
                self.told.append(error.kind)
            raise


def _tallies(value: object) -> Iterator[tuple[str, Tally]]:
    """Give the tallies among the answers of a call, if it is one that measures."""
    for name, answer in value.items() if isinstance(value, Mapping) else ():
        if isinstance(answer, Tally):
            yield name, answer


class _Turns:
    """Gives each session that opens its client the transport that was laid ready for it."""

    def __init__(self) -> None:
        self.ready: list[Replay] = []

    def __call__(self) -> httpx.BaseTransport:
        if not self.ready:
            return Replay([]).transport()
        return self.ready.pop(0).transport()


class IsolationTests(HttpFaultTests):
    """Deadline, cancellation, connections side by side."""

    def _ended_early(
        self, end: Callable[[ManualClock, Deadline], None], wanted: type[MetricsError], fix: str
    ) -> None:
        """See that each hook ends with the right error when a call is over in its middle."""
        for scenario in self.scenarios():
            for place in scenario.places() or (0,):
                clock = ManualClock(self.now)
                deadline = NoticedDeadline(clock, clock.monotonic() + SECONDS)

                def over(clock: ManualClock = clock, deadline: Deadline = deadline) -> None:
                    end(clock, deadline)

                replay = Replay(scenario.exchanges, doing(over), place) if place else None
                outcome = self.disturbed(
                    scenario,
                    replay,
                    clock=clock,
                    deadline=deadline,
                    progress=over if not place else lambda: None,
                )
                if not place and not deadline.told:
                    continue  # Without a request, and never asked the context: nobody told it.
                if problems_named(outcome.value) and wanted is DeadlineExceeded:
                    continue  # A bundle may say that the time ran out before it was complete.
                where = f"at request {place}" if place else "when it told its progress"
                self.expect_silence(f"{scenario.name}, when the call was over {where}", outcome)
                found = problems(outcome)
                kinds = {problem.kind if problem else "an answer" for problem in found}
                expect(
                    kinds == {wanted.kind},
                    f"{scenario.name}: the call was over {where}, and the source gives "
                    f"{', '.join(sorted(kinds))}.",
                    fix,
                )

    def test_the_deadline_is_kept(self) -> None:
        """When the time runs out in the middle of a call, that is what the call ends with."""
        self._ended_early(
            lambda clock, _: clock.forward(SECONDS + 1),
            DeadlineExceeded,
            "let DeadlineExceeded pass: catch single errors of the tree, never all of them",
        )

    def test_a_cancellation_is_obeyed(self) -> None:
        """When the caller asks to stop, the call ends at once, with nothing else to tell."""
        self._ended_early(
            lambda _, deadline: deadline.cancelled.set(),
            Cancelled,
            "let Cancelled pass: catch single errors of the tree, never all of them",
        )

    def test_waiting_is_left_to_the_context(self) -> None:
        """Nothing sleeps but by `context.pause`, which ends with the deadline."""
        for scenario in self.scenarios():
            slept = [*scenario.outcome.slept]
            for outcome, _ in self._disturbed.values():
                slept += outcome.slept
            expect(
                not slept,
                f"The source waits by itself: {', '.join(dict.fromkeys(slept))}.",
                "wait with `context.pause(seconds)`: it ends with the deadline and on request",
            )

    def test_as_of_is_when_the_reading_began(self) -> None:
        """What is recorded while responses are read is not claimed to be in the numbers."""
        described, measured = (
            next(one for one in self.over_wire() if one.name == name)
            for name in ("questionnaire", "calculations")
        )
        known = {asked.key for asked, _ in described.exchanges}
        keys = [asked.key for asked, _ in measured.exchanges]
        first = next((n for n, key in enumerate(keys) if key not in known), len(keys) - 1)
        clock = ManualClock(self.now)

        def late(_: int, real: Answer) -> httpx.Response:
            clock.forward(1)
            return real().response()

        outcome = self.disturbed(measured, Replay(measured.exchanges, late), clock=clock)
        began = self.now + timedelta(seconds=first)
        for name, answer in _tallies(outcome.value):
            expect(
                answer.as_of <= began,
                f"{name}: as_of is {answer.as_of}, and the responses were asked for at "
                f"{began}: what was recorded since may be missing.",
                "set as_of to `context.now()` before the first request for responses",
            )

    def test_a_call_leaves_nothing_behind(self) -> None:
        """The same call, made twice with one source, asks the same and is answered the same."""
        turns = _Turns()
        clock = ManualClock(self.now)
        source = self.loaded(turns, clock)
        for scenario in self.scenarios():
            expect(
                not scenario.outcome.changed,
                f"{scenario.name}: the source changes {', '.join(scenario.outcome.changed)}.",
                "leave the process as it is: other sources and the host run in it",
            )
            first, second = Replay(scenario.exchanges), Replay(scenario.exchanges)
            outcomes = []
            for replay in (first, second):
                turns.ready = [replay]
                clock.forward(SECONDS)
                outcomes.append(self.disturbed(scenario, None, source=source, clock=clock))
            for name, answer in _tallies(outcomes[1].value):
                expect(
                    answer.as_of >= outcomes[1].started,
                    f"{name}: the second call is answered as of {answer.as_of}, before it began.",
                    STATELESS,
                )
            one, other = (same_time(outcome.value) for outcome in outcomes)
            expect(
                one == other and one == same_time(scenario.outcome.value),
                f"{scenario.name}: the second call is answered otherwise than the first.",
                STATELESS,
            )
            keys = [[asked.key for asked in replay.asked] for replay in (first, second)]
            expect(
                keys[0] == keys[1] == [asked.key for asked, _ in scenario.exchanges],
                f"{scenario.name}: the second call asks {len(keys[1])} times, the first "
                f"{len(keys[0])}, or for something else.",
                STATELESS,
            )

    def test_connections_share_nothing(self) -> None:
        """What one connection may see, another may not, even in the middle of its call."""
        turns = _Turns()
        source = self.loaded(turns)
        for scenario in self.scenarios():
            if scenario.name == "check":
                continue  # Seen step by step, below.
            if scenario.name == BUNDLE and not scenario.exchanges:
                continue  # Files that are there need no credentials to be written.
            last = max(1, len(scenario.exchanges))
            for place in sorted({1, last}):
                for right in (False, True):
                    self._beside(scenario, source, turns, place, right=right)
        self._check_steps(source, turns)

    def _beside(
        self, scenario: Scenario, source: Source, turns: _Turns, place: int, *, right: bool
    ) -> None:
        """Make a call, with calls of another connection before it, in its middle and after it.

        The other one has wrong credentials, or the same as this one.
        """
        refused = None if right else fault_types.refused(self._refusal(401))
        others: list[tuple[ScenarioResult, Replay]] = []

        def other() -> None:
            replay = Replay(scenario.exchanges, refused.disturb if refused else None)
            turns.ready = [replay]
            values = self.credentials if right else self.wrong_credentials
            others.append((self.disturbed(scenario, None, source=source, values=values), replay))

        other()
        mine = Replay(scenario.exchanges, doing(other), place)
        turns.ready = [mine]
        outcome = self.disturbed(scenario, None, source=source)
        other()
        alone = same_time(scenario.outcome.value)
        for value in (outcome.value, *(one.value for one, _ in others if right)):
            expect(
                same_time(value) == alone,
                f"{scenario.name}: beside a call of another connection the source answers "
                "something else.",
                STATELESS,
            )
        if not right:
            self._check_apart(scenario.name, others, mine)

    def _check_apart(
        self, name: str, others: list[tuple[ScenarioResult, Replay]], mine: Replay
    ) -> None:
        for found, _ in others:
            expect(
                None not in problems(found),
                f"{name}: with wrong credentials the source answers, once right ones have been "
                "used.",
                STATELESS,
            )
        right, wrong = ({*values.values()} for values in (self.credentials, self.wrong_credentials))
        secrets = {*self.secrets()}
        for secret in secrets & right - wrong:
            expect(
                not any(asked.holds(secret) for _, replay in others for asked in replay.asked),
                f"{name}: a secret of one connection is sent for another.",
                STATELESS,
            )
        for secret in secrets & wrong - right:
            expect(
                not any(asked.holds(secret) for asked in mine.asked),
                f"{name}: a secret of one connection is sent for another.",
                STATELESS,
            )

    def _check_steps(self, source: Source, turns: _Turns) -> None:
        """Try right and wrong credentials in turns, step by step."""
        scenario = next(one for one in self.scenarios() if one.name == "check")
        refused = fault_types.refused(self._refusal(401))
        turns.ready = [Replay(scenario.exchanges), Replay(scenario.exchanges, refused.disturb)]
        right, wrong = list[StepResult](), list[StepResult]()
        with ExitStack() as stack:
            try:
                mine = self._session(stack, source, right=True)
                theirs = self._session(stack, source, right=False)
            except MetricsError:
                return  # The wrong ones lead nowhere: nothing can be tried with them.
            for one, other in zip_longest(mine, theirs):
                right += [one] if one else []
                wrong += [other] if other else []
        expect(
            same_time(CheckReport(steps=tuple(right))) == same_time(scenario.outcome.value),
            "check: beside a check of another connection, the check of right credentials ends "
            "otherwise.",
            STATELESS,
        )
        bad = [step.problem for step in wrong if step.problem is not None]
        expect(
            bad and (bad[0].issue is Issue.AUTHENTICATION or not self.secrets()),
            "check: beside a check of right credentials, wrong ones are not refused.",
            STATELESS,
        )

    def _session(self, stack: ExitStack, source: Source, *, right: bool) -> Iterator[StepResult]:
        clock = ManualClock(self.now)
        session: SourceSession = stack.enter_context(
            source.session(
                source.parse(self.credentials if right else self.wrong_credentials),
                account=self.account,
                allowed=self.allowed,
                deadline=Deadline.after(SECONDS, clock),
            )
        )
        return session.check()
