"""Mutants with faults in lists, downloads and addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials, encoded

Context = sm.SourceContext
Mine = HttpSourceCredentials


class DetectsOnlyLinkToItself(HttpSource):
    """Detects only a page that links to itself."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        while url:
            page = self.send(context, credentials, url)
            yield from self.listed(self.read_body(page))
            following = self.next_url(page)
            if following == url:
                raise sm.SourceUnavailable("Remote sent a list that never ends.")
            url = following


class DetectsOnlyLinkToPreviousPage(HttpSource):
    """Ends a list at a link to any page but the previous one."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        followed: list[str] = []
        while url and url not in followed[:-1]:
            if followed and url == followed[-1]:
                raise sm.SourceUnavailable("Remote sent a list that never ends.")
            followed.append(url)
            page = self.send(context, credentials, url)
            yield from self.listed(self.read_body(page))
            url = self.next_url(page)


class ReportsNoProgress(HttpSource):
    """Never reports its progress."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Iterator[tuple[str, sm.Tally | sm.MetricsError]]:
        silent = sm.SourceContext(
            http=context.http,
            deadline=context.deadline,
            destinations=context.destinations,
            folder=context.folder,
            clock=context.clock,
        )
        return super().fetch_metric(credentials, silent, survey_id, queries)


class ReportsProgressInBundlesOnly(ReportsNoProgress):
    """Reports its progress only while it writes a bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        context.progress(0, None, "Reading responses")
        return super().bundle_rows(context, credentials, survey_id)


class RequestsOneLargePage(HttpSource):
    """Requests more responses at once than the account has."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        path = f"/v1/surveys/{encoded(survey_id)}/responses?size=1000"
        return list(self.items(context, credentials, path))


class ReadsOneLargePage(HttpSource):
    """Reads only the first page of responses, which is larger than the account."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        path = f"/v1/surveys/{encoded(survey_id)}/responses?size=1000"
        return self.listed(self.get(context, credentials, path))


class IdInPath(HttpSource):
    """Puts the id of a survey into a path without encoding it."""

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        found = self.get(context, credentials, f"/v1/surveys/{survey_id}/questions")
        questions = tuple(self.question(**one) for one in found["questions"])
        fields = (sm.EmbeddedField(name="region"),)
        return sm.Questionnaire(
            survey=self.survey(found["survey"]), questions=questions, fields=fields
        )


class IdInQuery(HttpSource):
    """Puts the id of a survey into a query without encoding it."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        self.send(context, credentials, f"/v1/me?survey={survey_id}")
        return super().rows(context, credentials, survey_id)

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        self.send(context, credentials, f"/v1/me?survey={survey_id}")
        return super().questionnaire(context, credentials, survey_id)


class FailsWithoutResponses(HttpSource):
    """Reports a survey without responses as a failed export."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        rows = super().rows(context, credentials, survey_id)
        if not rows:
            raise sm.ExportFailed("Remote sent no responses.")
        return rows


class FailsWithoutQuestions(HttpSource):
    """Fails with a bug in a survey without questions."""

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        found = super().questionnaire(context, credentials, survey_id)
        first, *others = found.questions
        return found.model_copy(update={"questions": (first, *others)})


class ForgetsTimeOfExcluded(HttpSource):
    """Reads no time of excluded responses."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        rows = super().rows(context, credentials, survey_id)
        return [{**row, "at": None} if row["left_out"] else row for row in rows]


class ExcludedWhenTheyStarted(HttpSource):
    """Reads the time at which excluded responses started."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        rows = super().rows(context, credentials, survey_id)
        return [
            {**row, "at": row["at"].replace("2026-03", "2026-01")} if row["left_out"] else row
            for row in rows
        ]


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_a_pagination_loop_ends_in_an_error": (
        DetectsOnlyLinkToItself,
        DetectsOnlyLinkToPreviousPage,
    ),
    "test_a_long_download_reports_its_progress": (ReportsNoProgress, ReportsProgressInBundlesOnly),
    "test_responses_come_in_several_requests": (RequestsOneLargePage, ReadsOneLargePage),
    "test_a_survey_id_of_foreign_shape_is_reported": (IdInPath, IdInQuery),
    "test_an_empty_survey_counts_zero": (FailsWithoutResponses, FailsWithoutQuestions),
    "test_excluded_responses_belong_to_their_date_range": (
        ForgetsTimeOfExcluded,
        ExcludedWhenTheyStarted,
    ),
}
