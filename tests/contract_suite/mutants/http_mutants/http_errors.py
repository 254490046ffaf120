"""Sources over HTTP with one fault each, in how they ask and in what they make of refusals."""

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
    """Calls a 401 an outage."""

    def answered(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON, here and below.
        if response.status_code == 401:
            raise sm.SourceUnavailable("Remote is down.")
        return super().answered(response)


class Retries401(HttpSource):
    """Asks once more when the token was refused."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        first = super().send(context, credentials, path)
        return first if first.status_code != 401 else super().send(context, credentials, path)


class NothingFor401(HttpSource):
    """Gives an empty list when the token was refused."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        try:
            yield from super().items(context, credentials, path)
        except sm.CredentialRefused:
            return


class OutageFor403(HttpSource):
    """Calls a missing permission an outage."""

    def answered(self, response: httpx.Response) -> Any:  # noqa: ANN401
        if response.status_code == 403:
            raise sm.SourceUnavailable("Remote is down.")
        return super().answered(response)


class TokenFor404(HttpSource):
    """Takes what is not there for a refused token."""

    def answered(self, response: httpx.Response) -> Any:  # noqa: ANN401
        if response.status_code == 404:
            raise sm.CredentialRefused("Remote does not accept the token.")
        return super().answered(response)


class NothingFor404(HttpSource):
    """Counts nobody where the survey is gone."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        try:
            return super().rows(context, credentials, survey_id)
        except sm.SurveyUnavailable:
            return []


class Swallows(HttpSource):
    """Gives what it has when something goes wrong on the way."""

    caught: type[sm.MetricsError] = sm.MetricsError

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        try:
            yield from super().items(context, credentials, path)
        except self.caught:
            return


class Swallows429(Swallows):
    """Gives what it has when it was asked to wait."""

    caught = sm.RateLimited


class Swallows5xx(Swallows):
    """Gives what it has during an outage."""

    caught = sm.SourceUnavailable


class SwallowsSilence(Swallows):
    """Takes the pages that came before the network failed for all of them."""

    caught = sm.Unreachable


class SwallowsDeadline(Swallows):
    """Gives what it has when the time is over."""

    caught = sm.DeadlineExceeded


class SwallowsCancellation(Swallows):
    """Goes on with what it has when it was asked to stop."""

    caught = sm.Cancelled


class OutageForDeadline(HttpSource):
    """Calls the end of its time an outage."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except (sm.DeadlineExceeded, sm.Cancelled):
            raise sm.SourceUnavailable("Remote is down.") from None


class TokenForOutage(HttpSource):
    """Takes an outage for a refused token."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.SourceUnavailable:
            raise sm.CredentialRefused("Remote does not accept the token.") from None


class ZeroForOutage(HttpSource):
    """Counts nobody during an outage."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        try:
            return super().rows(context, credentials, survey_id)
        except sm.SourceUnavailable:
            return []


class BelievesAnything(HttpSource):
    """Reads JSON without looking at what it is."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        return response.json()


class NothingForNonsense(HttpSource):
    """Takes an answer that it does not understand for an empty one."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        try:
            return super().parsed(response)
        except sm.SourceUnavailable:
            return {"items": [], "survey": {"id": "R3", "name": "Remote survey 3"}, "questions": []}


class ListsLeniently(HttpSource):
    """Takes a page without a list for an empty one."""

    def listed(self, found: Any) -> list[Any]:  # noqa: ANN401
        items: list[Any] = found.get("items", [])
        return items


class TrustsFields(HttpSource):
    """Takes each field for what it should be."""

    def survey(self, found: Any) -> sm.Survey:  # noqa: ANN401
        if not isinstance(found, dict) or "name" not in found:
            raise sm.SourceUnavailable("Remote described no survey.")
        return sm.Survey(id=found["id"].strip(), name=found["name"].strip())


class AnyStatus(HttpSource):
    """Reads what comes under any status that it does not know."""

    def answered(self, response: httpx.Response) -> Any:  # noqa: ANN401
        known = response.status_code in {401, 403, 404}
        return super().answered(response) if known else self.parsed(response)


class SalvagesHalves(HttpSource):
    """Picks whole items out of half an answer."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        try:
            return super().parsed(response)
        except sm.SourceUnavailable:
            text = response.text
            if not text.startswith('{"items"'):
                raise
            found = re.findall(r'\{"id":"(\w+)","name":"([^"]+)"\}', text)
            return {"items": [{"id": one, "name": name} for one, name in found]}

    def following(self, page: httpx.Response) -> str | None:
        try:
            return super().following(page)
        except ValueError:
            return None


class NothingForEmpty(HttpSource):
    """Takes an empty answer for an empty list."""

    def parsed(self, response: httpx.Response) -> Any:  # noqa: ANN401
        return super().parsed(response) if response.content else {"items": [], "next": None}

    def following(self, page: httpx.Response) -> str | None:
        return super().following(page) if page.content else None


class FirstPage(HttpSource):
    """Reads the first page of every list."""

    def following(self, page: httpx.Response) -> str | None:
        return None


class FirstPageOfRows(HttpSource):
    """Reads the first page of the responses."""

    def rows(self, context: Context, credentials: Mine, survey_id: str) -> list[Any]:
        path = f"/v1/surveys/{survey_id}/responses"
        return self.listed(self.get(context, credentials, path))


class EndlessPages(HttpSource):
    """Follows a list wherever it leads, and leaves out what it has seen."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        seen: list[Any] = []
        while url:
            page = self.send(context, credentials, url)
            for item in self.listed(self.answered(page)):
                if item not in seen:
                    seen.append(item)
                    yield item
            url = self.following(page)


class CircleAsComplete(HttpSource):
    """Ends a list where it leads back to a page already read, as if it were complete."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        seen: list[Any] = []
        followed = set[str]()
        while url and url not in followed:
            followed.add(url)
            page = self.send(context, credentials, url)
            for item in self.listed(self.answered(page)):
                if item not in seen:
                    seen.append(item)
                    yield item
            url = self.following(page)


class Sleeps(HttpSource):
    """Waits by itself between two requests."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        time.sleep(1)
        return super().send(context, credentials, path)


class OwnClient(HttpSource):
    """Asks with a client of its own."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        with httpx.Client(
            transport=httpx.MockTransport(server), base_url="https://api.remote.example.com"
        ) as client:
            return client.get(path, auth=self.auth(credentials))

    def reach(self, context: Context, credentials: Mine) -> None:
        """See nobody."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        while url:
            page = self.send(context, credentials, url)
            yield from self.listed(self.answered(page))
            url = self.following(page)


class Impatient(HttpSource):
    """Gives up when an answer takes a few seconds."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        asked = context.clock.monotonic()
        response = super().send(context, credentials, path)
        if context.clock.monotonic() - asked > 5:
            raise sm.SourceUnavailable("Remote is too slow.")
        return response

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        url: str | None = path
        while url:
            page = self.send(context, credentials, url)
            yield from self.listed(self.answered(page))
            url = self.following(page)


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_a_refused_secret_is_said_at_once": (OutageFor401, Retries401, NothingFor401),
    "test_a_forbidden_answer_is_no_outage": (OutageFor403,),
    "test_what_is_not_found_is_said": (TokenFor404, NothingFor404),
    "test_too_many_requests_are_said_when_the_pause_is_long": (Swallows429,),
    "test_too_many_requests_are_waited_for_when_the_pause_is_short": (Impatient,),
    "test_an_outage_is_called_one": (Swallows5xx, TokenForOutage, ZeroForOutage),
    "test_a_silent_network_is_told": (SwallowsSilence, Swallows),
    "test_a_malformed_answer_is_refused": (
        BelievesAnything,
        NothingForNonsense,
        ListsLeniently,
    ),
    "test_an_unexpected_status_is_no_answer": (AnyStatus,),
    "test_a_hollow_answer_is_no_bug": (TrustsFields,),
    "test_a_truncated_answer_is_refused": (SalvagesHalves,),
    "test_an_empty_answer_is_refused": (NothingForEmpty,),
    "test_the_list_of_surveys_is_complete": (FirstPage,),
    "test_the_numbers_are_those_of_the_account": (FirstPageOfRows,),
    "test_a_list_that_leads_in_a_circle_ends": (EndlessPages, CircleAsComplete),
    "test_the_deadline_is_kept": (SwallowsDeadline, OutageForDeadline),
    "test_a_cancellation_is_obeyed": (SwallowsCancellation,),
    "test_waiting_is_left_to_the_context": (Sleeps,),
    "test_everything_is_asked_with_the_given_client": (OwnClient,),
}
