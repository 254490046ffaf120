"""Mutants that retry requests themselves, and one that misreports a 403."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class CredentialErrorFor403(HttpSource):
    """Reports a missing permission as a rejected token."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON.
        if response.status_code == 403:
            raise sm.CredentialRefused("Remote rejected the token.")
        return super().read_body(response)


class RetriesAfterErrors(HttpSource):
    """Retries after any error."""

    caught: type[sm.MetricsError] = sm.RemoteError

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except self.caught:
            return super().send(context, credentials, path)


class RetriesOutages(RetriesAfterErrors):
    """Retries during an outage."""

    caught = sm.SourceUnavailable


class RetriesNetworkErrors(RetriesAfterErrors):
    """Retries after a network error."""

    caught = sm.Unreachable


class RetriesLongRateLimits(RetriesAfterErrors):
    """Retries after a rate limit of hours."""

    caught = sm.RateLimited


class RetriesForbidden(HttpSource):
    """Retries after a 403."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        first = super().send(context, credentials, path)
        return first if first.status_code != 403 else super().send(context, credentials, path)


class RetriesForever(HttpSource):
    """Retries during an outage until it is over, with pauses."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        while True:
            try:
                return super().send(context, credentials, path)
            except sm.SourceUnavailable:
                context.pause(20)


class ReadsByPost(HttpSource):
    """Reads by POST, without declaring that this is safe to repeat."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        return context.http.post(path, auth=self.auth(credentials))


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_a_forbidden_answer_is_no_outage": (CredentialErrorFor403,),
    "test_one_failure_does_not_fail_the_answer": (ReadsByPost,),
    "test_retries_are_left_to_the_client": (
        RetriesAfterErrors,
        RetriesOutages,
        RetriesNetworkErrors,
        RetriesLongRateLimits,
        RetriesForbidden,
        RetriesForever,
    ),
}
