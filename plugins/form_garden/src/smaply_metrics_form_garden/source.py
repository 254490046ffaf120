"""The source: its hooks, its credentials form and its check steps."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import smaply_metrics_core as sm
from smaply_metrics_core.calculations import answer_queries, read_csv
from smaply_metrics_form_garden.api import FormGardenApi
from smaply_metrics_form_garden.questionnaire import (
    PERSONAL,
    ROWS,
    form_questionnaire,
    form_survey,
    read_rows,
)

REACH: Final = sm.CheckStep(name="reach", title="Connect to Form Garden", required=True)
AUTHENTICATE: Final = sm.CheckStep(name="authenticate", title="Verify the key", required=True)
LIMITS: Final = (sm.RequestLimit(method="GET", path=r".*/api/.*", per_minute=120),)


class FormGardenCredentials(sm.Credentials):
    """The fields of the credentials form."""

    server: Annotated[sm.ServerAddress, sm.FormField("Server", "https://garden.example.com")]
    key: Annotated[sm.Token, sm.FormField("Key", "In Form Garden, under Account → Keys.")]


class FormGardenSource:
    """The hooks of the source. They are stateless."""

    @sm.hookimpl
    def describe_source(self) -> sm.SourceDescription:
        """Return the metadata of this source."""
        return sm.SourceDescription(
            id="form_garden",
            title="Form Garden",
            contract="0.1",
            credentials=FormGardenCredentials,
            checks=(REACH, AUTHENTICATE),
            limits=LIMITS,
        )

    @sm.hookimpl
    def destinations(self, credentials: FormGardenCredentials) -> Sequence[sm.Destination]:
        """Return the address that the Admin entered."""
        return [sm.Destination(kind="address", address=credentials.server)]

    @sm.hookimpl
    def validate_credentials(
        self, credentials: FormGardenCredentials, context: sm.SourceContext
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        """Check that the host is Form Garden before sending the key to it."""
        api = FormGardenApi(credentials.key, context.http)
        yield REACH
        api.reach()
        yield AUTHENTICATE
        yield sm.CheckNote(detail=f"Account {api.account()}.")

    @sm.hookimpl
    def list_surveys(
        self,
        credentials: FormGardenCredentials,
        context: sm.SourceContext,
    ) -> Iterator[sm.Survey]:
        """Yield every form, page by page."""
        for item in FormGardenApi(credentials.key, context.http).forms():
            yield form_survey(item)

    @sm.hookimpl
    def list_questions(
        self, credentials: FormGardenCredentials, context: sm.SourceContext, survey_id: str
    ) -> sm.Questionnaire:
        """Return one form with its questions."""
        return form_questionnaire(FormGardenApi(credentials.key, context.http).form(survey_id))

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: FormGardenCredentials,
        context: sm.SourceContext,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        """Answer all queries from one download."""
        as_of = context.now()  # Before the download, which may lack later responses.
        api = FormGardenApi(credentials.key, context.http)
        questionnaire = form_questionnaire(api.form(survey_id))
        context.progress(0, None, "Reading the responses")
        rows = read_rows(api.responses(survey_id), questionnaire)
        return answer_queries(rows, queries, questionnaire, ROWS, as_of=as_of)

    @sm.hookimpl
    def debug_export(
        self,
        credentials: FormGardenCredentials,
        context: sm.SourceContext,
        survey_id: str,
        bundle: sm.BundleWriter,
    ) -> None:
        """Write the form and its responses, without personal data unless it is included."""
        api = FormGardenApi(credentials.key, context.http)
        bundle.add_json("definition.json", api.form(survey_id))
        text = api.responses(survey_id)
        if not bundle.include_personal:
            text = read_csv(io.BytesIO(text)).drop(PERSONAL, strict=False).write_csv().encode()
        bundle.add_csv("responses.csv", io.BytesIO(text))


source: Final = FormGardenSource()
"""The object that the entry point names."""
