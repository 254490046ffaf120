"""What a contract test knows of its source, and how it calls it: as a host does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import httpx

from smaply_metrics_core.context import Clock, Deadline, SystemClock
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.hookspecs import ENTRY_POINT_GROUP
from smaply_metrics_core.http.error_mapping import causes_of
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.sources import AllowedDestinations, Source, SourceRegistry, SourceSession
from smaply_metrics_core.testing.assertions import broken, unexpected
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.replay import Exchanges, RecordingTransport
from smaply_metrics_core.testing.leak_detection.output_capture import OutputCapture
from smaply_metrics_core.testing.leak_detection.side_effects import (
    detect_process_changes,
    detect_sleeps,
)

if TYPE_CHECKING:
    from smaply_metrics_core.testing.recording.cassettes import CassetteSession
    from smaply_metrics_core.testing.recording.policy import RecordingPolicy

T = TypeVar("T")

Transports = Callable[[], httpx.BaseTransport]

Work = Callable[[SourceSession], Any]
"""What a scenario does with a session."""

Expected = float | None | Mapping[str, float | str | None]
"""A number, one for each answer or group, or the text of each."""

NEVER = datetime.max.replace(tzinfo=UTC)

SECONDS = 600.0
"""Time that one scenario has; with a clock that nobody waits for, that is no time at all."""


@dataclass
class ScenarioResult:
    """What came of one scenario: a value, or the error of our tree that ended it.

    Attributes:
        started: When it began, by its own clock; and when it had ended.
        exchanges: What went over the wire.
        slept: Whether the source waited by itself, and how.
        changed: What the source changed of its process.
    """

    started: datetime
    ended: datetime = NEVER
    value: Any = None
    error: MetricsError | None = None
    failure: AssertionError | None = None
    hearing: OutputCapture = field(default_factory=OutputCapture)
    exchanges: Exchanges = field(default_factory=list)
    slept: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class Lab:
    """The facts that an author gives, and the calls that the tests make with them.

    Attributes:
        source: The id of an installed source, or the object with its hooks.
        credentials: What a person would enter, with which everything works. Secrets have to be
            made up, and long enough not to stand anywhere by chance.
        wrong_credentials: The same, with which nothing may work.
        survey_id: A survey with answers, that these credentials can see. Take one from the last
            page of the list: a source that reads only the first page passes otherwise.
        unknown_survey_id: An id that no survey has, in the form that ids have.
        recorded_at: When one of its responses that count was recorded (aware), to the second; the
            next one was recorded a second later or more. Take one from the last page of responses,
            for the same reason. ``None`` only where nobody can know.
        personal: Texts of columns about the respondents themselves (an IP address, a recipient),
            which only a bundle with personal columns may hold; empty where there are none. With
            recordings nothing that these refuse, such as an e-mail address.
        expected: What is known of the account in another way: counted by hand, or read off the
            survey tool's own report. ``everything_expected`` explains the names.
        cassettes: The folder of recordings; ``None`` for a source that needs no network, or one
            that is tried against a server of the test's own.
        server: A function that answers requests in place of the survey tool, within the process;
            in place of cassettes.
        refusals: For the statuses 401, 403 and 404 the body with which the survey tool sends it,
            where the source looks at that; ``{}`` otherwise.
        allowed: Where the source may go.
        account: Whose credentials these are.
        now: The time of the tests (aware); later than the survey's last response.
        policy: What may be stored in cassettes.
        bundle_answers: For a pattern of paths the file of a debug bundle whose content the survey
            tool sends there, and a function that makes of it what it sends; no file, where the
            function makes it of nothing. Only for ``source test --bundle``.
        exceptions: For a test of the suite that is left out or replaced, the reason in a sentence;
            the report of every run prints it.
        recording: Whether the cassettes are made anew; ``record`` sets it.
    """

    source: ClassVar[str | object] = ""
    credentials: ClassVar[Mapping[str, str]] = {}
    wrong_credentials: ClassVar[Mapping[str, str]] = {}
    survey_id: ClassVar[str] = ""
    unknown_survey_id: ClassVar[str] = "no_such_survey"
    recorded_at: ClassVar[datetime | None] = None
    personal: ClassVar[tuple[str, ...]] = ()
    expected: ClassVar[Mapping[str, Expected]] = {}
    cassettes: ClassVar[Path | None] = None
    server: ClassVar[Callable[[httpx.Request], httpx.Response] | None] = None
    refusals: ClassVar[Mapping[int, bytes]] = {}
    allowed: ClassVar[AllowedDestinations] = AllowedDestinations()
    account: ClassVar[str] = "contract"
    now: ClassVar[datetime] = datetime(2026, 6, 1, 12, tzinfo=UTC)
    policy: ClassVar[RecordingPolicy | None] = None
    bundle_answers: ClassVar[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {}
    exceptions: ClassVar[Mapping[str, str]] = {}
    recording: ClassVar[bool] = False

    _outcomes: ClassVar[dict[str, ScenarioResult]] = {}
    _not_stored: ClassVar[set[str]] = set()

    def __init_subclass__(cls) -> None:
        """Keep what was found out about one source apart from another's."""
        super().__init_subclass__()
        cls._outcomes = {}
        cls._not_stored = set()

    def clock(self) -> Clock:
        """Make the clock of one scenario."""
        return ManualClock(self.now)

    def loaded(self, transports: Transports | None = None, clock: Clock | None = None) -> Source:
        """Load the source as a host does.

        Raises:
            AssertionError: when it cannot be used, with the reason.
        """
        clock = clock or self.clock()
        try:
            if isinstance(self.source, str):
                registry = SourceRegistry(clock=clock, transport_factory=transports)
                return registry.get(self.source)
            point = _entry_point(self.source)
            return SourceRegistry(
                clock=clock, entry_points=lambda: (point,), transport_factory=transports
            ).get(point.name)
        except MetricsError as error:
            raise unexpected(error, "Loading the source") from None

    def secrets(self) -> tuple[str, ...]:
        """Give every secret of both sets of credentials, in clear."""
        fields = credential_fields(self.loaded().description.credentials)
        names = [field.name for field in fields if field.secret]
        found = [
            values[name].strip()
            for values in (self.credentials, self.wrong_credentials)
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
        """Give what a scenario found out; it is run once, however many tests look at it.

        Args:
            scenario: Its name, which is also that of its cassette.
            work: What it does with the session.
            values: Other credentials than the right ones.

        Raises:
            AssertionError: when it ended in an error, or its recording does not fit.
        """
        outcome = self.outcome(scenario, work, values=values)
        if outcome.error is not None:
            raise unexpected(outcome.error, f"In the scenario “{scenario}”")
        value: T = outcome.value
        return value

    def outcome(
        self,
        scenario: str,
        work: Callable[[SourceSession], T],
        *,
        values: Mapping[str, str] | None = None,
    ) -> ScenarioResult:
        """Give what came of a scenario, an error included.

        Raises:
            AssertionError: when its recording does not fit, or the work itself failed.
        """
        if scenario not in self._outcomes:
            clock = self.clock()
            outcome = ScenarioResult(clock.now())
            try:
                with self._transports(scenario, outcome) as transports:
                    self._try(work, values or self.credentials, clock, outcome, transports)
            except AssertionError as failure:
                outcome.failure = failure
            self._outcomes[scenario] = outcome
        outcome = self._outcomes[scenario]
        if outcome.failure is not None:
            raise outcome.failure
        return outcome

    def _try(  # noqa: PLR0913  # What one run is made of.
        self,
        work: Work,
        values: Mapping[str, str],
        clock: Clock,
        outcome: ScenarioResult,
        transports: Transports | None,
        *,
        deadline: Deadline | None = None,
        source: Source | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> None:
        """Run some work with a session and put what came of it into ``outcome``."""
        hearing = outcome.hearing

        def told(*given: object) -> None:
            hearing.note("the progress", repr(given).encode())
            progress()

        with (
            hearing.listening(),
            detect_process_changes(outcome.changed),
            detect_sleeps(outcome.slept),
        ):
            try:
                source = source or self.loaded(transports, clock)
                credentials = source.parse(values)
                hearing.note("the credentials' repr", f"{credentials!r} {credentials}".encode())
                hearing.note("the credentials' JSON", credentials.model_dump_json().encode())
                with source.session(
                    credentials,
                    account=self.account,
                    allowed=self.allowed,
                    deadline=deadline or Deadline.after(SECONDS, clock),
                    progress=told,
                    exchange=hearing.value,
                ) as session:
                    hearing.note("the session's repr", f"{session!r} {vars(session)!r}".encode())
                    outcome.value = work(session)
                    outcome.ended = clock.now()
                    hearing.value(outcome.value)
            except MetricsError as error:
                hearing.error(error)
                outcome.error = error
        # They hold the source, whose folder of temporary files every later one looks at.
        for kept in _errors_in(outcome):
            kept.__traceback__ = None

    @contextmanager
    def _transports(self, scenario: str, outcome: ScenarioResult) -> Iterator[Transports]:
        answering: Callable[[], httpx.BaseTransport | None] = lambda: None  # noqa: E731
        with ExitStack() as stack:
            if self.cassettes is not None:
                answering = stack.enter_context(self._tape(scenario, self.cassettes)).transport
            elif (server := type(self).server) is not None:
                answering = partial(httpx.MockTransport, server)
            yield lambda: RecordingTransport(answering(), outcome.exchanges)
            for asked, _ in outcome.exchanges:
                outcome.hearing.note("the address of a request", asked.where.encode())

    @contextmanager
    def _tape(self, scenario: str, folder: Path) -> Iterator[CassetteSession]:
        require_extra("testing", "vcr")  # A source without cassettes does not need it.
        from smaply_metrics_core.testing.recording.cassettes import playing, recording
        from smaply_metrics_core.testing.recording.policy import RecordingPolicy

        path = folder / f"{scenario}.yaml"
        if not self.recording:
            with playing(path) as tape:
                yield tape
            return
        policy = self.policy or RecordingPolicy()
        with recording(path, policy, self.secrets(), self._about()) as tape:
            yield tape
        self._not_stored.update(tape.left_out)

    def _about(self) -> Mapping[str, str]:
        """Say what the head of a cassette holds, beside its hash."""
        source = self.loaded()
        return {
            "recorded_at": f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ}",
            "plugin": f"{source.distribution} {source.version}".strip(),
        }


def _errors_in(outcome: ScenarioResult) -> Iterator[BaseException]:
    """Give every error that came of a run, and all that led to it."""
    answers = outcome.value.values() if isinstance(outcome.value, Mapping) else ()
    for one in (outcome.error, *answers):
        if isinstance(one, BaseException):
            yield from causes_of(one)


class _ObjectEntryPoint(EntryPoint):
    """An entry point that leads to an object."""

    def load(self) -> Any:  # noqa: ANN401  # Whatever the author gave.
        return vars(self)["target"]


def _entry_point(target: object) -> EntryPoint:
    """Make the entry point of an object that no distribution has installed.

    Raises:
        AssertionError: when the object does not say its id.
    """
    try:
        name = target.describe_source().id  # type: ignore[attr-defined]  # Tried.
    except Exception as error:  # noqa: BLE001  # Whatever the author gave.
        raise broken(
            "The source is neither the id of an installed one nor an object that describes itself: "
            f"{type(error).__name__}.",
            "set `source` to the id that `smaply-metrics source list` shows, or to the object that "
            "the entry point names",
        ) from None
    point = _ObjectEntryPoint(name=name, value="contract:source", group=ENTRY_POINT_GROUP)
    vars(point).update(
        target=target,
        dist=SimpleNamespace(name="contract-test", version="0", metadata={}, requires=[]),
    )
    return point
