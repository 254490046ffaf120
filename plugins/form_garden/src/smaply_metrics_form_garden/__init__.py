"""Form Garden, an invented survey tool, as a source: the hooks. It keeps nothing between calls."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import polars as pl

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
from smaply_metrics_core.calculations.rules import allowed_calculations
from smaply_metrics_form_garden.api import FormGardenApi

__version__ = "0.1.0"

REACH: Final = sm.CheckStep(name="reach", title="Form Garden answers", required=True)
AUTHENTICATE: Final = sm.CheckStep(name="authenticate", title="The key is accepted", required=True)
LIMITS: Final = (sm.RequestLimit(method="GET", path=r"/api/.*", per_minute=120),)

PERSONAL: Final = "respondent"
"""The column about the respondents: only in a debug bundle that asks for it."""
RECORDED: Final = "submitted_at"
STATUS: Final = "status"
LEFT_OUT: Final = {
    "draft": sm.ExclusionReason.UNFINISHED,
    "test": sm.ExclusionReason.TEST,
    "done": None,
}
UNEXPECTED: Final = "Form Garden sent something that its API does not send."

Answers = Iterator[tuple[str, sm.Tally | sm.MetricsError]]
Context = sm.SourceContext


class FormGardenCredentials(sm.Credentials):
    """What people enter."""

    region: Annotated[Literal["eu", "us"], sm.FormField("Region", "The one in your address bar.")]
    key: Annotated[sm.Token, sm.FormField("Key", "In Form Garden, under Account → Keys.")]


class FormGardenSource:
    """The hooks."""

    @sm.hookimpl
    def describe_source(self) -> sm.SourceDescription:
        """Say what this source is and needs."""
        return sm.SourceDescription(
            id="form_garden",
            title="Form Garden",
            credentials=FormGardenCredentials,
            checks=(REACH, AUTHENTICATE),
            limits=LIMITS,
        )

    @sm.hookimpl
    def destinations(self, credentials: FormGardenCredentials) -> Sequence[sm.Destination]:
        """Lead to the region's host, and nowhere else."""
        return [sm.Destination(kind="host", host=f"{credentials.region}.form-garden.example.com")]

    @sm.hookimpl
    def validate_credentials(
        self, credentials: FormGardenCredentials, context: Context
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        """See who answers, and only then show the key."""
        api = FormGardenApi(credentials.key, context.http)
        yield REACH
        api.reach()
        yield AUTHENTICATE
        yield sm.CheckNote(detail=f"Account {api.account()}.")

    @sm.hookimpl
    def list_surveys(
        self,
        credentials: FormGardenCredentials,
        context: Context,
    ) -> Iterator[sm.Survey]:
        """Yield every form, page after page."""
        for item in FormGardenApi(credentials.key, context.http).forms():
            yield _survey(item)

    @sm.hookimpl
    def list_questions(
        self, credentials: FormGardenCredentials, context: Context, survey_id: str
    ) -> sm.Questionnaire:
        """Describe one form."""
        return _questionnaire(FormGardenApi(credentials.key, context.http).form(survey_id))

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: FormGardenCredentials,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Answers:
        """Answer all queries from one reading."""
        as_of = context.now()  # Before reading: nothing that comes later is in the tallies.
        api = FormGardenApi(credentials.key, context.http)
        questionnaire = _questionnaire(api.form(survey_id))
        context.progress(0, None, "Reading the responses")
        rows = _rows(api.responses(survey_id), questionnaire)
        return answer_queries(rows, queries, questionnaire, READING, as_of=as_of)

    @sm.hookimpl
    def debug_export(
        self,
        credentials: FormGardenCredentials,
        context: Context,
        survey_id: str,
        bundle: BundleWriter,
    ) -> None:
        """Give support what Form Garden sent, without the respondents unless asked for."""
        api = FormGardenApi(credentials.key, context.http)
        bundle.add_json("definition.json", api.form(survey_id))
        text = api.responses(survey_id)
        if not bundle.include_personal:
            text = _table(text).drop(PERSONAL, strict=False).write_csv()
        bundle.add_csv("responses.csv", io.BytesIO(text.encode()))


def _survey(item: Mapping[str, Any]) -> sm.Survey:
    try:
        return sm.Survey(id=item["id"], name=item["title"])
    except (KeyError, ValueError):  # Whatever does not fit the model is a ValueError.
        raise sm.SourceUnavailable(UNEXPECTED) from None


def _questionnaire(found: Mapping[str, Any]) -> sm.Questionnaire:
    try:
        return sm.Questionnaire(
            survey=_survey(found["form"]),
            questions=tuple(_question(**one) for one in found["questions"]),
            fields=(sm.EmbeddedField(name="plot", label="Garden plot"),),
        )
    except (KeyError, TypeError, ValueError):
        raise sm.SourceUnavailable(UNEXPECTED) from None


def _question(name: str, label: str, options: Sequence[str], *, many: bool) -> sm.Question:
    kind = sm.QuestionKind.SINGLE_CHOICE if options else sm.QuestionKind.TEXT
    if many:
        kind = sm.QuestionKind.MULTIPLE_CHOICE
    choices = tuple(
        sm.Choice(key=one, label=one, value=float(one) if one.isdecimal() else None)
        for one in options
    )
    return sm.Question(
        id=name,
        text=label,
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=kind is sm.QuestionKind.SINGLE_CHOICE,
        note="" if choices else "Its answers are free text.",
    )


def _table(text: str) -> pl.DataFrame:
    try:
        return pl.read_csv(io.StringIO(text), infer_schema=False)
    except pl.exceptions.PolarsError:
        raise sm.ExportFailed("Form Garden sent responses that are no table.") from None


def _rows(text: str, questionnaire: sm.Questionnaire) -> pl.DataFrame:
    rows = _table(text)
    names = {RECORDED, STATUS, *(one.id for one in questionnaire.walk()), "plot"}
    if missing := names - {*rows.columns}:
        raise sm.ExportFailed(f"Form Garden left out the columns {', '.join(sorted(missing))}.")
    try:
        return rows.with_columns(
            pl.col(RECORDED).str.to_datetime("%+", time_zone="UTC"),
            pl.col(STATUS).replace_strict(LEFT_OUT, return_dtype=pl.String),
        )
    except pl.exceptions.PolarsError:
        raise sm.ExportFailed(UNEXPECTED) from None


def _read(question: sm.Question) -> AnswerExpr:
    given = pl.col(question.id)
    if question.kind is sm.QuestionKind.MULTIPLE_CHOICE:  # A yes or no for each of the answers.
        return {one.key: given.str.split("|").list.contains(one.key) for one in question.choices}
    return given


READING: Final = RowReader(pl.col(RECORDED), _read, pl.col, pl.col(STATUS))
source = FormGardenSource()
