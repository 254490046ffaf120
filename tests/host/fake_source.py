"""A source in memory for testing hosts: it counts answers and fails on request."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from importlib.metadata import EntryPoint
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from smaply_metrics_core import (
    ENTRY_POINT_GROUP,
    CheckNote,
    CheckStep,
    Choice,
    ColumnEdit,
    ColumnSheet,
    Counts,
    CredentialRefused,
    Credentials,
    Destination,
    FormField,
    MetricQuery,
    MetricsError,
    NoSurveys,
    Question,
    QuestionKind,
    Questionnaire,
    QuestionUnavailable,
    RoleOption,
    SheetColumn,
    SheetTable,
    SourceContext,
    SourceDescription,
    Survey,
    SurveyUnavailable,
    Tally,
    Token,
    ValueCount,
    WindowTally,
    hookimpl,
)
from smaply_metrics_core.calculations.rules import allowed_calculations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from smaply_metrics_core.bundle.writer import BundleWriter

REACH = CheckStep(name="reach", title="Reach the shop", required=True)
AUTHENTICATE = CheckStep(name="authenticate", title="Sign in", required=True)
LIST = CheckStep(name="list_surveys", title="List the surveys", required=False)

CHOICES = tuple(Choice(key=str(n), label=f"{n} stars", value=float(n)) for n in range(1, 6))


class ShopCredentials(Credentials):
    """A token, the host that it is sent to, and a harmless nickname."""

    api_token: Annotated[Token, FormField(label="API token")]
    base_url: Annotated[str, FormField(label="Base URL")] = "shop.example.com"
    nickname: Annotated[
        str | None, FormField(label="Nickname", keeps_secrets=True, proposable=True, columns=True)
    ] = None


@dataclass
class Shop:
    """The survey tool and its source in one; tests change its attributes.

    ``answers`` holds, for each survey, pairs of the recorded instant and the number of stars;
    ``answers_of`` has those that a token sees instead. ``asked`` lists the requests: ``surveys``,
    or the survey whose questionnaire was requested.
    """

    tokens: set[str] = field(default_factory=lambda: {"right-token-0001"})
    answers: dict[str, list[tuple[datetime, str | None]]] = field(default_factory=dict)
    answers_of: dict[str, dict[str, list[tuple[datetime, str | None]]]] = field(
        default_factory=dict
    )
    questions: set[str] = field(default_factory=lambda: {"stars", "taste"})
    unlisted: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    modified: dict[str, datetime] = field(default_factory=dict)
    wording: str = "How many {}?"
    routing: str | None = None
    choices: tuple[Choice, ...] = CHOICES
    on_list: Callable[[SourceContext], object] | None = None
    asked: list[str] = field(default_factory=list)
    failure: MetricsError | BaseException | None = None
    on_fetch: Callable[[SourceContext], object] | None = None
    fetches: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    attempts: int = 0

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the description of the shop."""
        return SourceDescription(
            id="shop",
            title="The Shop",
            contract="0.1",
            credentials=ShopCredentials,
            checks=(REACH, AUTHENTICATE, LIST),
        )

    @hookimpl
    def destinations(self, credentials: ShopCredentials) -> Sequence[Destination]:
        """Return the host that was entered."""
        return (Destination(kind="host", host=credentials.base_url),)

    @hookimpl
    def validate_credentials(
        self, credentials: ShopCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Yield the three steps."""
        yield REACH
        if self.failure is not None:
            raise self.failure
        yield AUTHENTICATE
        self._sign_in(credentials)
        yield LIST
        if not self.answers:
            raise NoSurveys("No survey can be seen.", remedy="Share one with this user.")

    @hookimpl
    def list_surveys(
        self, credentials: ShopCredentials, context: SourceContext
    ) -> Iterator[Survey]:
        """Yield the surveys that are listed."""
        self.asked.append("surveys")
        self._sign_in(credentials)
        if self.on_list is not None:
            self.on_list(context)
        for survey_id in self.answers:
            if survey_id not in self.unlisted:
                yield self._survey(survey_id)

    @hookimpl
    def list_questions(
        self, credentials: ShopCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Return a survey with one question about stars."""
        self.asked.append(survey_id)
        self._sign_in(credentials)
        return Questionnaire(
            survey=self._survey(survey_id),
            questions=tuple(
                Question(
                    id=name,
                    text=self.wording.format(name),
                    kind=QuestionKind.SINGLE_CHOICE,
                    choices=self.choices,
                    calculations=allowed_calculations(QuestionKind.SINGLE_CHOICE, self.choices),
                    can_group_by=True,
                )
                for name in sorted(self.questions)
            ),
        )

    @hookimpl
    def fetch_metric(
        self,
        credentials: ShopCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Count the stars."""
        self.fetches.append((survey_id, tuple(query.id for query in queries)))
        self._sign_in(credentials)
        self._survey(survey_id)
        if self.on_fetch is not None:
            self.on_fetch(context)
        if self.failure is not None:
            raise self.failure
        as_of = context.now()
        for query in queries:
            question = query.definition.question_id
            if question is not None and question not in self.questions:
                yield query.id, QuestionUnavailable(f"{question} is gone.", remedy="Choose anew.")
            else:
                token = credentials.api_token.get_secret_value()
                answers = self.answers_of.get(token, self.answers)
                tally = self._tally(answers[survey_id], query, as_of)
                modified = {"survey_modified": self.modified.get(survey_id)}
                yield query.id, tally.model_copy(update=modified)

    @hookimpl
    def propose_value(self, credentials: ShopCredentials, context: SourceContext) -> str:
        """Return a nickname made of what the form has."""
        self.asked.append("propose_value")
        self._sign_in(credentials)
        if self.failure is not None:
            raise self.failure
        if self.on_list is not None:
            self.on_list(context)
        return f"{credentials.base_url}, {credentials.nickname}"

    @hookimpl
    def edit_columns(
        self, credentials: ShopCredentials, table: str, edits: Sequence[ColumnEdit]
    ) -> ColumnSheet:
        """Return a nickname made of the edits, and values of few and of many rows."""
        self.asked.append("edit_columns")
        self._sign_in(credentials)
        values = (ValueCount(value="often", count=9), ValueCount(value="once", count=1))
        return ColumnSheet(
            value=",".join((credentials.nickname or "none", *(one.role for one in edits))),
            tables=(SheetTable(id="visits", label="Visits"),),
            table=table or "visits",
            roles=(RoleOption(id="used", label="Used"),),
            columns=(SheetColumn(id="a", name="A", role="used", values=values),),
        )

    @hookimpl
    def debug_export(
        self,
        credentials: ShopCredentials,
        context: SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the answers."""
        self._sign_in(credentials)
        bundle.add_json("answers.json", [star for _, star in self.answers[survey_id]])

    def _sign_in(self, credentials: ShopCredentials) -> None:
        self.attempts += 1
        if credentials.api_token.get_secret_value() not in self.tokens:
            raise CredentialRefused("The shop does not accept this token.", code="NO_1")

    def _survey(self, survey_id: str) -> Survey:
        if survey_id not in self.answers:
            raise SurveyUnavailable(f"There is no survey {survey_id}.", remedy="Share it.")
        return Survey(
            id=survey_id,
            name=self.names.get(survey_id, f"Survey {survey_id}"),
            last_modified=self.modified.get(survey_id),
        )

    def _tally(
        self, answers: Sequence[tuple[datetime, str | None]], query: MetricQuery, as_of: datetime
    ) -> Tally:
        windows = []
        for window in query.windows:
            stars = [
                star
                for at, star in answers
                if (window.start is None or at >= window.start)
                and (window.end is None or at < window.end)
            ]
            given = [star for star in stars if star is not None]
            asked = query.definition.question_id is not None
            windows.append(
                WindowTally(
                    window=window.name,
                    total=Counts(
                        responses=len(stars),
                        answered=len(given) if asked else len(stars),
                        unanswered={"not_answered": len(stars) - len(given)} if asked else {},
                        answers=Counter(given) if asked else {},
                    ),
                )
            )
        question = query.definition.question_id
        return Tally(
            windows=tuple(windows),
            choices=self.choices,
            question_text=self.wording.format(question) if question else "",
            question_routing=self.routing if question else None,
            as_of=as_of,
        )


class Hold:
    """A callback for ``on_fetch`` that blocks an export until the test releases it."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._go_on = threading.Event()

    def __call__(self, _: SourceContext) -> None:
        """Report that the export has started, and wait."""
        self._begun.set()
        self._go_on.wait(180)

    def wait_until_started(self) -> None:
        """Return when an export is blocked."""
        assert self._begun.wait(180)

    def release(self) -> None:
        """Release this export and every later one."""
        self._go_on.set()


class Stoppable:
    """A callback for ``on_fetch``: an export that runs until it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    def __call__(self, context: SourceContext) -> None:
        """Start, and check repeatedly whether it was cancelled."""
        self.begun.set()
        try:
            while not self.ended.wait(0.005):
                context.deadline.check()
        finally:
            self.ended.set()


def stars(*given: str | None, at: datetime | None = None) -> list[tuple[datetime, str | None]]:
    """Return answers that were all recorded at one instant."""
    return [(at or datetime(2026, 3, 1, tzinfo=UTC), star) for star in given]


class ObjectEntryPoint(EntryPoint):
    """An entry point that leads to an object of the test."""

    def load(self) -> Any:  # noqa: ANN401  # Any object of a test.
        """Return the object."""
        return vars(self)["target"]


def entry_point(name: str, target: object, distribution: str = "the-shop") -> EntryPoint:
    """Return the entry point of an object, as if a distribution had installed it."""
    metadata = Message()
    metadata["Name"], metadata["Version"] = distribution, "1.2"
    point = ObjectEntryPoint(name=name, value="shop:source", group=ENTRY_POINT_GROUP)
    vars(point).update(
        target=target,
        dist=SimpleNamespace(
            name=distribution,
            version="1.2",
            metadata=metadata,
            requires=[],
        ),
    )
    return point
