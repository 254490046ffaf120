"""The source: its hooks, its credentials form and its check steps.

A source is an object whose methods are marked with ``hookimpl``. An entry point in
``pyproject.toml`` names the object. A source is stateless: a hook receives everything it needs as
arguments.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import polars as pl

from smaply_metrics_core import (
    BundleReader,
    BundleWriter,
    CheckNote,
    CheckStep,
    Credentials,
    Destination,
    FormField,
    MetricQuery,
    MetricsError,
    NoSurveys,
    Questionnaire,
    SourceContext,
    SourceDescription,
    Survey,
    Tally,
    hookimpl,
)
from smaply_metrics_core.calculations import answer_queries
from smaply_metrics_core.files import responses_as_csv
from smaply_metrics_csv_example.csv_files import (
    RECORDED,
    csv_file,
    csv_files,
    read_table,
    rows_of,
    stated_mapping,
    survey_rows,
    survey_table,
)
from smaply_metrics_csv_example.questionnaire import ROWS, questionnaire_of

# A connection is not saved if a required step fails. The other steps only warn.
REACH: Final = CheckStep(name="reach", title="Open the folder", required=True)
EXPORT: Final = CheckStep(name="export", title="Read the first file", required=False)

RESPONSES: Final = "responses.csv"
"""The name of the responses file in a debug bundle."""


class CsvCredentials(Credentials):
    """The fields of the credentials form.

    A secret would have the type ``Token``: it is stored encrypted and never shown again.
    """

    folder: Annotated[
        str, FormField(label="Folder", help="A path inside the folder that the operator allows.")
    ]


class CsvSource:
    """The hooks of the source. Each declares only the arguments that it uses."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return the metadata of this source.

        ``id`` equals the name of the entry point. ``contract`` is the contract version that this
        source implements: the ``smaply_metrics_core.CONTRACT_VERSION`` it was written against.
        """
        return SourceDescription(
            id="csv_example",
            title="CSV files",
            contract="0.1",
            credentials=CsvCredentials,
            checks=(REACH, EXPORT),
        )

    @hookimpl
    def destinations(self, credentials: CsvCredentials) -> Sequence[Destination]:
        """Return the folder to read. The core rejects it unless the operator allows it."""
        return [Destination(kind="folder", folder=Path(credentials.folder))]

    @hookimpl
    def validate_credentials(self, context: SourceContext) -> Iterator[CheckStep | CheckNote]:
        """Yield each step before running it. An error that is raised fails the current step."""
        yield REACH
        files = csv_files(context)
        yield CheckNote(detail=f"Files: {len(files)}")

        yield EXPORT
        if not files:
            raise NoSurveys(
                "The folder contains no files with responses.",
                remedy="Add a file with the extension .csv, .tsv or .xlsx.",
            )
        survey_rows(context, next(iter(files)))

    @hookimpl
    def list_surveys(self, context: SourceContext) -> Iterator[Survey]:
        """Yield the surveys one by one, so that a long list can be shown while it loads."""
        for name in csv_files(context):
            yield Survey(id=name, name=name)

    @hookimpl
    def list_questions(self, context: SourceContext, survey_id: str) -> Questionnaire:
        """Return one survey with its questions and the calculations that each allows."""
        return questionnaire_of(context, survey_id, survey_rows(context, survey_id))

    @hookimpl
    def fetch_metric(
        self, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Read the file once and answer all queries.

        A source returns tallies, which are counts. The core calculates the metrics from them.
        """
        as_of = context.now()  # Before the file is read, which may lack later responses.
        rows = survey_rows(context, survey_id)
        # Also raises if the call is cancelled or its deadline has passed.
        context.progress(0, None, "Counting the responses")
        questionnaire = questionnaire_of(context, survey_id, rows)
        return answer_queries(rows, queries, questionnaire, ROWS, as_of=as_of)

    @hookimpl
    def debug_export(self, context: SourceContext, survey_id: str, bundle: BundleWriter) -> None:
        """Write the responses, then the questionnaire, which fails if the file is invalid.

        A CSV file in UTF-8 with commas is written unchanged; others as they were read.
        """
        path = csv_file(context, survey_id)
        unchanged = path.suffix == ".csv" and stated_mapping(context, path) is None
        try:
            table = survey_table(context, survey_id)
            unchanged = unchanged and table.is_comma_separated
        finally:  # Written although it cannot be read, which may be why a bundle is created.
            if unchanged:
                with path.open("rb") as file:
                    bundle.add_csv(RESPONSES, file)
        rows = rows_of(context, table, path.name)
        if not unchanged:
            bundle.add_csv(RESPONSES, io.BytesIO(responses_as_csv(rows)))
        bundle.add_json("definition.json", questionnaire_of(context, survey_id, rows))

    @hookimpl
    def recompute_metric(
        self, context: SourceContext, queries: Sequence[MetricQuery], bundle: BundleReader
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries from the files that ``debug_export`` wrote. This hook is optional.

        ``context.now()`` is the time at which the bundle was created. Later responses are excluded.
        """
        as_of = context.now()
        with bundle.open(f"raw/{RESPONSES}") as file:
            rows = rows_of(context, read_table(context, file, RESPONSES), RESPONSES)
        rows = rows.filter((pl.col(RECORDED) <= as_of).fill_null(value=True))
        questionnaire = questionnaire_of(context, "bundle", rows)
        return answer_queries(rows, queries, questionnaire, ROWS, as_of=as_of)


source: Final = CsvSource()
"""The object that the entry point names."""
