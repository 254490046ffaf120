"""Mutants with a fault in their requests or their error handling."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials, server

Context = sm.SourceContext
Mine = HttpSourceCredentials


class OutageFor401(HttpSource):
    """Reports a 401 as an outage."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON, here and below.
        if response.status_code == 401:
            raise sm.SourceUnavailable("Remote is down.")
        return super().read_body(response)


class Retries401(HttpSource):
    """Retries after a rejected token."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        first = super().send(context, credentials, path)
        return first if first.status_code != 401 else super().send(context, credentials, path)


class EmptyListFor401(HttpSource):
    """Returns an empty list for a rejected token."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        try:
            yield from super().items(context, credentials, path)
        except sm.CredentialRefused:
            return


class OutageFor403(HttpSource):
    """Reports a missing permission as an outage."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401
        if response.status_code == 403:
            raise sm.SourceUnavailable("Remote is down.")
        return super().read_body(response)


class CredentialErrorFor404(HttpSource):
    """Reports a 404 as a rejected token."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401
        if response.status_code == 404:
            raise sm.CredentialRefused("Remote rejected the token.")
        return super().read_body(response)


class ZeroFor404(HttpSource):
    """Counts zero for a deleted survey."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        try:
            return super().rows(context, credentials, survey_id)
        except sm.SurveyUnavailable:
            return []


class IgnoresErrors(HttpSource):
    """Returns partial data after any error."""

    caught: type[sm.MetricsError] = sm.MetricsError

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        try:
            yield from super().items(context, credentials, path)
        except self.caught:
            return


class IgnoresRateLimits(IgnoresErrors):
    """Returns partial data after a rate limit."""

    caught = sm.RateLimited


class IgnoresOutages(IgnoresErrors):
    """Returns partial data during an outage."""

    caught = sm.SourceUnavailable


class IgnoresNetworkErrors(IgnoresErrors):
    """Returns partial data after a network error."""

    caught = sm.Unreachable


class IgnoresDeadline(IgnoresErrors):
    """Returns partial data after the deadline."""

    caught = sm.DeadlineExceeded


class IgnoresCancellation(IgnoresErrors):
    """Returns partial data after a cancellation."""

    caught = sm.Cancelled


class OutageForDeadline(HttpSource):
    """Reports the deadline as an outage."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except (sm.DeadlineExceeded, sm.Cancelled):
            raise sm.SourceUnavailable("Remote is down.") from None


class CredentialErrorForOutage(HttpSource):
    """Reports an outage as a rejected token."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.SourceUnavailable:
            raise sm.CredentialRefused("Remote rejected the token.") from None


class ZeroForOutage(HttpSource):
    """Counts zero during an outage."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        try:
            return super().rows(context, credentials, survey_id)
        except sm.SourceUnavailable:
            return []


class UncheckedJson(HttpSource):
    """Reads JSON without checking its structure."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        return response.json()


class EmptyForMalformed(HttpSource):
    """Treats a malformed response as an empty one."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        try:
            return super().parsed(response)
        except sm.SourceUnavailable:
            return {"items": [], "survey": {"id": "R3", "name": "Remote survey 3"}, "questions": []}


class EmptyListForMissingField(HttpSource):
    """Treats a page without a list as an empty page."""

    def listed(self, found: Any) -> list[Any]:  # noqa: ANN401
        items: list[Any] = found.get("items", [])
        return items


class UncheckedFields(HttpSource):
    """Does not check the types of fields."""

    def survey(self, found: Any) -> sm.Survey:  # noqa: ANN401
        if not isinstance(found, dict) or "name" not in found:
            raise sm.SourceUnavailable("Remote returned an invalid survey.")
        return sm.Survey(id=found["id"].strip(), name=found["name"].strip())


class IgnoresStatus(HttpSource):
    """Reads the body of any unexpected status."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401
        known = response.status_code in {401, 403, 404}
        return super().read_body(response) if known else self.parsed(response)


class ReadsTruncatedJson(HttpSource):
    """Reads complete items from a truncated response."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        try:
            return super().parsed(response)
        except sm.SourceUnavailable:
            text = response.text
            if not text.startswith('{"items"'):
                raise
            found = re.findall(r'\{"id":"(\w+)","name":"([^"]+)"\}', text)
            return {"items": [{"id": one, "name": name} for one, name in found]}

    def next_url(self, page: httpx.Response) -> str | None:
        try:
            return super().next_url(page)
        except ValueError:
            return None


