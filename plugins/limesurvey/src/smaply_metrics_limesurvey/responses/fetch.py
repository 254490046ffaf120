"""Answer queries about one survey from one export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smaply_metrics_core import (
    CalculationRefused,
    Definition,
    GroupingRefused,
    MetricQuery,
    MetricsError,
    SourceContext,
    Tally,
)
from smaply_metrics_core.calculations import answer_queries, check_definition
from smaply_metrics_limesurvey.client import SurveySource
from smaply_metrics_limesurvey.responses.export import export_pages, ids_per_page
from smaply_metrics_limesurvey.responses.rows import read_rows, row_reader
from smaply_metrics_limesurvey.survey.columns import ID, LAST_ACTION, SUBMITTED, Column
from smaply_metrics_limesurvey.survey.loader import LoadedSurvey, codes_of, load_survey


def fetch(  # noqa: PLR0913  # All but the first four are keywords.
    api: SurveySource,
    context: SourceContext,
    survey_id: str,
    queries: Sequence[MetricQuery],
    *,
    zone: str,
    notes: tuple[str, ...] = (),
    page: int | None = None,
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer all queries about one survey from one export of the columns that they need.

    Args:
        api: The server, or a debug bundle.
        context: The context of the call.
        survey_id: The survey.
        queries: The queries.
        zone: The time zone of the server.
        notes: Remarks about the connection, for each tally.
        page: How many ids to request at once; by default it depends on the columns.

    Raises:
        SurveyUnavailable: if the survey does not exist or is not shared.
        ResultsUnavailable: if the user may not export responses, or the survey is not active.
        ExportFailed: if responses are missing or damaged.
    """
    definitions = [query.definition for query in queries]
    survey = load_survey(api, context, survey_id, notes, only=codes_of(definitions))
    possible = []
    for query in queries:
        try:
            check_definition(query.definition, survey.questionnaire)
            _check_dates(query, survey)
        except MetricsError as error:
            yield query.id, error
        else:
            possible.append(query)
    if not possible:
        return
    columns = _columns(survey, [query.definition for query in possible])
    as_of = context.now()
    pages = export_pages(
        api, context, survey_id, [*columns.values()], page or ids_per_page(len(columns))
    )
    rows = read_rows(pages, [*columns], zone)
    context.progress(rows.height, rows.height, "Counting the responses")
    yield from answer_queries(rows, possible, survey.questionnaire, row_reader(survey), as_of=as_of)


def _check_dates(query: MetricQuery, survey: LoadedSurvey) -> None:
    """Refuse a query that needs dates, of a survey that stores none."""
    group_by = query.definition.group_by
    by_period = group_by is not None and group_by.kind == "period"
    in_range = any(one.start is not None or one.end is not None for one in query.windows)
    if survey.has_dates or not (by_period or in_range):
        return
    error = GroupingRefused if by_period else CalculationRefused
    raise error(
        "The survey stores no dates, so its responses belong to no period.",
        remedy="Use the range “All time”, without a period. To have dates, copy the survey in "
        "LimeSurvey and switch on “Date stamp” before the copy is activated.",
    )


def _columns(survey: LoadedSurvey, definitions: Sequence[Definition]) -> Mapping[str, Column]:
    """Return the columns that metrics need, by heading."""
    expressions = []
    for one in definitions:
        uses: list[tuple[str, str]] = [*((each.kind, each.of) for each in one.filters)]
        if one.question_id is not None:
            uses.append(("question", one.question_id))
        parts = (one.group_by, one.weight)
        uses += [(part.kind, part.of) for part in parts if part is not None and part.of]
        for kind, of in uses:
            if kind == "field":
                expressions.append(survey.readings.fields[of])
            elif kind == "question":
                answer = survey.readings.answers[of]
                expressions += answer.values() if isinstance(answer, Mapping) else [answer]
    names = [ID, SUBMITTED, *([LAST_ACTION] if survey.has_dates else [])]
    names += [name for each in expressions for name in each.meta.root_names()]
    return {name: survey.columns[name] for name in names}
