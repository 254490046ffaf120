"""The hooks of the Qualtrics source. Each delegates to one module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from smaply_metrics_core import (
    BundleReader,
    BundleWriter,
    CheckNote,
    CheckStep,
    Destination,
    MetricQuery,
    MetricsError,
    Questionnaire,
    RequestLimit,
    SourceContext,
    SourceDescription,
    Survey,
    Tally,
    hookimpl,
)
from smaply_metrics_qualtrics.check_steps import STEPS
from smaply_metrics_qualtrics.credentials import QualtricsCredentials

DOCUMENTATION: Final = "https://www.qualtrics.com/support/integrations/api-integration/overview/"

_EXPORTS: Final = r"/API/v3/surveys/[^/]+/export-responses"
_SCHEMA: Final = r"/API/v3/surveys/[^/]+/response-schema"

LIMITS: Final = (
    RequestLimit(method="POST", path=_EXPORTS, per_minute=100),
    RequestLimit(method="GET", path=rf"{_EXPORTS}/[^/]+/file", per_minute=100),
    RequestLimit(method="GET", path=rf"{_EXPORTS}/[^/]+", per_minute=1000),
    RequestLimit(method="GET", path=_SCHEMA, per_minute=60),
    RequestLimit(method="GET", path=r"/API/v3/.*", per_minute=3000),
)
"""The documented rate limits of the endpoints. A brand shares 3,000 requests per minute."""


class QualtricsSource:
    """The hooks of the source. They are stateless.

    The HTTP client and Polars are imported inside the hooks to keep listing the installed sources
    fast.
    """

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the metadata of this source."""
        return SourceDescription(
            id="qualtrics",
            title="Qualtrics",
            contract="0.1",
            credentials=QualtricsCredentials,
            checks=STEPS,
            documentation=DOCUMENTATION,
            limits=LIMITS,
        )

    @hookimpl
    def destinations(self, credentials: QualtricsCredentials) -> Sequence[Destination]:
        """Return the host that all requests are sent to."""
        return (credentials.destination,)

    @hookimpl
    def validate_credentials(
        self, credentials: QualtricsCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Check the credentials in steps."""
        from smaply_metrics_qualtrics.api.client import QualtricsApi
        from smaply_metrics_qualtrics.credential_check import check

        return check(QualtricsApi(credentials, context))

    @hookimpl
    def list_surveys(
        self, credentials: QualtricsCredentials, context: SourceContext
    ) -> Iterator[Survey]:
        """Yield the surveys that the token's user owns or that are shared with it directly."""
        from smaply_metrics_qualtrics.api.client import QualtricsApi
        from smaply_metrics_qualtrics.survey.definition import read_survey

        seen: set[str] = set()
        for page in QualtricsApi(credentials, context).survey_pages():
            for survey in filter(None, map(read_survey, page)):
                # The list can change between two pages, so a survey may appear twice.
                if survey.id not in seen:
                    seen.add(survey.id)
                    yield survey
            context.progress(len(seen), None, "Listing surveys")

    @hookimpl
    def list_questions(
        self, credentials: QualtricsCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Return one survey, which need not be in the list: it may be shared through a group."""
        from smaply_metrics_qualtrics.api.client import QualtricsApi
        from smaply_metrics_qualtrics.survey.loader import load_survey

        return load_survey(QualtricsApi(credentials, context), survey_id).questionnaire

    @hookimpl
    def fetch_metric(
        self,
        credentials: QualtricsCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer all queries of one survey from one export."""
        from smaply_metrics_qualtrics.api.client import QualtricsApi
        from smaply_metrics_qualtrics.responses.fetch import fetch

        return fetch(QualtricsApi(credentials, context), context, survey_id, queries)

    @hookimpl
    def debug_export(
        self,
        credentials: QualtricsCredentials,
        context: SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the survey definition and the responses as exported by Qualtrics."""
        from smaply_metrics_qualtrics.api.client import QualtricsApi
        from smaply_metrics_qualtrics.debug_bundle import debug_export

        debug_export(QualtricsApi(credentials, context), context, survey_id, bundle)

    @hookimpl
    def recompute_metric(
        self,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
        bundle: BundleReader,
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from a debug bundle."""
        from smaply_metrics_qualtrics.recomputation import recompute

        return recompute(context, survey_id, queries, bundle)


source: Final = QualtricsSource()
"""The object that the entry point names."""
