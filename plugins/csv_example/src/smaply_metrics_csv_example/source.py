"""The source: its hooks, its credentials form and its check steps.

A source is an object whose methods are marked with ``hookimpl``. An entry point in
``pyproject.toml`` names it. It holds no state between calls: everything comes in as arguments.
"""

from __future__ import annotations

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
from smaply_metrics_csv_example.csv_files import RECORDED, csv_file, csv_files, read_rows
from smaply_metrics_csv_example.questionnaire import ROWS, questionnaire_of

# A required step that fails keeps the connection from being saved; other steps only warn.
REACH: Final = CheckStep(name="reach", title="Open the folder", required=True)
EXPORT: Final = CheckStep(name="export", title="Read the first file", required=False)

RESPONSES: Final = "responses.csv"
"""The name of the survey's file in a debug bundle."""


class CsvCredentials(Credentials):
    """What an Admin enters. A secret is declared as a ``Token``: sealed, and never shown again."""

    folder: Annotated[
        str, FormField(label="Folder", help="Below the folder that the operator has set.")
    ]


class CsvSource:
    """The hooks. A hook leaves out the arguments that it does not use."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return what this source is and needs.

        ``id`` is the entry point's name. ``contract`` is the version of the contract that this
        source was written for: ``smaply_metrics_core.CONTRACT_VERSION`` at the time.
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
        """Return where the credentials lead; the core refuses what the operator does not allow."""
        return [Destination(kind="folder", folder=Path(credentials.folder))]

    @hookimpl
    def validate_credentials(self, context: SourceContext) -> Iterator[CheckStep | CheckNote]:
        """Yield each step as it begins. An error fails the step and is its message."""
        yield REACH
        files = csv_files(context)
        yield CheckNote(detail=f"CSV files: {len(files)}")

        yield EXPORT
        if not files:
            raise NoSurveys("The folder has no CSV file.", remedy="Put one there: NAME.csv.")
        read_rows(next(iter(files.values())))

    @hookimpl
    def list_surveys(self, context: SourceContext) -> Iterator[Survey]:
        """Yield the surveys one by one, so that a long list can be shown while it is read."""
        for name in csv_files(context):
            yield Survey(id=name, name=name)

    @hookimpl
    def list_questions(self, context: SourceContext, survey_id: str) -> Questionnaire:
        """Return one survey with its questions and what each of them allows."""
        return questionnaire_of(survey_id, read_rows(csv_file(context, survey_id)))

    @hookimpl
    def fetch_metric(
        self, context: SourceContext, survey_id: str, queries: Sequence[MetricQuery]
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer all queries from one reading of the file.

        The source returns tallies, which are counts. Only the core turns them into numbers.
        """
        as_of = context.now()  # Before reading: later responses are not in the tallies.
        rows = read_rows(csv_file(context, survey_id))
        # Reports progress, and raises if the call is cancelled or out of time.
        context.progress(0, None, "Counting the responses")
        questionnaire = questionnaire_of(survey_id, rows)
        return answer_queries(rows, queries, questionnaire, ROWS, as_of=as_of)

    @hookimpl
    def debug_export(self, context: SourceContext, survey_id: str, bundle: BundleWriter) -> None:
        """Write the file as it is, then the questionnaire, which fails for an unreadable file."""
        path = csv_file(context, survey_id)
        with path.open("rb") as file:
            bundle.add_csv(RESPONSES, file)
        bundle.add_json("definition.json", questionnaire_of(survey_id, read_rows(path)))

    @hookimpl
    def recompute_metric(
        self, context: SourceContext, queries: Sequence[MetricQuery], bundle: BundleReader
    ) -> Iterator[tuple[str, Tally | MetricsError]]:
        """Answer queries again from what ``debug_export`` wrote. This hook is optional.

        ``context.now()`` is the time of the bundle: later responses do not count.
        """
        as_of = context.now()
        rows = read_rows(bundle.extract(f"raw/{RESPONSES}"))
        rows = rows.filter((pl.col(RECORDED) <= as_of).fill_null(value=True))
        questionnaire = questionnaire_of("bundle", rows)
        return answer_queries(rows, queries, questionnaire, ROWS, as_of=as_of)


source: Final = CsvSource()
"""What the entry point names."""
