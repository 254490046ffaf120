"""A correct source in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import polars as pl
from pydantic import StringConstraints

from smaply_metrics_core import (
    CheckNote,
    CheckStep,
    Choice,
    ColumnEdit,
    ColumnSheet,
    CredentialRefused,
    Credentials,
    Destination,
    EmbeddedField,
    FormField,
    MetricQuery,
    MetricsError,
    Question,
    QuestionKind,
    Questionnaire,
    RoleOption,
    SheetColumn,
    SourceContext,
    SourceDescription,
    Survey,
    SurveyUnavailable,
    Tally,
    Token,
    hookimpl,
)
from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
from smaply_metrics_core.calculations.rules import allowed_calculations

T = TypeVar("T")

TOKEN = "the-right-token-of-tiny"
LONGEST_TEAM = 20
IP = "203.0.113.77"
FIRST = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)

REACH = CheckStep(name="reach", title="Connect to Tiny", required=True)
AUTHENTICATE = CheckStep(name="authenticate", title="Verify the token", required=True)

MOOD = (
    *(Choice(key=str(n), label=f"{n} of 5", value=float(n)) for n in range(1, 6)),
    Choice(key="9", label="Not applicable", analyze=False),
)
USED = tuple(Choice(key=key, label=key.capitalize()) for key in ("phone", "shop", "web"))
SURVEYS = tuple(Survey(id=f"S{n}", name=f"Survey {n}") for n in (1, 2, 3))
EMPTY = Survey(id="S4", name="Not listed, without responses")
BLANK = Survey(id="S5", name="Not listed, without questions")


class InMemoryCredentials(Credentials):
    """A token, and a team that the source can propose."""

    api_token: Annotated[Token, FormField(label="API token", help="Under Settings.")]
    team: Annotated[
        str,
        StringConstraints(max_length=LONGEST_TEAM),
        FormField(label="Team", keeps_secrets=True, proposable=True, columns=True),
    ] = ""


def choice_question(question_id: str, kind: QuestionKind, choices: tuple[Choice, ...]) -> Question:
    """Return a question with choices."""
    return Question(
        id=question_id,
        text=f"What about {question_id}?",
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=kind is QuestionKind.SINGLE_CHOICE,
    )


def free_question(question_id: str, kind: QuestionKind) -> Question:
    """Return a question without choices."""
    return Question(
        id=question_id,
        text=f"What about {question_id}?",
        kind=kind,
        calculations=allowed_calculations(kind),
        note="It has no predefined answers.",
    )


QUESTIONS = (
    choice_question("mood", QuestionKind.SINGLE_CHOICE, MOOD),
    choice_question("used", QuestionKind.MULTIPLE_CHOICE, USED),
    free_question("spent", QuestionKind.NUMBER),
    free_question("why", QuestionKind.TEXT),
)


_NUMBERS = range(90)
ROWS = pl.DataFrame(
    {
        "recorded": [FIRST + timedelta(days=n, seconds=n) for n in _NUMBERS],
        "left_out": ["preview" if n % 17 == 3 else None for n in _NUMBERS],
        "mood": [None if n % 11 == 0 else MOOD[n % len(MOOD)].key for n in _NUMBERS],
        **{f"used_{c.key}": [n % (k + 2) == 0 for n in _NUMBERS] for k, c in enumerate(USED)},
        "spent": ["0" if n in {5, 10} else None if n % 5 == 0 else f"{n / 4:g}" for n in _NUMBERS],
        "why": [None if n % 3 else f"because of {n}" for n in _NUMBERS],
        "region": ["" if n % 13 == 0 else ("North", "South")[n % 2] for n in _NUMBERS],
    }
)
"""Responses of three months; some are blank, excluded or "not applicable"."""


def _read(question: Question) -> AnswerExpr:
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        return {choice.key: pl.col(f"used_{choice.key}") for choice in USED}
    return pl.col(question.id)


ROW_READER = RowReader(pl.col("recorded"), _read, pl.col, pl.col("left_out"))

Answer = tuple[str, Tally | MetricsError]


def sign_in(token: str) -> None:
    """Reject every token except the valid one."""
    if token != TOKEN:
        raise CredentialRefused("Tiny rejected the token.")


def same(thing: T) -> T:
    """Return the argument."""
    return thing


def until(rows: pl.DataFrame, instant: datetime) -> pl.DataFrame:
    """Exclude later responses."""
    return rows.filter(pl.col("recorded") <= instant)


def write(bundle: BundleWriter) -> None:
    """Write the rows and the definition."""
    personal = {"ip": pl.lit(IP)} if bundle.include_personal else {}
    bundle.add_text("raw/rows.csv", ROWS.with_columns(**personal).write_csv())
    bundle.add_json("definition.json", QUESTIONS)


@dataclass
class InMemorySource:
    """The hooks, with attributes that mutants replace."""

    listed: tuple[Survey, ...] = SURVEYS
    known: tuple[Survey, ...] = (*SURVEYS, EMPTY, BLANK)
    questions: tuple[Question, ...] = QUESTIONS
    fields: tuple[EmbeddedField, ...] = (EmbeddedField(name="region"),)
    title: Callable[[], str] = lambda: "Tiny Surveys"
    form: type[Credentials] = InMemoryCredentials
    note: CheckNote | None = None
    sign_in: Callable[[str], object] = sign_in
    first_step: Callable[[str], object] = same
    change_query: Callable[[MetricQuery], MetricQuery] = same
    change_tally: Callable[[Tally], Tally] = same
    change_answers: Callable[[Iterator[Answer]], Iterator[Answer]] = same
    write_bundle: Callable[[BundleWriter], None] = write
    read_id: Callable[[str], str] = same
    team: str = "Support"
    write_team: Callable[[str], str] = same
    change_rows: Callable[[pl.DataFrame], pl.DataFrame] = same
    filter_recomputed: Callable[[pl.DataFrame, datetime], pl.DataFrame] = until

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Describe a source with a token."""
        return SourceDescription(
            id="tiny",
            title=self.title(),
            contract="0.1",
            credentials=self.form,
            checks=(REACH, AUTHENTICATE),
        )

    @hookimpl
    def destinations(self) -> Sequence[Destination]:
        """Return no destination, because the data is in memory."""
        return ()

    @hookimpl
    def validate_credentials(
        self, credentials: InMemoryCredentials
    ) -> Iterator[CheckStep | CheckNote]:
        """Check the token."""
        yield REACH
        self.first_step(credentials.api_token.get_secret_value())
        if self.note is not None:
            yield self.note
        yield AUTHENTICATE
        self.sign_in(credentials.api_token.get_secret_value())

    @hookimpl
    def list_surveys(self, credentials: InMemoryCredentials) -> Iterator[Survey]:
        """Yield all surveys."""
        self.sign_in(credentials.api_token.get_secret_value())
        yield from self.listed

    @hookimpl
    def list_questions(self, credentials: InMemoryCredentials, survey_id: str) -> Questionnaire:
        """Return a questionnaire; all surveys have the same questions."""
        self.sign_in(credentials.api_token.get_secret_value())
        for survey in self.known:
            if survey.id == self.read_id(survey_id):
                questions = () if survey.id == BLANK.id else self.questions
                named = survey.model_copy(update={"id": survey_id})
                return Questionnaire(
                    survey=named, questions=questions, fields=self.fields, can_weight=True
                )
        raise SurveyUnavailable(f"The survey {survey_id} does not exist.", remedy="Choose another.")

    @hookimpl
    def fetch_metric(
        self,
        credentials: InMemoryCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Count the rows."""
        described = self.list_questions(credentials, survey_id)
        return self.change_answers(self._count(described, queries, context.now()))

    @hookimpl
    def debug_export(self, bundle: BundleWriter) -> None:
        """Write the bundle."""
        self.write_bundle(bundle)

    @hookimpl
    def propose_value(self, credentials: InMemoryCredentials) -> str:
        """Propose a team."""
        self.sign_in(credentials.api_token.get_secret_value())
        return self.team

    @hookimpl
    def edit_columns(
        self, credentials: InMemoryCredentials, edits: Sequence[ColumnEdit]
    ) -> ColumnSheet:
        """Write the label of the only column as the team."""
        self.sign_in(credentials.api_token.get_secret_value())
        label = next((edit.label for edit in edits), credentials.team)
        return ColumnSheet(
            value=self.write_team(label) if edits else label,
            roles=(RoleOption(id="team", label="Team"),),
            columns=(SheetColumn(id="team", name="team", role="team", label=label),),
        )

    @hookimpl
    def recompute_metric(
        self,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
        bundle: BundleReader,
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Count the rows of the bundle."""
        rows = pl.read_csv(bundle.extract("raw/rows.csv"), infer_schema=False)
        rows = rows.with_columns(
            pl.col("recorded").str.to_datetime("%+", time_zone="UTC"),
            pl.col(f"used_{c.key}" for c in USED) == "true",
        )
        rows = self.filter_recomputed(rows, context.now())
        survey = Survey(id=survey_id, name=survey_id)
        described = Questionnaire(
            survey=survey, questions=self.questions, fields=self.fields, can_weight=True
        )
        return answer_queries(rows, queries, described, ROW_READER, as_of=context.now())

    def _count(
        self, described: Questionnaire, queries: Sequence[MetricQuery], as_of: datetime
    ) -> Iterator[Answer]:
        change_query = [self.change_query(query) for query in queries]
        counted = described.survey.id not in {EMPTY.id, BLANK.id}
        for query_id, tally in answer_queries(
            self.change_rows(ROWS if counted else ROWS.clear()),
            change_query,
            described,
            ROW_READER,
            as_of=as_of,
        ):
            yield query_id, tally if isinstance(tally, MetricsError) else self.change_tally(tally)
