"""Sources over HTTP with one fault each, in what they keep and in what they count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import httpx
import polars as pl

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class KeepsToken(HttpSource):
    """Uses the first token that it was ever given."""

    kept: HttpSourceCredentials | None = None

    def auth(self, credentials: Mine) -> httpx.Auth:
        self.kept = self.kept or credentials
        return super().auth(self.kept)


class UsesLatestToken(HttpSource):
    """Uses the token of whoever called last."""

    latest: HttpSourceCredentials | None = None

    def auth(self, credentials: Mine) -> httpx.Auth:
        self.latest = credentials
        return super().auth(credentials)

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        self.auth(credentials)
        url: str | None = path
        while url:
            page = context.http.get(url, auth=HttpSource.auth(self, self.latest or credentials))
            yield from self.listed(self.answered(page))
            url = self.following(page)


class KeepsSurveys(HttpSource):
    """Keeps the list of surveys for whoever asks next."""

    def __init__(self) -> None:
        self.kept: list[sm.Survey] = []

    @sm.hookimpl
    def list_surveys(self, credentials: Mine, context: Context) -> Iterator[sm.Survey]:
        if not self.kept:
            self.kept = list(super().list_surveys(credentials, context))
        yield from self.kept


class KeepsQuestionnaire(HttpSource):
    """Keeps the description of a survey, by its id."""

    def __init__(self) -> None:
        self.kept: dict[str, sm.Questionnaire] = {}

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        if survey_id not in self.kept:
            self.kept[survey_id] = super().questionnaire(context, credentials, survey_id)
        return self.kept[survey_id]


class SharesRows(HttpSource):
    """Gathers the responses of every call in one place."""

    def __init__(self) -> None:
        self.gathered: list[Any] = []

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        self.gathered = []
        for row in self.items(context, credentials, f"/v1/surveys/{survey_id}/responses"):
            self.gathered.append(row)
        return self.gathered


class AddsUp(HttpSource):
    """Adds the responses of each call to those of the one before."""

    def __init__(self) -> None:
        self.gathered: list[Any] = []

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        self.gathered += super().rows(context, credentials, survey_id)
        return self.gathered


class ShiftsLikelihood(HttpSource):
    """Gives the answers 0 to 10 the values 1 to 11."""

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
    """Counts the last response of each page once more."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        for number, item in enumerate(super().items(context, credentials, path), 1):
            yield item
            if "at" in item and number % 30 == 0:
                yield item


class LosesLast(HttpSource):
    """Loses the last response."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        return super().rows(context, credentials, survey_id)[:-1]


class HidesTests(HttpSource):
    """Drops test responses without telling."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        found = super().rows(context, credentials, survey_id)
        return [row for row in found if row["left_out"] is None]


class CountsTests(HttpSource):
    """Counts test responses like any other."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        found = super().rows(context, credentials, survey_id)
        return [{**row, "left_out": None} for row in found]


class BlanksAsZero(HttpSource):
    """Takes no answer for the answer 0."""

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        return super().frame(
            [{**row, "nps": 0 if row["nps"] is None else row["nps"]} for row in rows]
        )


class LocalTime(HttpSource):
    """Takes the dates of the responses for those of another zone."""

    def frame(self, rows: list[Any]) -> pl.DataFrame:
        return super().frame(rows).with_columns(pl.col("at") + timedelta(hours=1))


class DaysOfUtc(HttpSource):
    """Cuts days in UTC, whatever the account's zone."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return query.model_copy(update={"zone": "UTC"})


class WeeksFromMonday(HttpSource):
    """Begins every week on Monday."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        return query.model_copy(update={"week_start": 1})


class IgnoresFilters(HttpSource):
    """Takes no notice of filters."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        definition = query.definition.model_copy(update={"filters": ()})
        return query.model_copy(update={"definition": definition})


class FiltersIn(HttpSource):
    """Takes a filter that leaves out for one that keeps."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        kept = tuple(one.model_copy(update={"exclude": False}) for one in query.definition.filters)
        definition = query.definition.model_copy(update={"filters": kept})
        return query.model_copy(update={"definition": definition})


class NeverIncludes(HttpSource):
    """Leaves out what a query wants included."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        definition = query.definition.model_copy(update={"include": frozenset()})
        return query.model_copy(update={"definition": definition})


