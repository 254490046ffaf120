"""The hooks of the SQL source. Each opens the database, and closes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from smaply_metrics_core import (
    BundleReader,
    BundleWriter,
    CheckNote,
    CheckStep,
    ColumnEdit,
    ColumnSheet,
    Destination,
    MetricQuery,
    MetricsError,
    Questionnaire,
    SourceContext,
    SourceDescription,
    Survey,
    Tally,
    hookimpl,
)
from smaply_metrics_sql.credentials import SqlCredentials

REACH: Final = CheckStep(name="reach", title="Reach the database", required=True)
AUTHENTICATE: Final = CheckStep(name="authenticate", title="Sign in", required=True)
SURVEYS: Final = CheckStep(name="list_surveys", title="Find the tables of surveys", required=True)
READ_ONLY: Final = CheckStep(
    name="read_only", title="Check that the user only reads", required=False
)
EXPORT: Final = CheckStep(name="export", title="Count the responses of a survey", required=False)

STEPS: Final = (REACH, AUTHENTICATE, SURVEYS, READ_ONLY, EXPORT)


class SqlSource:
    """The hooks of the source. SQLAlchemy is imported inside them, so that listing stays fast."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the metadata of this source."""
        return SourceDescription(
            id="sql",
            title="SQL database",
            contract="0.1",
            credentials=SqlCredentials,
            checks=STEPS,
        )

    @hookimpl
    def destinations(self, credentials: SqlCredentials) -> Sequence[Destination]:
        """Return the server or the folder."""
        return (credentials.destination,)

    @hookimpl
    def validate_credentials(
        self, credentials: SqlCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Check the credentials in steps."""
        from smaply_metrics_sql.check import check

        return check(credentials, context)

    @hookimpl
    def list_surveys(self, credentials: SqlCredentials, context: SourceContext) -> Iterator[Survey]:
        """Yield the surveys of the mapping, or the tables that look like responses."""
        from smaply_metrics_sql.opening import opened
        from smaply_metrics_sql.questionnaire import survey_of
        from smaply_metrics_sql.surveys import mapped_surveys

        with opened(credentials, context) as database:
            for mapping in mapped_surveys(credentials, database.tables())[0].values():
                yield survey_of(mapping)

    @hookimpl
    def list_questions(
        self, credentials: SqlCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Return the questions and fields of a survey."""
        from smaply_metrics_sql.opening import opened
        from smaply_metrics_sql.questionnaire import QuestionnaireReader
        from smaply_metrics_sql.surveys import find_survey

        with opened(credentials, context) as database:
            mapping, catalog = find_survey(credentials, database, survey_id)
            return QuestionnaireReader(database, catalog).read(mapping)

    @hookimpl
    def fetch_metric(
        self,
        credentials: SqlCredentials,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Let the database count, and yield the tally of each query."""
        from smaply_metrics_sql.fetch import count_queries
        from smaply_metrics_sql.opening import opened
        from smaply_metrics_sql.surveys import find_survey

        as_of = context.now()
        with opened(credentials, context) as database:
            mapping, catalog = find_survey(credentials, database, survey_id)
            counted = count_queries(database, catalog, mapping, queries, context)
        yield from counted.answers(as_of)  # The memory of the database is free by now.

    @hookimpl
    def debug_export(
        self,
        credentials: SqlCredentials,
        context: SourceContext,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Write the mapping, the definition and the mapped columns."""
        from smaply_metrics_sql.debug_bundle import export

        export(credentials, context, survey_id, bundle)

    @hookimpl
    def propose_value(self, credentials: SqlCredentials, context: SourceContext) -> str:
        """Return a mapping of the tables that look like responses, as YAML."""
        from smaply_metrics_sql.mapping.proposed_text import propose_text
        from smaply_metrics_sql.mapping.samples import TableSamples
        from smaply_metrics_sql.opening import opened

        with opened(credentials, context) as database:
            return propose_text(database.tables(), TableSamples(database, context.deadline))

    @hookimpl
    def edit_columns(
        self,
        credentials: SqlCredentials,
        context: SourceContext,
        table: str,
        edits: Sequence[ColumnEdit],
    ) -> ColumnSheet:
        """Return the roles of the columns of a table, and the mapping that states them."""
        from smaply_metrics_sql.mapping.samples import TableSamples
        from smaply_metrics_sql.mapping.sheet import MappingSheet
        from smaply_metrics_sql.opening import opened

        with opened(credentials, context) as database:
            tables, samples = database.tables(), TableSamples(database, context.deadline)
            return MappingSheet(credentials.mapping, tables, samples).sheet(table, edits)

    @hookimpl
    def recompute_metric(
        self, context: SourceContext, queries: Sequence[MetricQuery], bundle: BundleReader
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from the files of a debug bundle, with the same statements."""
        from smaply_metrics_sql.debug_bundle import recompute

        return recompute(context, queries, bundle)


source: Final = SqlSource()
"""The object that the entry point names."""
