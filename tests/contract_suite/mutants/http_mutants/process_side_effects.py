"""Sources over HTTP with one fault each, in what they do to the process and tell by it."""

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


class Leaving(HttpSource):
    """Does something to the process before it asks."""

    def leave(self, token: str) -> None:
        """Do it."""
        raise NotImplementedError

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        self.leave(credentials.api_token.get_secret_value())
        return super().send(context, credentials, path)


class ChangesFolder(Leaving):
    """Changes the working directory."""

    def leave(self, token: str) -> None:
        os.chdir(os.sep)


class ChangesZone(Leaving):
    """Sets the time zone of the process."""

    def leave(self, token: str) -> None:
        os.environ["TZ"] = "UTC"


class ChangesTimeout(Leaving):
    """Sets the timeout of all sockets."""

    def leave(self, token: str) -> None:
        socket.setdefaulttimeout(30)


class ChangesLogs(Leaving):
    """Takes over the logs of the process."""

    def leave(self, token: str) -> None:
        logging.basicConfig(level=logging.INFO, force=True)


class ChangesLocale(Leaving):
    """Sets the locale of the process."""

    def leave(self, token: str) -> None:
        other = "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8"
        locale.setlocale(locale.LC_ALL, other)


class StartsProcess(Leaving):
    """Hands the token to another process."""

    def leave(self, token: str) -> None:
        subprocess.run([sys.executable, "-c", "", token], check=True)  # The fault.


class LogsApart(Leaving):
    """Logs the token with a logger that hands nothing on."""

    def leave(self, token: str) -> None:
        logger = logging.getLogger("remote.apart")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        logger.warning("sending %s", token)


class LogsAtTheEnd(HttpSource):
    """Logs the token when its time is over, or it is asked to stop."""

    def items(self, context: Context, credentials: Mine, path: str) -> Iterator[Any]:
        try:
            yield from super().items(context, credentials, path)
        except (sm.DeadlineExceeded, sm.Cancelled):
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").warning("stopped with %s", token)
            raise


class LogsAfterAPause(HttpSource):
    """Logs the token when an answer takes a few seconds."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        asked = context.clock.monotonic()
        response = super().send(context, credentials, path)
        if context.clock.monotonic() - asked > 5:
            token = credentials.api_token.get_secret_value()
            logging.getLogger("remote").info("slow with %s", token)
        return response


class ShowsTokenToAnyJson(HttpSource):
    """Goes on with the token whatever JSON was answered without it."""

    def reach(self, context: Context, credentials: Mine) -> None:
        if "html" in context.http.get("/v1/me").headers.get("content-type", ""):
            raise sm.Unreachable("A web page answers there.")


class RestsForNoTime(HttpSource):
    """Loses until when it was asked to rest."""

    def send(self, context: Context, credentials: Mine, path: str) -> httpx.Response:
        try:
            return super().send(context, credentials, path)
        except sm.RateLimited:
            raise sm.RateLimited("Too many requests.") from None


class PlainCredentials(sm.Credentials):
    """A token that is no secret."""

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
    "test_a_call_leaves_nothing_behind": (
        ChangesFolder,
        ChangesZone,
        ChangesTimeout,
        ChangesLogs,
        ChangesLocale,
    ),
    "test_no_credential_is_told": (StartsProcess, LogsApart),
    "test_a_cancellation_is_obeyed": (LogsAtTheEnd,),
    "test_too_many_requests_are_waited_for_when_the_pause_is_short": (LogsAfterAPause,),
    "test_too_many_requests_are_said_when_the_pause_is_long": (RestsForNoTime,),
    "test_a_secret_is_shown_to_the_right_service_alone": (ShowsTokenToAnyJson,),
    "test_wrong_credentials_are_never_called_an_outage": (TakesPlainToken,),
}
