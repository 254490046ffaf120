"""Mutants with a fault in the debug bundle or in the pagination of responses."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from tests.contract_suite.mutants.http_source import ADDRESS, HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials
Rows = list[dict[str, Any]]


class ExportsPartialRows(HttpSource):
    """Writes incomplete responses into the bundle after an error."""

    caught: type[sm.MetricsError] = sm.RemoteError

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        found: Rows = []
        try:
            for row in self.items(context, credentials, f"/v1/surveys/{survey_id}/responses"):
                found.append(row)
        except self.caught:
            pass
        return found


class ExportsPartialRowsWhenCancelled(ExportsPartialRows):
    """Writes incomplete responses into the bundle after a cancellation."""

    caught = sm.Cancelled


class ExportsPartialRowsAfterDeadline(ExportsPartialRows):
    """Writes incomplete responses into the bundle after the deadline."""

    caught = sm.DeadlineExceeded


class ExportsEmptyBundleFor404(HttpSource):
    """Writes an empty bundle for an unknown survey."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        try:
            super().debug_export(credentials, context, survey_id, bundle)
        except sm.SurveyUnavailable:
            bundle.add_json("definition.json", {})


class ExportReportsOutageFor401(HttpSource):
    """Reports a rejected token as an outage while it writes the bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        try:
            return super().bundle_rows(context, credentials, survey_id)
        except sm.CredentialRefused:
            raise sm.SourceUnavailable("Remote is down.") from None


class ExportLogsToken(HttpSource):
    """Logs the token when the bundle fails."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        try:
            return super().bundle_rows(context, credentials, survey_id)
        except sm.SourceUnavailable:
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").warning("no bundle with %s", token)
            raise


class ExportRetriesAfterErrors(HttpSource):
    """Retries the responses for the bundle after any error."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        try:
            return super().bundle_rows(context, credentials, survey_id)
        except sm.RemoteError:
            return super().bundle_rows(context, credentials, survey_id)


class ExportSleeps(HttpSource):
    """Sleeps before it writes the bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        time.sleep(1)
        return super().bundle_rows(context, credentials, survey_id)


class ExportCachesRows(HttpSource):
    """Caches the responses for the next bundle."""

    def __init__(self) -> None:
        self.cached: dict[str, Rows] = {}

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        if survey_id not in self.cached:
            self.cached[survey_id] = super().bundle_rows(context, credentials, survey_id)
        return self.cached[survey_id]


class ExportsCountedRowsOnly(HttpSource):
    """Writes only the counted responses into the bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        rows = super().bundle_rows(context, credentials, survey_id)
        return [row for row in rows if row["left_out"] is None]


class ExportsFirstAndLast(HttpSource):
    """Writes the first and the last page into the bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        rows = super().bundle_rows(context, credentials, survey_id)
        return [*rows[:30], *rows[60:]]


class ExportsNoAnswers(HttpSource):
    """Writes responses without their answers into the bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        rows = super().bundle_rows(context, credentials, survey_id)
        return [{k: v for k, v in row.items() if k not in {"nps", "ease"}} for row in rows]


class ExportsEmptyDefinition(HttpSource):
    """Writes a definition without questions into the bundle."""

    def bundle_definition(self, context: Context, credentials: Mine, survey_id: str) -> object:
        return self.questionnaire(context, credentials, survey_id).survey


class ExportsOtherDefinition(HttpSource):
    """Writes the definition of another survey into the bundle."""

    def bundle_definition(self, context: Context, credentials: Mine, survey_id: str) -> object:
        return super().bundle_definition(context, credentials, "R1")


class PersonalTextAsUtf16(HttpSource):
    """Writes a personal text into the bundle as UTF-16."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        with bundle.open("from.txt") as file:
            file.write(ADDRESS.encode("utf-16"))


class PersonalTextAsFileName(HttpSource):
    """Names a file of the bundle after a respondent."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text(f"{ADDRESS}.txt", "a respondent")


class ReversedTokenAsFileName(HttpSource):
    """Names a file of the bundle after the reversed token."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text(f"{credentials.api_token.get_secret_value()[::-1]}.txt", "sent")


class EndlessRowPages(HttpSource):
    """Follows a pagination loop of responses forever, and drops duplicates."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        url: str | None = f"/v1/surveys/{survey_id}/responses"
        found: list[Any] = []
        while self.is_next(url):
            page: httpx.Response = self.send(context, credentials, url or "")
            found += [one for one in self.listed(self.read_body(page)) if one not in found]
            url = self.next_url(page)
        return found

    def is_next(self, url: str | None) -> bool:
        """Whether to read a page."""
        return url is not None


class RowPaginationLoopAsComplete(EndlessRowPages):
    """Treats the responses as complete at a pagination loop."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Any:  # noqa: ANN401  # The type of the overridden hook.
        self.seen = set[str | None]()
        return super().fetch_metric(credentials, context, survey_id, queries)

    def is_next(self, url: str | None) -> bool:
        fresh = url not in self.seen
        self.seen.add(url)
        return super().is_next(url) and fresh


class PersonalColumnsInBundle(HttpSource):
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


class BundlesTheFirstPage(HttpSource):
    """Writes only the first page of the responses into the bundle."""

    def bundle_rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        found = self.get(context, credentials, f"/v1/surveys/{survey_id}/responses")
        return self.listed(found)


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_an_outage_is_reported": (ExportsPartialRows,),
    "test_a_cancellation_is_obeyed": (ExportsPartialRowsWhenCancelled,),
    "test_the_deadline_is_kept": (ExportsPartialRowsAfterDeadline,),
    "test_a_missing_resource_is_reported": (ExportsEmptyBundleFor404,),
    "test_a_rejected_secret_is_reported_at_once": (ExportReportsOutageFor401,),
    "test_no_credential_is_leaked": (ExportLogsToken,),
    "test_retries_are_left_to_the_client": (ExportRetriesAfterErrors,),
    "test_waiting_is_left_to_the_context": (ExportSleeps,),
    "test_a_call_leaves_no_state_behind": (ExportCachesRows,),
    "test_the_debug_bundle_is_complete": (
        BundlesAnotherSurvey,
        BundlesTheFirstPage,
        ExportsCountedRowsOnly,
        ExportsFirstAndLast,
        ExportsNoAnswers,
        ExportsEmptyDefinition,
        ExportsOtherDefinition,
    ),
    "test_the_debug_bundle_is_clean": (
        PersonalColumnsInBundle,
        TokenInBundle,
        PersonalTextAsUtf16,
        PersonalTextAsFileName,
        ReversedTokenAsFileName,
    ),
    "test_a_pagination_loop_ends_in_an_error": (EndlessRowPages, RowPaginationLoopAsComplete),
}
