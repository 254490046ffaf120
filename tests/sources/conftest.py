"""A valid source that tests break, and temporary distributions to install it from."""

from __future__ import annotations

import sys
import threading
import types
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from smaply_metrics_core.context import Deadline, SourceContext, SystemClock
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.hook_markers import ENTRY_POINT_GROUP, hookimpl
from smaply_metrics_core.models.check import CheckNote, CheckStep
from smaply_metrics_core.models.credentials import Credentials, Token
from smaply_metrics_core.models.query import Calculation, Definition, MetricQuery
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.models.tally import Counts, Tally, WindowTally
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_core.sources.source import Source

TOKEN = "tOkEn/with+signs&4711"
REACH = CheckStep(name="reach", title="Reach it", required=True)
SIGN_IN = CheckStep(name="authenticate", title="Sign in", required=True)
EXPORT = CheckStep(name="export", title="Export responses", required=False)


class FakeClock:
    """A clock that advances only in ``wait``."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        """Return 1 January 2026 plus the elapsed time."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return the elapsed time in seconds."""
        return self.seconds

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Advance the clock without waiting."""
        self.seconds += seconds
        return stop.is_set()


class AcmeCredentials(Credentials):
    """The credentials of the source."""

    api_token: Token = SecretStr("")
    host: str = "api.acme.com"


class Acme:
    """A source that implements the contract."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the description of Acme Surveys."""
        return SourceDescription(
            id="acme",
            title="Acme Surveys",
            contract="0.1",
            credentials=AcmeCredentials,
            checks=(REACH, SIGN_IN, EXPORT),
        )

    @hookimpl
    def destinations(self, credentials: AcmeCredentials) -> Sequence[Destination]:
        """Return the host of the credentials."""
        return [Destination(kind="host", host=credentials.host)]

    @hookimpl
    def validate_credentials(self) -> Iterator[CheckStep | CheckNote]:
        """Yield every step."""
        yield REACH
        yield SIGN_IN
        yield CheckNote(detail="signed in")
        yield EXPORT

    @hookimpl
    def list_surveys(self) -> Iterator[Survey]:
        """Yield two surveys."""
        yield Survey(id="s1", name="First")
        yield Survey(id="s2", name="Second")

    @hookimpl
    def list_questions(self, survey_id: str) -> Questionnaire:
        """Return one question."""
        return Questionnaire(survey=Survey(id=survey_id, name="First"), questions=(question("q1"),))

    @hookimpl
    def fetch_metric(
        self, context: SourceContext, queries: Sequence[MetricQuery]
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Yield a tally of three responses for each query."""
        for query in queries:
            yield query.id, tally(at=context.now())

    @hookimpl
    def debug_export(self, survey_id: str, bundle: list[str]) -> None:
        """Append one line to the bundle."""
        bundle.append(f"raw responses of {survey_id}")


def construct(model: type[BaseModel], **parts: object) -> BaseModel:
    """Return a model without validation, as any source can create it."""
    return model.model_construct(None, **parts)


def question(question_id: str, *below: Question) -> Question:
    """Return a question with sub-questions."""
    return Question(
        id=question_id, text="How was it?", kind=QuestionKind.SINGLE_CHOICE, sub_questions=below
    )


def tally(*, at: datetime, responses: int = 3) -> Tally:
    """Return a tally of three unanswered responses."""
    counts = Counts(responses=responses, unanswered={"not_answered": responses})
    return Tally(windows=(WindowTally(total=counts),), as_of=at)


def ask(query_id: str) -> MetricQuery:
    """Return a query for the number of responses."""
    return MetricQuery(
        id=query_id, definition=Definition(survey_id="s1", calculation=Calculation.RESPONSES)
    )


@pytest.fixture
def clock() -> FakeClock:
    """A clock that advances only in ``wait``."""
    return FakeClock()


Points = Callable[..., EntryPoint]
Registers = Callable[..., SourceRegistry]
Gets = Callable[[object], Source]
Opens = Callable[..., AbstractContextManager[SourceSession]]


@pytest.fixture
def point_to(monkeypatch: pytest.MonkeyPatch) -> Points:
    """A function that returns an entry point to an object in a module that is imported already."""

    def make(thing: object, name: str = "acme") -> EntryPoint:
        module = types.ModuleType(f"acme_{uuid.uuid4().hex}")
        vars(module)["source"] = thing
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name=name, value=f"{module.__name__}:source", group=ENTRY_POINT_GROUP)

    return make


@pytest.fixture
def registry_of(point_to: Points) -> Registers:
    """A function that returns a registry with an object as the source ``acme``."""

    def make(thing: object, *, load_seconds: float = 10.0) -> SourceRegistry:
        point = point_to(thing)
        settings = SourceSettings(load_seconds=load_seconds)
        return SourceRegistry(settings, entry_points=lambda: [point])

    return make


@pytest.fixture
def get(registry_of: Registers) -> Gets:
    """A function that loads an object as the source ``acme``."""
    return lambda thing: registry_of(thing).get("acme")


@pytest.fixture
def later() -> Deadline:
    """A long deadline in real time."""
    return Deadline.after(600, SystemClock())


@pytest.fixture
def credentials() -> AcmeCredentials:
    """Valid credentials of the source."""
    return AcmeCredentials(api_token=SecretStr(TOKEN))


@pytest.fixture
def anywhere() -> AllowedDestinations:
    """An allow-list with all public hosts."""
    return AllowedDestinations(environment={})


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """An event that a hanging source waits for; set after the test, so that its thread ends."""
    event = threading.Event()
    yield event
    event.set()


Installs = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installs:
    """A function that installs a distribution: metadata, entry points and a module."""

    def make(
        name: str,
        *,
        version: str = "1.0",
        points: Mapping[str, str] | str,
        requires: Sequence[str] = (),
        module: str = "",
        code: str = "",
        folder: str = "site",
    ) -> Path:
        site = tmp_path / folder
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
        (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]), "utf-8")
        if not isinstance(points, str):
            points = "\n".join(f"{key} = {value}" for key, value in points.items())
        text = f"[{ENTRY_POINT_GROUP}]\n{points}\n"
        (info / "entry_points.txt").write_text(text, "utf-8")
        if module:
            (site / f"{module}.py").write_text(code, "utf-8")
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
        return site

    return make


@pytest.fixture
def opened(
    get: Gets, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> Opens:
    """A function that opens a session with a valid source, some of whose hooks are replaced."""

    def make(**hooks: Callable[..., object]) -> AbstractContextManager[SourceSession]:
        marked = {name: hookimpl(function) for name, function in hooks.items()}
        source = get(type("Spoilt", (Acme,), marked)())
        return source.session(credentials, account="acct", allowed=anywhere, deadline=later)

    return make


def error_in(what: Callable[[], object]) -> MetricsError:
    """Return the error that a function raises."""
    with pytest.raises(MetricsError) as caught:
        what()
    return caught.value
