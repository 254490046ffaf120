"""The hooks of the source of entered values. Its connection stores the values themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.entered_values.tables import SOURCE_ID, EnteredTable, EnteredTables
from smaply_metrics_core.entered_values.tallies import answer, questionnaire_of
from smaply_metrics_core.errors import MetricsError, SurveyUnavailable
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.check import CheckNote, CheckStep
from smaply_metrics_core.models.credentials import Credentials, FormField
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally

READ: Final = CheckStep(name="read", title="Read the entered values", required=True)
TABLE_FILE: Final = "raw/table.json"
"""The table in a debug bundle."""


def _check_tables(text: str) -> str:
    try:
        EnteredTables.parse(text)
    except ValueError as error:
        raise PydanticCustomError("tables", "{text}.", {"text": str(error).rstrip(".")}) from None
    return text


class EnteredValuesForm(Credentials):
    """The tables, as ``EnteredTables.text`` returns them: stored encrypted, like credentials."""

    tables: Annotated[
        str,
        AfterValidator(_check_tables),
        FormField(
            label="Tables",
            help="The entered values as JSON. Leave it blank, and enter values on the page “Enter "
            "values” or with `smaply-metrics entered add`.",
            multiline=True,
        ),
    ] = ""

    def every_table(self) -> tuple[EnteredTable, ...]:
        """Return the tables."""
        return EnteredTables.parse(self.tables).tables


class EnteredValuesSource:
    """The hooks. Nothing is requested from anywhere."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Describe a source without secrets."""
        return SourceDescription(
            id=SOURCE_ID,
            title="Entered values",
            contract="0.1",
            credentials=EnteredValuesForm,
            checks=(READ,),
        )

    @hookimpl
    def destinations(self) -> Sequence[Destination]:
        """Return none."""
        return ()

    @hookimpl
    def validate_credentials(
        self, credentials: EnteredValuesForm
    ) -> Iterator[CheckStep | CheckNote]:
        """Count the tables, which the form has validated."""
        yield READ
        yield CheckNote(detail=f"Tables: {len(credentials.every_table()):,}")

    @hookimpl
    def list_surveys(self, credentials: EnteredValuesForm) -> Iterator[Survey]:
        """Yield each table as a survey."""
        for table in credentials.every_table():
            yield questionnaire_of(table).survey

    @hookimpl
    def list_questions(self, credentials: EnteredValuesForm, survey_id: str) -> Questionnaire:
        """Return a table as a survey."""
        return questionnaire_of(_table(credentials, survey_id))

    @hookimpl
    def fetch_metric(
        self,
        credentials: EnteredValuesForm,
        context: SourceContext,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from a table."""
        return _answers(_table(credentials, survey_id), queries, context)

    @hookimpl
    def debug_export(
        self, credentials: EnteredValuesForm, survey_id: str, bundle: BundleWriter
    ) -> None:
        """Write the table and the survey that it is."""
        table = _table(credentials, survey_id)
        bundle.add_text(TABLE_FILE, table.model_dump_json())
        bundle.add_json("definition.json", questionnaire_of(table))

    @hookimpl
    def recompute_metric(
        self, context: SourceContext, queries: Sequence[MetricQuery], bundle: BundleReader
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from the table of a bundle."""
        with bundle.open(TABLE_FILE) as file:
            table = EnteredTable.model_validate_json(file.read())
        return _answers(table, queries, context)


def _answers(
    table: EnteredTable, queries: Sequence[MetricQuery], context: SourceContext
) -> Iterator[tuple[str, Tally | MetricsError]]:
    as_of = context.now()
    for query in queries:
        context.deadline.check()
        yield query.id, answer(table, query, as_of)


def _table(credentials: EnteredValuesForm, survey_id: str) -> EnteredTable:
    table = EnteredTables.parse(credentials.tables).find(survey_id)
    if table is None:
        raise SurveyUnavailable(
            "This table of entered values does not exist.",
            remedy="Edit the metric and choose another table.",
        )
    return table


source: Final = EnteredValuesSource()
"""The object that the entry point names."""
