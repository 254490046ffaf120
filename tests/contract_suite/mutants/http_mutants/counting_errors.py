"""Mutants with wrong counts, filters, date ranges or zones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import polars as pl

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class ShiftsNpsValues(HttpSource):
    """Sets the values of the answers 0 to 10 to 1 to 11."""

    def question(self, id: str, text: str, scale: Sequence[int]) -> sm.Question:  # noqa: A002
        found = super().question(id, text, scale)
        if found.kind is not sm.QuestionKind.NPS:
            return found
        choices = tuple(
            one.model_copy(update={"value": (one.value or 0) + 1}) for one in found.choices
        )
        return found.model_copy(update={"choices": choices})


class ShiftsKeys(HttpSource):
    """Counts each answer as the next higher one."""

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        shifted = [
            {**row, "nps": None if row["nps"] is None else min(row["nps"] + 1, 10)} for row in rows
        ]
        return super().frame(shifted)


class CountsTwice(HttpSource):
    """Counts the last response of each page twice."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        for number, item in enumerate(super().items(context, credentials, path), 1):
            yield item
            if "at" in item and number % 30 == 0:
                yield item


class LosesLastResponse(HttpSource):
    """Loses the last response."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        return super().rows(context, credentials, survey_id)[:-1]


class DropsTestResponses(HttpSource):
    """Drops test responses without reporting them."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        found = super().rows(context, credentials, survey_id)
        return [row for row in found if row["left_out"] is None]


class CountsTestResponses(HttpSource):
    """Counts test responses like any other."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        found = super().rows(context, credentials, survey_id)
        return [{**row, "left_out": None} for row in found]


class CountsBlanksAsZero(HttpSource):
    """Counts a missing answer as the answer 0."""

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        return super().frame(
            [{**row, "nps": 0 if row["nps"] is None else row["nps"]} for row in rows]
        )


class LocalTime(HttpSource):
    """Reads the dates of the responses in another zone."""

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        return super().frame(rows).with_columns(pl.col("at") + timedelta(hours=1))


class DaysOfUtc(HttpSource):
    """Starts days in UTC instead of the account's zone."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return query.model_copy(update={"zone": "UTC"})


class WeeksFromMonday(HttpSource):
    """Starts every week on Monday."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return query.model_copy(update={"week_start": 1})


class IgnoresFilters(HttpSource):
    """Ignores filters."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        definition = query.definition.model_copy(update={"filters": ()})
        return query.model_copy(update={"definition": definition})


class IgnoresExclude(HttpSource):
    """Treats an excluding filter as an including one."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        kept = tuple(one.model_copy(update={"exclude": False}) for one in query.definition.filters)
        definition = query.definition.model_copy(update={"filters": kept})
        return query.model_copy(update={"definition": definition})


class IgnoresInclude(HttpSource):
    """Ignores inclusions."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        definition = query.definition.model_copy(update={"include": frozenset()})
        return query.model_copy(update={"definition": definition})


class IgnoresRange(HttpSource):
    """Ignores the dates of queries."""

    def changed_query(self, query: sm.MetricQuery) -> sm.MetricQuery:
        windows = tuple(sm.Window(name=window.name) for window in query.windows)
        return query.model_copy(update={"windows": windows})


class AsOfTomorrow(HttpSource):
    """Sets as_of to tomorrow."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        for name, tally in super().fetch_metric(credentials, context, survey_id, queries):
            if isinstance(tally, sm.Tally):
                yield name, tally.model_copy(update={"as_of": tally.as_of + timedelta(days=1)})
            else:
                yield name, tally


class SkipsLastQuery(HttpSource):
    """Never answers the last query."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        return super().fetch_metric(credentials, context, survey_id, queries[:-1])


class CountsAnotherSurvey(HttpSource):
    """Counts the responses of another survey."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        del survey_id
        return super().rows(context, credentials, "R1")


class DropsAQuestion(HttpSource):
    """Drops the last question."""

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        found = super().questionnaire(context, credentials, survey_id)
        return found.model_copy(update={"questions": found.questions[:-1]})


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_nps_answers_have_the_values_0_to_10": (ShiftsNpsValues,),
    "test_the_numbers_are_those_of_the_account": (
        ShiftsKeys,
        CountsTwice,
        LosesLastResponse,
        DropsTestResponses,
        CountsTestResponses,
        CountsBlanksAsZero,
        DropsAQuestion,
        CountsAnotherSurvey,
    ),
    "test_the_start_of_a_range_counts_and_its_end_does_not": (LocalTime,),
    "test_days_are_those_of_the_zone": (DaysOfUtc,),
    "test_weeks_begin_where_the_account_says": (WeeksFromMonday,),
    "test_filters_keep_what_they_name": (IgnoresFilters, IgnoresExclude),
    "test_excluded_responses_can_be_included": (IgnoresInclude,),
    "test_two_adjacent_ranges_add_up_to_their_union": (IgnoresRange,),
    "test_each_declared_calculation_is_answered_with_a_consistent_tally": (
        AsOfTomorrow,
        SkipsLastQuery,
    ),
}
