"""Mutants that leak the token in another encoding."""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

import httpx

import smaply_metrics_core as sm
from smaply_metrics_core.bundle.writer import BundleWriter
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class LogsEncodedToken(HttpSource):
    """Logs an encoding of the token."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        form = self.form(credentials.api_token.get_secret_value())
        logging.getLogger("remote").debug("sending %s", form)
        return super().send(context, credentials, path)

    def form(self, token: str) -> str:
        """Return an encoding of the token."""
        return quote(f"Bearer {token}")


class LogsHex(LogsEncodedToken):
    """Logs the token as hexadecimal digits."""

    def form(self, token: str) -> str:
        return f"Bearer {token}".encode().hex().upper()


class LogsBase64(LogsEncodedToken):
    """Logs the token as in basic authentication."""

    def form(self, token: str) -> str:
        return base64.b64encode(f"user:{token}".encode()).decode()


class LogsUpperCase(LogsEncodedToken):
    """Logs the token in upper case."""

    def form(self, token: str) -> str:
        return token.upper()


class LogsReversed(LogsEncodedToken):
    """Logs the token reversed."""

    def form(self, token: str) -> str:
        return token[::-1]


class LogsSpaced(LogsEncodedToken):
    """Logs the token with a space after each character."""

    def form(self, token: str) -> str:
        return " ".join(token)


class LogsPercentEncoded(LogsEncodedToken):
    """Logs the token with every character percent-encoded."""

    def form(self, token: str) -> str:
        return "".join(f"%{byte:02x}" for byte in token.encode())


class LogsTokenAsArgument(HttpSource):
    """Adds the token to a log record as an extra attribute."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        sent = {"headers": credentials.api_token.get_secret_value()}
        logging.getLogger("remote").debug("sending", extra=sent)
        return super().send(context, credentials, path)


class TokenInEnvironment(HttpSource):
    """Leaves the token in the environment of the process."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        os.environ["REMOTE_TOKEN"] = credentials.api_token.get_secret_value()
        return super().send(context, credentials, path)


class LogsFirstHalf(LogsEncodedToken):
    """Logs the first half of the token."""

    def form(self, token: str) -> str:
        return f"{token[:12]}…"


class LogsSecondHalf(LogsEncodedToken):
    """Logs the second half of the token."""

    def form(self, token: str) -> str:
        return f"…{token[-12:]}"


class TokenInErrorAttribute(HttpSource):
    """Puts the token into an attribute of an error."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.MetricsError as error:
            error.code = credentials.api_token.get_secret_value().encode().hex()
            raise


class TokenInErrorNote(HttpSource):
    """Adds the token to an error as a note."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.MetricsError as error:
            error.add_note(credentials.api_token.get_secret_value())
            raise


class TokenInCheckNote(HttpSource):
    """Puts the token into a note of its check."""

    @sm.hookimpl
    def validate_credentials(
        self, credentials: Mine, context: Context
    ) -> Iterator[sm.CheckStep | sm.CheckNote]:
        yield from super().validate_credentials(credentials, context)
        yield sm.CheckNote(detail=f"in with {credentials.api_token.get_secret_value()[::-1]}")


class TokenInSurveyNames(HttpSource):
    """Puts the token into the name of each survey."""

    @sm.hookimpl
    def list_surveys(self, credentials: Mine, context: Context) -> Iterator[sm.Survey]:
        token = credentials.api_token.get_secret_value()
        for one in super().list_surveys(credentials, context):
            yield one.model_copy(update={"name": f"{one.name} {token.upper()}"})


class ProgressInHex(HttpSource):
    """Reports the token as hexadecimal digits in its progress."""

    def progress_text(self, credentials: Mine) -> str:
        return f"Reading with {credentials.api_token.get_secret_value().encode().hex()}"


class HexInBundle(HttpSource):
    """Writes the token into the bundle as hexadecimal digits."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text("sent.txt", credentials.api_token.get_secret_value().encode().hex())


class TokenPrefixInBundle(HttpSource):
    """Writes the start of the token into the bundle."""

    @sm.hookimpl
    def debug_export(
        self, credentials: Mine, context: Context, survey_id: str, bundle: BundleWriter
    ) -> None:
        super().debug_export(credentials, context, survey_id, bundle)
        bundle.add_text("sent.txt", f"{credentials.api_token.get_secret_value()[:12]}…")


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_no_credential_is_leaked": (
        LogsEncodedToken,
        LogsHex,
        LogsBase64,
        LogsUpperCase,
        LogsReversed,
        LogsSpaced,
        LogsPercentEncoded,
        LogsTokenAsArgument,
        TokenInEnvironment,
        LogsFirstHalf,
        LogsSecondHalf,
        TokenInErrorAttribute,
        TokenInErrorNote,
        TokenInCheckNote,
        TokenInSurveyNames,
        ProgressInHex,
    ),
    "test_the_debug_bundle_is_clean": (HexInBundle, TokenPrefixInBundle),
}
