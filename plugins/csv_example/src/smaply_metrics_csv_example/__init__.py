"""CSV files in a folder as a source for Smaply Metrics: the one to copy.

A source is an object with these hooks, named by an entry point in ``pyproject.toml``; it keeps
nothing between calls. What a file has to look like stands in the README.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import polars as pl

import smaply_metrics_core as sm
from smaply_metrics_core import QuestionKind as Kind
from smaply_metrics_core import SourceContext as Context
from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
from smaply_metrics_core.calculations.rules import allowed_calculations

__version__ = "0.1.0"

# Only a step that is required keeps people from saving their credentials; others are warnings.
REACH = sm.CheckStep(name="reach", title="Open the folder", required=True)
EXPORT = sm.CheckStep(name="export", title="Read the first file", required=False)
# The columns that are no questions: how a cell is read unless it is empty, and what it takes.
ABOUT: dict[str, tuple[Callable[[str], object], str]] = {
    "recorded_at": (datetime.fromisoformat, "a date such as 2026-01-31T14:30:00+01:00"),
    "status": (sm.ExclusionReason, f"one of {', '.join(sm.ExclusionReason)}"),
    "finished": ({"0": sm.ExclusionReason.UNFINISHED, "1": None}.__getitem__, "1 or 0"),
}
Queries = Sequence[sm.MetricQuery]
Answers = Iterator[tuple[str, sm.Tally | sm.MetricsError]]
MOST_VALUES, MOST_TEXTS, LARGE = 11, 50, 1e15


class CsvCredentials(sm.Credentials):
    """What people enter. A secret would be a ``sm.Token``: sealed, and never shown again."""

    folder: Annotated[str, sm.FormField("Folder", "Below the folder that the operator has set.")]


class CsvSource:
    """The hooks. An implementation leaves out arguments that it does not use."""

    @sm.hookimpl
    def describe_source(self) -> sm.SourceDescription:
        """Say what this source is and needs; ``id`` is the entry point's name."""
        return sm.SourceDescription(
            id="csv_example", title="CSV files", credentials=CsvCredentials, checks=(REACH, EXPORT)
        )

    @sm.hookimpl
    def destinations(self, credentials: CsvCredentials) -> Sequence[sm.Destination]:
        """Say where the credentials lead; the core refuses what the operator does not allow."""
        return [sm.Destination(kind="folder", folder=Path(credentials.folder))]

    @sm.hookimpl
    def validate_credentials(self, context: Context) -> Iterator[sm.CheckStep | sm.CheckNote]:
        """Yield each step as it begins. To raise an error fails the step and says why."""
        yield REACH
        files = _files(context)
        yield sm.CheckNote(detail=f"CSV files: {len(files)}")
        yield EXPORT
        if not files:
            raise sm.NoSurveys("The folder has no CSV file.", remedy="Put one there: NAME.csv.")
        _read(next(iter(files.values())))

    @sm.hookimpl
    def list_surveys(self, context: Context) -> Iterator[sm.Survey]:
        """Yield the surveys one by one: a long list is shown while it is still coming."""
        yield from (sm.Survey(id=name, name=name) for name in _files(context))

    @sm.hookimpl
    def list_questions(self, context: Context, survey_id: str) -> sm.Questionnaire:
        """Describe one survey, with what each question allows."""
        return _questionnaire(survey_id, _read(_file(context, survey_id)))

    @sm.hookimpl
    def fetch_metric(self, context: Context, survey_id: str, queries: Queries) -> Answers:
        """Answer all queries from one reading. A source counts; only the core makes numbers."""
        as_of = context.now()  # Before reading: nothing that comes later is in the tallies.
        rows = _read(_file(context, survey_id))
        context.progress(0, None, "Counting the responses")  # Also ends a call that is overdue.
        return answer_queries(rows, queries, _questionnaire(survey_id, rows), READING, as_of=as_of)

    @sm.hookimpl
    def debug_export(self, context: Context, survey_id: str, bundle: BundleWriter) -> None:
        """Give support the file as it is, and what was made of it, if anything could be."""
        path = _file(context, survey_id)
        with path.open("rb") as file:
            bundle.add_csv("responses.csv", file)
        bundle.add_json("definition.json", _questionnaire(survey_id, _read(path)))

    @sm.hookimpl
    def recompute_metric(self, context: Context, queries: Queries, bundle: BundleReader) -> Answers:
        """Answer again from what debug_export wrote, as of a past instant: optional."""
        rows, as_of = _read(bundle.extract("raw/responses.csv")), context.now()
        rows = rows.filter((pl.col("recorded_at") <= as_of).fill_null(value=True))
        return answer_queries(rows, queries, _questionnaire("bundle", rows), READING, as_of=as_of)


def _files(context: Context) -> dict[str, Path]:
    # The core has resolved the folder; a file in it may still be a link to anywhere.
    (folder,) = (one.folder for one in context.destinations if one.folder)
    found = {path.stem: path.resolve() for path in sorted(folder.glob("[!.]*.csv"))}
    return {name: p for name, p in found.items() if p.is_relative_to(folder) and p.is_file()}