class IgnoresRange(HttpSource):
    """Counts all time, whatever dates are asked for."""

    def asked(self, query: sm.MetricQuery) -> sm.MetricQuery:
        windows = tuple(sm.Window(name=window.name) for window in query.windows)
        return query.model_copy(update={"windows": windows})


class TellsTheFuture(HttpSource):
    """Says that its data is of tomorrow."""

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


class ForgetsAQuery(HttpSource):
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


class AddressInBundle(HttpSource):
    """Writes personal columns into every bundle."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        bundle.add_json("rows.json", self.rows(context, credentials, survey_id))
        bundle.add_json("definition.json", self.questionnaire(context, credentials, survey_id))


class TokenInBundle(HttpSource):
    """Writes the token into the bundle."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text("sent.txt", credentials.api_token.get_secret_value())


class BundlesAnotherSurvey(HttpSource):
    """Writes another survey into the bundle."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        del survey_id
        super().debug_export(credentials, context, "R1", bundle)


class CountsAnotherSurvey(HttpSource):
    """Counts the responses of another survey."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        del survey_id
        return super().rows(context, credentials, "R1")


class KeepsTallies(HttpSource):
    """Asks each time, and answers what it counted first."""

    def __init__(self) -> None:
        self.kept: dict[str, sm.Tally | sm.MetricsError] = {}

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        for name, told in super().fetch_metric(credentials, context, survey_id, queries):
            yield name, self.kept.setdefault(name, told)


class DropsAQuestion(HttpSource):
    """Leaves out the last question."""

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        found = super().questionnaire(context, credentials, survey_id)
        return found.model_copy(update={"questions": found.questions[:-1]})


class RaisesABug(HttpSource):
    """Ends in an error of its own where a token is refused."""

    def answered(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON.
        if response.status_code == 401:
            raise RuntimeError("401")
        return super().answered(response)


class BundlesTheFirstPage(HttpSource):
    """Writes the first page of the responses into the bundle."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        found = self.get(context, credentials, f"/v1/surveys/{survey_id}/responses")
        return self.listed(found)


class TellsOfAnother(HttpSource):
    """Tells the token of whoever called first."""

    def __init__(self) -> None:
        self.users: list[str] = []

    def doing(self, credentials: Mine) -> str:
        self.users.append(credentials.api_token.get_secret_value())
        return f"Reading for {self.users[0]}"


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_connections_share_nothing": (KeepsToken, UsesLatestToken, KeepsSurveys, SharesRows),
    "test_a_call_leaves_nothing_behind": (KeepsQuestionnaire, AddsUp, KeepsTallies),
    "test_a_likelihood_has_the_values_0_to_10": (ShiftsLikelihood,),
    "test_the_numbers_are_those_of_the_account": (
        ShiftsKeys,
        CountsTwice,
        LosesLast,
        HidesTests,
        CountsTests,
        BlanksAsZero,
        DropsAQuestion,
        CountsAnotherSurvey,
    ),
    "test_the_start_of_a_range_counts_and_its_end_does_not": (LocalTime,),
    "test_days_are_those_of_the_zone": (DaysOfUtc,),
    "test_weeks_begin_where_the_account_says": (WeeksFromMonday,),
    "test_filters_keep_what_they_name": (IgnoresFilters, FiltersIn),
    "test_what_is_left_out_can_be_included": (NeverIncludes,),
    "test_two_adjacent_ranges_add_up_to_their_union": (IgnoresRange,),
    "test_each_declared_calculation_is_answered_with_a_consistent_tally": (
        TellsTheFuture,
        ForgetsAQuery,
    ),
    "test_the_debug_bundle_is_complete": (BundlesAnotherSurvey, BundlesTheFirstPage),
    "test_the_debug_bundle_is_clean": (AddressInBundle, TokenInBundle),
    "test_a_refused_secret_is_said_at_once": (RaisesABug,),
    "test_no_credential_is_told": (TellsOfAnother,),
}
