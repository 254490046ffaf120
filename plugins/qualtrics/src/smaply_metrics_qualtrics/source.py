"""Qualtrics as a source: the hooks of the contract, each handed on to its own module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.hookspecs import hookimpl
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_qualtrics.check import STEPS
from smaply_metrics_qualtrics.credentials import QualtricsCredentials
from smaply_metrics_qualtrics.limits import LIMITS

if TYPE_CHECKING:
    from smaply_metrics_core.bundle import BundleWriter
    from smaply_metrics_core.bundle_reading import BundleReader
    from smaply_metrics_core.context import SourceContext
    from smaply_metrics_core.errors import MetricsError
    from smaply_metrics_core.models.check import CheckNote, CheckStep
    from smaply_metrics_core.models.query import MetricQuery
    from smaply_metrics_core.models.survey import Questionnaire, Survey
    from smaply_metrics_core.models.tally import Tally

DOCUMENTATION: Final = "https://www.qualtrics.com/support/integrations/api-integration/overview/"


class QualtricsSource:
    """The hooks. Holds nothing: every call gets what it needs.

    The HTTP client and Polars are imported where a hook first needs them, so that listing the
    installed sources stays quick.
    """

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Say what Qualtrics needs: a token and a host."""
        return SourceDescription(
            id="qualtrics",
            title="Qualtrics",
            credentials=QualtricsCredentials,
            checks=STEPS,
            documentation=DOCUMENTATION,
            limits=LIMITS,
        )

    @hookimpl
    def destinations(self, credentials: QualtricsCredentials) -> Sequence[Destination]:
        """Name the one host that requests go to."""
        return (credentials.destination,)

    @hookimpl
    def validate_credentials(
        self, credentials: QualtricsCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Try the credentials, step by step."""
        from smaply_metrics_qualtrics.api import Api
        from smaply_metrics_qualtrics.check import check

        return check(Api(credentials, context))

    @hookimpl
    def list_surveys(
        self, credentials: QualtricsCredentials, context: SourceContext
    ) -> Iterator[Survey]:
        """Yield every survey that the token's user owns or that is shared with it directly."""
        from smaply_metrics_qualtrics.api import Api
        from smaply_metrics_qualtrics.definitions import read_survey

        seen: set[str] = set()
        for page in Api(credentials, context).survey_pages():
            for survey in filter(None, map(read_survey, page)):
                # The list moves while it is paged through: a survey may come twice.
                if survey.id not in seen:
                    seen.add(survey.id)
                    yield survey
            context.progress(len(seen), None, "Listing surveys")

    @hookimpl
    def list_questions(
        self, credentials: QualtricsCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Describe one survey; also one that the list lacks, since it is shared with a group."""
        from smaply_metrics_qualtrics.api import Api
        from smaply_metrics_qualtrics.describing import describe

        return describe(Api(credentials, context), survey_id).questionnaire

    @hookimpl
    def fetch_metric(
        self,
        credentials: QualtricsCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer all queries about one survey from one export."""
        from smaply_metrics_qualtrics.api import Api
        from smaply_metrics_qualtrics.metrics import fetch

        return fetch(Api(credentials, context), context, survey_id, queries)

    @hookimpl
    def debug_export(
        self,
        credentials: QualtricsCredentials,
        context: SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the survey's definition and its responses as Qualtrics exports them."""
        from smaply_metrics_qualtrics.api import Api
        from smaply_metrics_qualtrics.debug import debug_export

        debug_export(Api(credentials, context), context, survey_id, bundle)

    @hookimpl
    def recompute_metric(
        self,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
        bundle: BundleReader,
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries again from a debug bundle."""
        from smaply_metrics_qualtrics.offline import recompute

        return recompute(context, survey_id, queries, bundle)


source: Final = QualtricsSource()
"""What the entry point names."""