def _file(context: Context, survey_id: str) -> Path:
    # Looked up, never joined to a path: no file is listed by the name "../secrets".
    if path := _files(context).get(survey_id):
        return path
    raise sm.SurveyUnavailable(f"There is no file {survey_id}.csv.", remedy="Choose another one.")


def _read(path: Path) -> pl.DataFrame:
    def broken(problem: str) -> sm.ExportFailed:
        return sm.ExportFailed(f"{path.name}: {problem}.", remedy="Correct it and try again.")

    try:  # All as text, then each column by its own rule: a guessing reader turns 00501 into 501.
        rows = pl.read_csv(path, has_header=False, infer_schema=False, encoding="utf8-lossy")
    except pl.exceptions.PolarsError:
        raise broken("it is no comma-separated table, or a row is longer than the first") from None
    rows = rows.with_columns(pl.all().str.strip_chars().replace("", None))
    header, rows = rows.row(0), rows[1:]
    if "recorded_at" not in header or {None, "field:"} & {*header} or len({*header}) < len(header):
        raise broken("its first row needs recorded_at, and for each column a name of its own")
    rows = rows.rename(dict(zip(rows.columns, header, strict=True)))
    about: dict[str, list[Any]] = {column: [] for column in ABOUT}
    for column, (parse, takes) in ABOUT.items():
        for number, text in enumerate(rows[column] if column in header else [None] * len(rows), 2):
            try:
                about[column].append(parse(text) if text else None)
            except (ValueError, KeyError):
                raise broken(f"{column} in row {number} is “{text}” and not {takes}") from None
    dates = [date and date.replace(tzinfo=date.tzinfo or UTC) for date in about["recorded_at"]]
    left_out = [one or other for one, other in zip(about["status"], about["finished"], strict=True)]
    return rows.with_columns(
        pl.Series("recorded_at", dates, pl.Datetime("us", "UTC")),
        pl.Series("status", left_out, pl.String),
    ).filter(~pl.all_horizontal(pl.all().is_null()))  # An empty line is no response.


def _questionnaire(survey_id: str, rows: pl.DataFrame) -> sm.Questionnaire:
    names = [name for name in rows.columns if name not in ABOUT]
    fields = [name for name in names if name.startswith("field:")]
    return sm.Questionnaire(
        survey=sm.Survey(id=survey_id, name=survey_id),
        questions=tuple(_question(n, rows[n].drop_nulls()) for n in names if n not in fields),
        fields=tuple(sm.EmbeddedField(name=n.removeprefix("field:")) for n in fields),
    )


def _question(name: str, given: pl.Series) -> sm.Question:
    # A survey tool says what it asked; a file shows only what was answered, so this one guesses.
    numbers = given.cast(pl.Float64, strict=False)
    numeric = numbers.is_finite().fill_null(value=False).all()
    values = sorted({*numbers}) if numeric else []
    whole = numeric and all(value.is_integer() and abs(value) < LARGE for value in values)
    kind, keys, texts = Kind.TEXT, list[str](), sorted({*given})
    if name.endswith("[]"):
        parts = given.str.split(";").explode().str.strip_chars()
        kind, keys = Kind.MULTIPLE_CHOICE, sorted({*parts} - {"", None})
    elif "nps" in name.lower() and whole and {*values} <= {*range(11)}:
        kind, keys = Kind.NPS, [str(value) for value in range(11)]
    elif values and whole and len(values) <= MOST_VALUES:
        kind, scale = Kind.SINGLE_CHOICE, range(int(values[0]), int(values[-1]) + 1)
        keys = [str(int(value)) for value in (scale if len(scale) <= MOST_VALUES else values)]
    elif values:
        kind = Kind.NUMBER
    elif texts and len(texts) <= min(MOST_TEXTS, len(given) / 2):
        kind, keys = Kind.SINGLE_CHOICE, texts
    choices = tuple(sm.Choice(key=k, label=k, value=float(k) if numeric else None) for k in keys)
    return sm.Question(
        id=name,
        text=name.removesuffix("[]"),
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),  # One rule for every source.
        can_group_by=kind in {Kind.SINGLE_CHOICE, Kind.NPS},
    )


def _answer(question: sm.Question) -> AnswerExpr:
    cell = pl.col(question.id)
    if question.kind is Kind.MULTIPLE_CHOICE:  # A yes or no for each of the answers.
        given = cell.str.split(";").list.eval(pl.element().str.strip_chars())
        return {choice.key: given.list.contains(choice.key) for choice in question.choices}
    if any(choice.value is not None for choice in question.choices):
        return cell.cast(pl.Float64).cast(pl.Int64).cast(pl.String)  # “5.0” is the answer “5”.
    return cell


READING = RowReader(
    pl.col("recorded_at"), _answer, lambda n: pl.col(f"field:{n}"), pl.col("status")
)
source = CsvSource()