class EmptyListForEmptyBody(HttpSource):
    """Treats an empty body as an empty list."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        return super().parsed(response) if response.content else {"items": [], "next": None}

    def next_url(self, page: httpx.Response) -> str | None:
        return super().next_url(page) if page.content else None


class FirstPage(HttpSource):
    """Reads only the first page of every list."""

    def next_url(self, page: httpx.Response) -> str | None:
        return None


class FirstPageOfRows(HttpSource):
    """Reads only the first page of the responses."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        path = f"/v1/surveys/{survey_id}/responses"
        return self.listed(self.get(context, credentials, path))


class EndlessPages(HttpSource):
    """Follows a pagination loop forever, and drops duplicates."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        seen: list[Any] = []
        while url:
            page = self.send(context, credentials, url)
            for item in self.listed(self.read_body(page)):
                if item not in seen:
                    seen.append(item)
                    yield item
            url = self.next_url(page)


class PaginationLoopAsComplete(HttpSource):
    """Treats a list as complete at a pagination loop."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        seen: list[Any] = []
        followed = set[str]()
        while url and url not in followed:
            followed.add(url)
            page = self.send(context, credentials, url)
            for item in self.listed(self.read_body(page)):
                if item not in seen:
                    seen.append(item)
                    yield item
            url = self.next_url(page)


class Sleeps(HttpSource):
    """Sleeps between two requests."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        time.sleep(1)
        return super().send(context, credentials, path)


class OwnClient(HttpSource):
    """Uses its own HTTP client."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        with httpx.Client(
            transport=httpx.MockTransport(server), base_url="https://api.remote.example.com"
        ) as client:
            return client.get(path, auth=self.auth(credentials))

    def reach(self, context: Context, credentials: Mine) -> None:
        """Send no request."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        while url:
            page = self.send(context, credentials, url)
            yield from self.listed(self.read_body(page))
            url = self.next_url(page)


class NeverWaits(HttpSource):
    """Fails if a response takes a few seconds."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        started = context.clock.monotonic()
        response = super().send(context, credentials, path)
        if context.clock.monotonic() - started > 5:
            raise sm.SourceUnavailable("Remote is too slow.")
        return response

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        while url:
            page = self.send(context, credentials, url)
            yield from self.listed(self.read_body(page))
            url = self.next_url(page)


class RaisesRuntimeError(HttpSource):
    """Raises RuntimeError for a rejected token."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON.
        if response.status_code == 401:
            raise RuntimeError("401")
        return super().read_body(response)


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_a_rejected_secret_is_reported_at_once": (
        RaisesRuntimeError,
        OutageFor401,
        Retries401,
        EmptyListFor401,
    ),
    "test_a_forbidden_answer_is_no_outage": (OutageFor403,),
    "test_a_missing_resource_is_reported": (CredentialErrorFor404, ZeroFor404),
    "test_a_long_rate_limit_is_reported": (IgnoresRateLimits,),
    "test_a_short_rate_limit_is_waited_for": (NeverWaits,),
    "test_an_outage_is_reported": (IgnoresOutages, CredentialErrorForOutage, ZeroForOutage),
    "test_a_network_failure_is_reported": (IgnoresNetworkErrors, IgnoresErrors),
    "test_a_malformed_answer_is_refused": (
        UncheckedJson,
        EmptyForMalformed,
        EmptyListForMissingField,
    ),
    "test_an_unexpected_status_is_no_answer": (IgnoresStatus,),
    "test_null_values_cause_no_bug": (UncheckedFields,),
    "test_a_truncated_answer_is_refused": (ReadsTruncatedJson,),
    "test_an_empty_answer_is_refused": (EmptyListForEmptyBody,),
    "test_the_list_of_surveys_is_complete": (FirstPage,),
    "test_the_numbers_are_those_of_the_account": (FirstPageOfRows,),
    "test_a_pagination_loop_ends_in_an_error": (EndlessPages, PaginationLoopAsComplete),
    "test_the_deadline_is_kept": (IgnoresDeadline, OutageForDeadline),
    "test_a_cancellation_is_obeyed": (IgnoresCancellation,),
    "test_waiting_is_left_to_the_context": (Sleeps,),
    "test_every_request_uses_the_given_client": (OwnClient,),
}
