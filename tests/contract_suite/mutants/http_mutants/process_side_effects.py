"""Mutants with side effects on the process, or with leaks through them."""

from __future__ import annotations

import locale
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.http import header_auth
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class HasSideEffects(HttpSource):
    """Changes the process before each request."""

    def leave(self, token: str) -> None:
        """Cause the side effect."""
        raise NotImplementedError

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        self.leave(credentials.api_token.get_secret_value())
        return super().send(context, credentials, path)


class ChangesWorkingDirectory(HasSideEffects):
    """Changes the working directory."""

    def leave(self, token: str) -> None:
        os.chdir(os.sep)


class ChangesZone(HasSideEffects):
    """Sets the time zone of the process."""

    def leave(self, token: str) -> None:
        os.environ["TZ"] = "UTC"


class ChangesTimeout(HasSideEffects):
    """Sets the default timeout of sockets."""

    def leave(self, token: str) -> None:
        socket.setdefaulttimeout(30)


class ChangesLogging(HasSideEffects):
    """Changes the log level of the process."""

    def leave(self, token: str) -> None:
        logging.basicConfig(level=logging.INFO, force=True)


class ChangesLocale(HasSideEffects):
    """Sets the locale of the process."""

    def leave(self, token: str) -> None:
        other = "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"
        locale.setlocale(locale.LC_ALL, other)


class StartsProcess(HasSideEffects):
    """Passes the token to another process."""

    def leave(self, token: str) -> None:
        subprocess.run([sys.executable, "-c", "", token], check=True)  # The fault.


class LogsWithoutPropagation(HasSideEffects):
    """Logs the token with a logger that does not propagate."""

    def leave(self, token: str) -> None:
        logger = logging.getLogger("remote.apart")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        logger.warning("sending %s", token)


class LogsTokenAtDeadline(HttpSource):
    """Logs the token at the deadline or a cancellation."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        try:
            yield from super().items(context, credentials, path)
        except (sm.DeadlineExceeded, sm.Cancelled):
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").warning("stopped with %s", token)
            raise


class LogsTokenAfterRateLimit(HttpSource):
    """Logs the token if a response takes a few seconds."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        started = context.clock.monotonic()
        response = super().send(context, credentials, path)
        if context.clock.monotonic() - started > 5:
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").info("slow with %s", token)
        return response


class SendsTokenAfterAnyJson(HttpSource):
    """Sends the token after any JSON response to the request without it."""

    def reach(self, context: Context, credentials: Mine) -> None:
        if "html" in context.http.get("/v1/me").headers.get("content-type", ""):
            raise sm.Unreachable("The service returned a web page.")


class DropsRetryTime(HttpSource):
    """Drops the retry time of a rate limit."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.RateLimited:
            raise sm.RateLimited("Too many requests.") from None


class PlainCredentials(sm.Credentials):
    """A token that is not declared as a secret."""

    api_token: Annotated[str, sm.FormField(label="API token", help="Under Settings.")]


class TakesPlainToken(HttpSource):
    """Takes the token as plain text."""

    @sm.hookimpl
    def describe_source(self) -> sm.SourceDescription:
        found = super().describe_source()
        return found.model_copy(update={"credentials": PlainCredentials})

    def auth(self, credentials: Mine) -> httpx.Auth:
        return header_auth("Authorization", SecretStr(f"Bearer {credentials.api_token}"))


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_a_call_leaves_no_state_behind": (
        ChangesWorkingDirectory,
        ChangesZone,
        ChangesTimeout,
        ChangesLogging,
        ChangesLocale,
    ),
    "test_no_credential_is_leaked": (StartsProcess, LogsWithoutPropagation),
    "test_a_cancellation_is_obeyed": (LogsTokenAtDeadline,),
    "test_a_short_rate_limit_is_waited_for": (LogsTokenAfterRateLimit,),
    "test_a_long_rate_limit_is_reported": (DropsRetryTime,),
    "test_the_secret_is_sent_to_the_right_service_only": (SendsTokenAfterAnyJson,),
    "test_wrong_credentials_are_never_reported_as_an_outage": (TakesPlainToken,),
}
