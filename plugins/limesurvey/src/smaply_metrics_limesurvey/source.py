"""The hooks of the LimeSurvey source. Each delegates to one module."""

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
    SourceContext,
    SourceDescription,
    Survey,
    Tally,
    hookimpl,
    json_rpc_method,
)
from smaply_metrics_limesurvey.check_steps import STEPS
from smaply_metrics_limesurvey.credentials import LimeSurveyCredentials

DOCUMENTATION: Final = "https://manual.limesurvey.org/RemoteControl_2_API"


class LimeSurveySource:
    """The hooks of the source. They are stateless: each signs in, and signs out.

    Polars is imported inside the hooks to keep listing the installed sources fast.

    Args:
        page: How many response ids to request at once; by default it depends on the columns.
    """

    def __init__(self, page: int | None = None) -> None:
        self._page = page

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the metadata of this source."""
        return SourceDescription(
            id="limesurvey",
            title="LimeSurvey",
            contract="0.1",
            credentials=LimeSurveyCredentials,
            checks=STEPS,
            documentation=DOCUMENTATION,
            operation=json_rpc_method,
        )

    @hookimpl
    def destinations(self, credentials: LimeSurveyCredentials) -> Sequence[Destination]:
        """Return the host that all requests are sent to."""
        return (credentials.destination,)

    @hookimpl
    def validate_credentials(
        self, credentials: LimeSurveyCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Check the credentials in steps."""
        from smaply_metrics_limesurvey.credential_check import check

        return check(credentials, context)

    @hookimpl
    def list_surveys(
        self, credentials: LimeSurveyCredentials, context: SourceContext
    ) -> Iterator[Survey]:
        """Yield the surveys that the user may see."""
        from smaply_metrics_limesurvey.client import LimeSurveyClient
        from smaply_metrics_limesurvey.rpc.session import LoginSession
        from smaply_metrics_limesurvey.survey.loader import read_survey

        with LoginSession(credentials, context) as session:
            yield from map(read_survey, LimeSurveyClient(session).surveys())

    @hookimpl
    def list_questions(
        self, credentials: LimeSurveyCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Return one survey in its base language."""
        from smaply_metrics_limesurvey.client import LimeSurveyClient
        from smaply_metrics_limesurvey.rpc.session import LoginSession
        from smaply_metrics_limesurvey.survey.loader import load_survey

        with LoginSession(credentials, context) as session:
            api = LimeSurveyClient(session)
            return load_survey(api, context, survey_id, credentials.notes).questionnaire

    @hookimpl
    def fetch_metric(
        self,
        credentials: LimeSurveyCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer all queries of one survey from one export, in pages of ids."""
        from smaply_metrics_limesurvey.client import LimeSurveyClient
        from smaply_metrics_limesurvey.responses.fetch import fetch
        from smaply_metrics_limesurvey.rpc.session import LoginSession

        with LoginSession(credentials, context) as session:
            yield from fetch(
                LimeSurveyClient(session),
                context,
                survey_id,
                queries,
                zone=credentials.zone,
                notes=credentials.notes,
                page=self._page,
            )

    @hookimpl
    def debug_export(
        self,
        credentials: LimeSurveyCredentials,
        context: SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the survey definition and the responses."""
        from smaply_metrics_limesurvey.client import LimeSurveyClient
        from smaply_metrics_limesurvey.debug_bundle import debug_export
        from smaply_metrics_limesurvey.rpc.session import LoginSession

        with LoginSession(credentials, context) as session:
            debug_export(LimeSurveyClient(session), context, survey_id, bundle, credentials.zone)

    @hookimpl
    def recompute_metric(
        self,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
        bundle: BundleReader,
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from a debug bundle."""
        from smaply_metrics_limesurvey.debug_bundle import recompute

        return recompute(context, survey_id, queries, bundle)


source: Final = LimeSurveySource()
"""The object that the entry point names."""
