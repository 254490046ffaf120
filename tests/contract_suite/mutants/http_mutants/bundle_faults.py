"""Sources over HTTP with one fault each, in their debug bundle and in how they follow responses."""

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


class ExportsWhatItGot(HttpSource):
    """Writes into the bundle what came before something went wrong."""

    caught: type[sm.MetricsError] = sm.RemoteError

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        found: Rows = []
        try:
            for row in self.items(context, credentials, f"/v1/surveys/{survey_id}/responses"):
                found.append(row)
        except self.caught:
            pass
        return found


class ExportsWhenCancelled(ExportsWhatItGot):
    """Writes into the bundle what came before it was asked to stop."""

    caught = sm.Cancelled


class ExportsLate(ExportsWhatItGot):
    """Writes into the bundle what came before its time was over."""

    caught = sm.DeadlineExceeded


class ExportsNothingOfNothing(HttpSource):
    """Writes an empty bundle of a survey that is not there."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        try:
            super().debug_export(credentials, context, survey_id, bundle)
        except sm.SurveyUnavailable:
            bundle.add_json("definition.json", {})


class ExportBlamesOutage(HttpSource):
    """Calls a refused token an outage while it writes the bundle."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        try:
            return super().exported(context, credentials, survey_id)
        except sm.CredentialRefused:
            raise sm.SourceUnavailable("Remote is down.") from None


class ExportLogsToken(HttpSource):
    """Logs the token when the bundle fails."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        try:
            return super().exported(context, credentials, survey_id)
        except sm.SourceUnavailable:
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").warning("no bundle with %s", token)
            raise


class ExportInsists(HttpSource):
    """Reads the responses for the bundle once more, whatever went wrong."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        try:
            return super().exported(context, credentials, survey_id)
        except sm.RemoteError:
            return super().exported(context, credentials, survey_id)


class ExportSleeps(HttpSource):
    """Waits by itself before it writes the bundle."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        time.sleep(1)
        return super().exported(context, credentials, survey_id)


class ExportKeeps(HttpSource):
    """Keeps the responses for the next bundle."""

    def __init__(self) -> None:
        self.kept: dict[str, Rows] = {}

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        if survey_id not in self.kept:
            self.kept[survey_id] = super().exported(context, credentials, survey_id)
        return self.kept[survey_id]


class ExportsWhatCounts(HttpSource):
    """Writes into the bundle the responses that count."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        rows = super().exported(context, credentials, survey_id)
        return [row for row in rows if row["left_out"] is None]


class ExportsFirstAndLast(HttpSource):
    """Writes the first and the last page into the bundle."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        rows = super().exported(context, credentials, survey_id)
        return [*rows[:30], *rows[60:]]


class ExportsNoAnswers(HttpSource):
    """Writes responses without their answers into the bundle."""

    def exported(self, context: Context, credentials: Mine, survey_id: str) -> Rows:
        rows = super().exported(context, credentials, survey_id)
        return [{k: v for k, v in row.items() if k not in {"nps", "ease"}} for row in rows]


class DefinesNothing(HttpSource):
    """Writes a definition without questions into the bundle."""

    def defined(self, context: Context, credentials: Mine, survey_id: str) -> object:
        return self.questionnaire(context, credentials, survey_id).survey


class DefinesAnother(HttpSource):
    """Writes the definition of another survey into the bundle."""

    def defined(self, context: Context, credentials: Mine, survey_id: str) -> object:
        return super().defined(context, credentials, "R1")


class AddressInWideText(HttpSource):
    """Writes a personal text into the bundle as UTF-16."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        with bundle.open("from.txt") as file:
            file.write(ADDRESS.encode("utf-16"))


class AddressAsName(HttpSource):
    """Names a file of the bundle by a respondent."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text(f"{ADDRESS}.txt", "a respondent")


class TokenAsName(HttpSource):
    """Names a file of the bundle by the token, backwards."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text(f"{credentials.api_token.get_secret_value()[::-1]}.txt", "sent")


class EndlessRows(HttpSource):
    """Follows the pages of responses wherever they lead, and leaves out what it has seen."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        url: str | None = f"/v1/surveys/{survey_id}/responses"
        found: list[Any] = []
        while self.goes_on(url):
            page: httpx.Response = self.send(context, credentials, url or "")
            found += [one for one in self.listed(self.answered(page)) if one not in found]
            url = self.following(page)
        return found

    def goes_on(self, url: str | None) -> bool:
        """Whether to read a page."""
        return url is not None


class CircleOfRows(EndlessRows):
    """Takes the responses for complete where their pages lead back."""

    @sm.hookimpl
    def fetch_metric(
        self,
        credentials: Mine,
        context: Context,
        survey_id: str,
        queries: Sequence[sm.MetricQuery],
    ) -> Any:  # noqa: ANN401  # As the hook that it calls.
        self.seen = set[str | None]()
        return super().fetch_metric(credentials, context, survey_id, queries)

    def goes_on(self, url: str | None) -> bool:
        fresh = url not in self.seen
        self.seen.add(url)
        return super().goes_on(url) and fresh


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_an_outage_is_called_one": (ExportsWhatItGot,),
    "test_a_cancellation_is_obeyed": (ExportsWhenCancelled,),
    "test_the_deadline_is_kept": (ExportsLate,),
    "test_what_is_not_found_is_said": (ExportsNothingOfNothing,),
    "test_a_refused_secret_is_said_at_once": (ExportBlamesOutage,),
    "test_no_credential_is_told": (ExportLogsToken,),
    "test_retries_are_left_to_the_client": (ExportInsists,),
    "test_waiting_is_left_to_the_context": (ExportSleeps,),
    "test_a_call_leaves_nothing_behind": (ExportKeeps,),
    "test_the_debug_bundle_is_complete": (
        ExportsWhatCounts,
        ExportsFirstAndLast,
        ExportsNoAnswers,
        DefinesNothing,
        DefinesAnother,
    ),
    "test_the_debug_bundle_is_clean": (AddressInWideText, AddressAsName, TokenAsName),
    "test_a_list_that_leads_in_a_circle_ends": (EndlessRows, CircleOfRows),
}
