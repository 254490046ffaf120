"""Sources over HTTP with one fault each, in how often they ask and whom they blame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class TokenFor403(HttpSource):
    """Takes a missing permission for a refused token."""

    def answered(self, response: httpx.Response) -> Any:  # noqa: ANN401  # JSON.
        if response.status_code == 403:
            raise sm.CredentialRefused("Remote does not accept the token.")
        return super().answered(response)


class Insists(HttpSource):
    """Asks once more, whatever went wrong."""

    caught: type[sm.MetricsError] = sm.RemoteError

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except self.caught:
            return super().send(context, credentials, path)


class InsistsDuringOutage(Insists):
    """Asks once more during an outage."""

    caught = sm.SourceUnavailable


class InsistsWhenSilent(Insists):
    """Asks once more when no answer came."""

    caught = sm.Unreachable


class InsistsWhenLimited(Insists):
    """Asks once more when it was asked to wait for hours."""

    caught = sm.RateLimited


class InsistsWhenForbidden(HttpSource):
    """Asks once more when it may not."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        first = super().send(context, credentials, path)
        return first if first.status_code != 403 else super().send(context, credentials, path)


class InsistsForEver(HttpSource):
    """Asks during an outage until it is over, with pauses."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        while True:
            try:
                return super().send(context, credentials, path)
            except sm.SourceUnavailable:
                context.pause(20)


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_a_forbidden_answer_is_no_outage": (TokenFor403,),
    "test_retries_are_left_to_the_client": (
        Insists,
        InsistsDuringOutage,
        InsistsWhenSilent,
        InsistsWhenLimited,
        InsistsWhenForbidden,
        InsistsForEver,
    ),
}
