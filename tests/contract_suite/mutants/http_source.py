"""A small, correct source over HTTP, and its survey tool."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import polars as pl
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
from smaply_metrics_core.calculations.rules import allowed_calculations
from smaply_metrics_core.http import header_auth, pages, read_json

TOKEN: Final = "the-right-token-of-remote"  # Made up, like everything here.
ADDRESS: Final = "203.0.113.78"
FIRST: Final = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)

REACH = sm.CheckStep(name="reach", title="Connect to Remote", required=True)
AUTHENTICATE = sm.CheckStep(name="authenticate", title="Verify the token", required=True)

PAGE: Final = 30
SURVEYS: Final = [{"id": f"R{n}", "name": f"Remote survey {n}"} for n in (1, 2, 3)]
EMPTY: Final = {"id": "R4", "name": "Not listed, without responses"}
BLANK: Final = {"id": "R5", "name": "Not listed, without questions"}
QUESTIONS: Final = [
    {"id": "nps", "text": "Would you recommend us?", "scale": [0, 10]},
    {"id": "ease", "text": "How easy was it?", "scale": [1, 5]},
]
ROWS: Final = [
    {
        "at": (FIRST + timedelta(days=n, seconds=n)).isoformat(),
        "left_out": "test" if n % 19 == 4 else None,
        "nps": None if n % 9 == 0 else n * 7 % 11,
        "ease": None if n % 8 == 0 else n % 5 + 1,
        "region": ("North", "South", "")[n % 3],
        "address": ADDRESS,
    }
    for n in range(80)
]


def server(request: httpx.Request) -> httpx.Response:
    """Respond like the survey tool."""
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return httpx.Response(401, json={"error": "invalid token"})
    path, number = request.url.path, int(request.url.params.get("page", 1))
    if path == "/v1/me":
        return httpx.Response(200, json={"user": "U1"})
    if path == "/v1/surveys":
        return _page(path, SURVEYS, number, 1)
    survey = next(
        (one for one in (*SURVEYS, EMPTY, BLANK) if path.startswith(f"/v1/surveys/{one['id']}/")),
        None,
    )
    if survey is None:
        return httpx.Response(404, json={"error": "unknown survey"})
    if path.endswith("/questions"):
        questions = [] if survey is BLANK else QUESTIONS
        return httpx.Response(200, json={"survey": survey, "questions": questions})
    rows = ROWS if survey is SURVEYS[-1] else ROWS[:PAGE] if survey in SURVEYS else []
    return _page(path, rows, number, int(request.url.params.get("size", PAGE)))


def _page(path: str, items: Sequence[Any], number: int, size: int) -> httpx.Response:
    start = (number - 1) * size
    next_url = f"{path}?page={number + 1}" if start + size < len(items) else None
    return httpx.Response(200, json={"items": items[start : start + size], "next": next_url})


def encoded(survey_id: str) -> str:
    """Return a survey id as a segment of a path."""
    return quote(survey_id, safe="")


class HttpSourceCredentials(sm.Credentials):
    """A token."""

    api_token: Annotated[sm.Token, sm.FormField(label="API token", help="Under Settings.")]


class HttpSource:
    """The hooks, with methods that mutants override."""

    @sm.hookimpl
    def describe_source(self) -> sm.SourceDescription:
        """Describe a source with a token."""
        return sm.SourceDescription(
            id="remote",
            title="Remote Surveys",
            contract="0.1",
            credentials=HttpSourceCredentials,
            checks=(REACH, AUTHENTICATE),
        )

    @sm.hookimpl
    def destinations(self) -> Sequence[sm.Destination]:
        """Return one host."""
        return [sm.Destination(kind="host", host="api.remote.example.com")]

    @sm.hookimpl
    def validate_credentials(
        self, credentials: HttpSourceCredentials, context: sm.SourceContext
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        """Identify the service before the token is sent."""
        yield REACH
        self.reach(context, credentials)
        yield AUTHENTICATE
        if "user" not in self.get(context, credentials, "/v1/me"):
            raise sm.SourceUnavailable("Remote did not return the user of the token.")

    @sm.hookimpl
    def list_surveys(
        self, credentials: HttpSourceCredentials, context: sm.SourceContext
    ) -> Iterator[sm.Survey]:
        """Yield every survey, page after page."""
        for item in self.items(context, credentials, "/v1/surveys"):
            yield self.survey(item)

    @sm.hookimpl
    def list_questions(
        self, credentials: HttpSourceCredentials, context: sm.SourceContext, survey_id: str
    ) -> sm.Questionnaire:
        """Return the questionnaire of one survey."""
        return self.questionnaire(context, credentials, survey_id)

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: HttpSourceCredentials,
        context: sm.SourceContext,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        """Count the rows."""
        as_of = context.now()
        described = self.questionnaire(context, credentials, survey_id)
        context.progress(0, None, self.progress_text(credentials))
        rows = self.rows(context, credentials, survey_id)
        return answer_queries(
            self.frame(rows),
            [self.changed_query(one) for one in queries],
            described,
            ROW_READER,
            as_of=as_of,
        )

    @sm.hookimpl
    def debug_export(
        self,
        credentials: HttpSourceCredentials,
        context: sm.SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the rows and the definition."""
        definition = self.bundle_definition(context, credentials, survey_id)
        rows = self.bundle_rows(context, credentials, survey_id)
        if not bundle.include_personal:
            rows = [{k: v for k, v in row.items() if k != "address"} for row in rows]
        bundle.add_json("rows.json", rows)
        bundle.add_json("definition.json", definition)

    def bundle_rows(
        self, context: sm.SourceContext, credentials: HttpSourceCredentials, survey_id: str
    ) -> list[Any]:
        """Return the rows of a bundle."""
        return self.rows(context, credentials, survey_id)

    def bundle_definition(
        self, context: sm.SourceContext, credentials: HttpSourceCredentials, survey_id: str
    ) -> object:
        """Return the definition of a bundle."""
        return self.questionnaire(context, credentials, survey_id)

    def auth(self, credentials: HttpSourceCredentials) -> httpx.Auth:
        """Return the authentication with the token."""
        token = credentials.api_token.get_secret_value()
        return header_auth("Authorization", SecretStr(f"Bearer {token}"))

    def reach(self, context: sm.SourceContext, credentials: HttpSourceCredentials) -> None:
        """Identify the service without the token."""
        del credentials
        answer = context.http.get("/v1/me")
        if answer.status_code in {200, 404} or "html" in answer.headers.get("content-type", ""):
            raise sm.Unreachable("The service did not respond like Remote.")

    def send(
        self, context: sm.SourceContext, credentials: HttpSourceCredentials, path: str
    ) -> httpx.Response:
        """Request a resource."""
        return context.http.get(path, auth=self.auth(credentials))

    def get(self, context: sm.SourceContext, credentials: HttpSourceCredentials, path: str) -> Any:  # noqa: ANN401  # JSON.
        """Request a resource and return its content."""
        return self.read_body(self.send(context, credentials, path))

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON.
        """Return the body of a response, or raise its error."""
        match response.status_code:
            case 200:
                return self.parsed(response)
            case 401:
                raise sm.CredentialRefused("Remote rejected the token.")
            case 403:
                raise sm.AccessMissing("The token has no permission.", remedy="Request it.")
            case 404:
                raise sm.SurveyUnavailable("The survey does not exist.", remedy="Choose another.")
            case other:
                raise sm.SourceUnavailable(f"Remote returned HTTP {other}.")

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON.
        """Return the body, which must be a JSON object."""
        found = read_json(response)
        if not isinstance(found, dict) or not found:
            raise sm.SourceUnavailable("Remote did not return the requested data.")
        return found

    def items(
        self, context: sm.SourceContext, credentials: HttpSourceCredentials, path: str
    ) -> Iterator[Any]:
        """Follow a list to its last page."""
        auth = self.auth(credentials)
        for page in pages(context.http, path, self.next_url, auth=auth):
            yield from self.listed(self.read_body(page))

    def next_url(self, page: httpx.Response) -> str | None:
        """Return the URL of the next page."""
        found = json.loads(page.content).get("next")
        return found if isinstance(found, str) else None

    def listed(self, found: Any) -> list[Any]:  # noqa: ANN401  # JSON.
        """Return the items of one page."""
        if not isinstance(found.get("items"), list):
            raise sm.SourceUnavailable("Remote did not return the requested list.")
        items: list[Any] = found["items"]
        return items

    def questionnaire(
        self, context: sm.SourceContext, credentials: HttpSourceCredentials, survey_id: str
    ) -> sm.Questionnaire:
        """Return the questionnaire of a survey."""
        found = self.get(context, credentials, f"/v1/surveys/{encoded(survey_id)}/questions")
        try:
            return sm.Questionnaire(
                survey=self.survey(found["survey"]),
                questions=tuple(self.question(**one) for one in found["questions"]),
                fields=(sm.EmbeddedField(name="region"),),
            )
        except (KeyError, TypeError, ValueError):
            raise sm.SourceUnavailable("Remote returned an invalid survey.") from None

    def survey(self, found: Any) -> sm.Survey:  # noqa: ANN401  # JSON.
        """Return a survey from its description."""
        try:
            return sm.Survey(id=found["id"], name=found["name"])
        except (KeyError, TypeError, ValueError):
            raise sm.SourceUnavailable("Remote returned an invalid survey.") from None

    def question(self, id: str, text: str, scale: Sequence[int]) -> sm.Question:  # noqa: A002  # The field's name.
        """Return a question with a scale."""
        kind = sm.QuestionKind.NPS if id == "nps" else sm.QuestionKind.SINGLE_CHOICE
        choices = tuple(
            sm.Choice(key=str(n), label=str(n), value=float(n))
            for n in range(scale[0], scale[1] + 1)
        )
        return sm.Question(
            id=id,
            text=text,
            kind=kind,
            choices=choices,
            calculations=allowed_calculations(kind, choices),
            can_group_by=True,
        )

    def rows(
        self, context: sm.SourceContext, credentials: HttpSourceCredentials, survey_id: str
    ) -> list[Any]:
        """Return every response."""
        path = f"/v1/surveys/{encoded(survey_id)}/responses"
        return list(self.items(context, credentials, path))

    def progress_text(self, credentials: HttpSourceCredentials) -> str:
        """Return the text of the progress."""
        del credentials
        return "Reading responses"

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        """Return the query to answer."""
        return query

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        """Return the responses as a data frame."""
        frame = pl.DataFrame(
            rows,
            schema={
                "at": pl.String,
                "left_out": pl.String,
                "nps": pl.Int64,
                "ease": pl.Int64,
                "region": pl.String,
            },
        )
        return frame.with_columns(
            pl.col("at").str.to_datetime("%+", time_zone="UTC"),
            pl.col("nps", "ease").cast(pl.String),
        )


def _read(question: sm.Question) -> AnswerExpr:
    return pl.col(question.id)


ROW_READER = RowReader(pl.col("at"), _read, pl.col, pl.col("left_out"))
