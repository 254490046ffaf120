"""Mutants that leak the token or send it too early."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final
from weakref import finalize

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.http import pages
from tests.contract_suite.mutants.http_source import (
    AUTHENTICATE,
    REACH,
    HttpSource,
    HttpSourceCredentials,
)

Context = sm.SourceContext
Mine = HttpSourceCredentials


class TokenInAddress(HttpSource):
    """Also sends the token in the URL."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        token = credentials.api_token.get_secret_value()
        return super().send(context, credentials, f"{path}?token={token}")


class TokenInProgress(HttpSource):
    """Reports the token in its progress."""

    def progress_text(self, credentials: Mine) -> str:
        return f"Reading with {credentials.api_token.get_secret_value()}"


class TokenInLogOfOutage(HttpSource):
    """Logs the headers during an outage."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.SourceUnavailable:
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").warning("failed with headers %s", {"authorization": token})
            raise


class PrintsToken(HttpSource):
    """Prints the token."""

    def auth(self, credentials: Mine) -> httpx.Auth:
        print(f"Bearer {credentials.api_token.get_secret_value()}")  # noqa: T201  # The fault.
        return super().auth(credentials)


class TokenInFile(HttpSource):
    """Writes the token to a file."""

    def __init__(self) -> None:
        self.folder = mkdtemp()
        finalize(self, rmtree, self.folder)

    def auth(self, credentials: Mine) -> httpx.Auth:
        kept = Path(self.folder, "session.json")
        kept.write_text(credentials.api_token.get_secret_value(), encoding="utf-8")
        return super().auth(credentials)


class SendsTokenFirst(HttpSource):
    """Sends the token without identifying the service."""

    def reach(self, context: Context, credentials: Mine) -> None:
        self.send(context, credentials, "/v1/me")


class SendsTokenAfterWebPage(HttpSource):
    """Sends the token after any response to the request without it."""

    def reach(self, context: Context, credentials: Mine) -> None:
        context.http.get("/v1/me")


class PassesEveryStep(HttpSource):
    """Passes every check step."""

    @sm.hookimpl
    def validate_credentials(
        self, credentials: Mine, context: Context
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        yield REACH
        yield AUTHENTICATE


class ChecksPublicResource(HttpSource):
    """Checks the token on a public resource."""

    @sm.hookimpl
    def validate_credentials(
        self, credentials: Mine, context: Context
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        yield REACH
        self.reach(context, credentials)
        yield AUTHENTICATE
        context.http.get("/v1/me")


class HeadersInLog(HttpSource):
    """Sends the token as an ordinary header, and logs the request."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {credentials.api_token.get_secret_value()}"}
        logging.getLogger("remote").debug("sending %s", headers)
        return context.http.get(path, headers=headers)

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        client = context.http
        for page in pages(client, path, self.next_url, auth=self.auth(credentials)):
            yield from self.listed(self.read_body(page))


class TokenInErrorMessage(HttpSource):
    """Puts the token into an error message."""

    def read_body(self, response: httpx.Response) -> Any:  # noqa: ANN401
        if response.status_code == 403:
            sent = response.request.extensions
            raise sm.AccessMissing(f"Refused: {self.token} {len(sent)}", remedy="Ask.")
        return super().read_body(response)

    def auth(self, credentials: Mine) -> httpx.Auth:
        self.token = SecretStr(credentials.api_token.get_secret_value()).get_secret_value()
        return super().auth(credentials)


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_the_secret_is_sent_to_the_right_service_only": (SendsTokenFirst, SendsTokenAfterWebPage),
    "test_no_credential_is_leaked": (
        TokenInAddress,
        TokenInProgress,
        TokenInLogOfOutage,
        PrintsToken,
        TokenInFile,
        HeadersInLog,
        TokenInErrorMessage,
    ),
    "test_wrong_credentials_are_refused": (PassesEveryStep, ChecksPublicResource),
}
