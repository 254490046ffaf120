"""A source with public modules only. Only type checkers read this file.

Each ``type: ignore`` is on a mistake that type checkers must report; an unused one is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, assert_type

import httpx
import polars as pl
from pydantic import SecretStr

from smaply_metrics_core import (
    BundleReader,
    BundleWriter,
    Calculation,
    CheckNote,
    CheckStep,
    Choice,
    CredentialRefused,
    Credentials,
    Definition,
    Destination,
    FormField,
    GroupBy,
    MetricQuery,
    MetricsError,
    Question,
    QuestionKind,
    Questionnaire,
    RateLimited,
    Result,
    SourceContext,
    SourceDescription,
    Survey,
    Tally,
    Token,
    hookimpl,
)
from smaply_metrics_core.calculations import (
    CALCULATIONS,
    AnswerExpr,
    CalculationDefinition,
    RowReader,
    TallyBuilder,
    TallyColumns,
    TallyRequest,
    allowed_calculations,
    answer_queries,
    calculate,
    exact_sum,
    tally_all,
)
from smaply_metrics_core.http import RemoteDetails, header_auth, pages, read_json, remote_details


class AcmeCredentials(Credentials):
    """A host and a token."""

    host: Annotated[str, FormField(label="Host", keeps_secrets=True)]
    token: Annotated[Token, FormField(label="Token")]


REACH = CheckStep(name="reach", title="Connect to Acme", required=True)


class AcmeSource:
    """Every hook."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the description."""
        return SourceDescription(
            id="acme",
            title="Acme",
            contract="0.1",
            credentials=AcmeCredentials,
            checks=(REACH,),
        )

    @hookimpl
    def destinations(self, credentials: AcmeCredentials) -> Sequence[Destination]:
        """Return one host."""
        assert_type(credentials.token, SecretStr)
        return [Destination(kind="host", host=credentials.host)]

    @hookimpl
    def validate_credentials(
        self, credentials: AcmeCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Yield the steps of the check."""
        yield REACH
        response = context.http.get("/me", auth=header_auth("X-Token", credentials.token))
        assert_type(response, httpx.Response)
        assert_type(remote_details(response), RemoteDetails)
        yield CheckNote(detail=str(read_json(response)))

    @hookimpl
    def list_surveys(self, context: SourceContext) -> Iterator[Survey]:
        """Yield surveys, page after page."""
        for page in pages(context.http, "/surveys", next_page):
            assert_type(page, httpx.Response)
            yield Survey(id="s", name="S")

    @hookimpl
    def list_questions(self, survey_id: str) -> Questionnaire:
        """Return one question."""
        scale = tuple(Choice(key=str(n), label=str(n), value=n) for n in range(11))
        allowed = allowed_calculations(QuestionKind.NPS, scale)
        assert_type(allowed, tuple[Calculation, ...])
        question = Question(
            id="q", text="Q", kind=QuestionKind.NPS, choices=scale, calculations=allowed
        )
        return Questionnaire(survey=Survey(id=survey_id, name="S"), questions=(question,))

    @hookimpl
    def fetch_metric(
        self, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from a data frame."""
        as_of = context.now()
        assert_type(as_of, datetime)
        answers = answer_queries(
            pl.DataFrame(), queries, self.list_questions(survey_id), ROWS, as_of=as_of
        )
        assert_type(answers, Iterator[tuple[str, Tally | MetricsError]])
        return answers

    @hookimpl
    def debug_export(self, survey_id: str, bundle: BundleWriter) -> None:
        """Write one file."""
        assert_type(bundle.include_personal, bool)
        bundle.add_json("definition.json", {"id": survey_id})

    @hookimpl
    def recompute_metric(
        self, context: SourceContext, queries: Sequence[MetricQuery], bundle: BundleReader
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from a bundle."""
        path = bundle.extract("raw/responses.csv")
        requests = [TallyRequest(query, TallyColumns(recorded=pl.col("at"))) for query in queries]
        counted = tally_all(pl.scan_csv(path), requests, as_of=context.now())
        assert_type(counted, dict[str, Tally | MetricsError])
        builder = TallyBuilder(requests)
        builder.add(pl.DataFrame())
        assert_type(builder.tallies(context.now()), dict[str, Tally | MetricsError])
        yield from counted.items()


def next_page(page: httpx.Response) -> str | None:
    """Return the URL of the next page."""
    found = read_json(page)
    return f"/surveys?after={found['next']}" if found["next"] else None


def answer(question: Question) -> AnswerExpr:
    """Return the column of a question."""
    return pl.col(question.id)


ROWS = RowReader(recorded=pl.col("at"), answer=answer, field=pl.col)
source = AcmeSource()


def numbers(query: MetricQuery, tally: Tally, now: datetime) -> None:
    """Use the calculations."""
    result = calculate(query, tally, now)
    assert_type(result, Result)
    assert_type(result.current.value, float | None)
    assert_type(result.group_by, GroupBy | None)
    assert_type(CALCULATIONS[Calculation.NPS], CalculationDefinition)
    assert_type(exact_sum([(Decimal(1), 2)]), Decimal)


def errors() -> None:
    """Use the errors."""
    limited = RateLimited("Too many requests.", retry_at=None)
    assert_type(limited.retry_at, datetime | None)
    raise CredentialRefused("The token was rejected.", request_id="r")


def mistakes(context: SourceContext, question: Question) -> None:
    """Make mistakes that a type checker reports."""
    SourceDescription(id="a", title="A", credentials=AcmeCredentials, checks=())  # type: ignore[call-arg]
    SourceDescription(id="a", title="A", contract="0.1", credentials=str, checks=())  # type: ignore[arg-type]
    CheckStep(name="reach", title="Reach")  # type: ignore[call-arg]
    Survey(id=1, name="S")  # type: ignore[arg-type]
    Definition(survey_id="s", calculation="nps")  # type: ignore[arg-type]
    Destination(kind="database")  # type: ignore[arg-type]
    context.pause("1")  # type: ignore[arg-type]
    context.deadline = None  # type: ignore[misc, assignment]
    header_auth("X-Token", "in clear")  # type: ignore[arg-type]
    RowReader(recorded="at", answer=answer, field=pl.col)  # type: ignore[arg-type]
    wrong: Any = allowed_calculations("nps")  # type: ignore[arg-type]
    del wrong
