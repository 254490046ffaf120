"""Map Qualtrics error responses to framework errors.

The HTTP status determines the error; the error code distinguishes errors with the same status. A
response with HTTP 200 can contain an error, whose status is that of its envelope. Otherwise, the
text of ``httpStatus`` can differ from the status, the body can be HTML or empty, the code can be
missing, and an older envelope format is still in use. Errors carry the message, the code and the
request id, which Qualtrics support needs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import httpx

from smaply_metrics_core import (
    AccessMissing,
    Audience,
    CredentialRefused,
    ExportFailed,
    RateLimited,
    RemoteError,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.http import read_json
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict

_NOTICE: Final = re.compile(r"use this host instead:\s*([a-z0-9.-]+?)\.?\s*$", re.IGNORECASE)
_ID: Final = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)
_STATUS: Final = re.compile(r"\s*([1-5][0-9]{2})\b", re.ASCII)
_MAX_MESSAGE: Final = 200
_MAX_HTML: Final = 2_000

_NO_TOKEN: Final = frozenset({"ATP_2", "ATC_1"})
_NO_ACCESS: Final = "AuthZ_2.0"
_INVALID: Final = "QVAL"

_MISSING: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_NOT_ALLOWED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})

REENTER: Final = (
    "Enter the current API token (in Qualtrics: Account Settings → Qualtrics IDs). If it has not "
    "changed, ask your Qualtrics administrator whether the token's user is still active."
)
ACCESS_REMEDY: Final = (
    "Ask your Qualtrics administrator to grant the token's user the permission “Access API”, which "
    "requires a licence that includes the API."
)
SHARE_REMEDY: Final = (
    "In Qualtrics, share the survey with the token's user (Collaborate) and allow it to view "
    "results. If the survey was deleted, edit the metric and choose another survey."
)
RESULTS_REMEDY: Final = (
    "In Qualtrics, under Collaborate, allow the token's user to view the survey's results "
    "(View Reports and View Results)."
)


class ApiCall(StrEnum):
    """The purpose of a request, on which the meaning of a status depends."""

    ACCOUNT = "the account"
    SURVEYS = "the list of surveys"
    DEFINITION = "the survey's definition"
    SCHEMA = "the list of response fields"
    START = "an export of responses"
    PROGRESS = "the progress of the export"
    FILE = "the exported file"


class ExportLost(ExportFailed):
    """Qualtrics failed to create an export or no longer has it; another one may succeed."""


@dataclass(frozen=True)
class Envelope:
    """The ``meta`` object of a response.

    Attributes:
        known: Whether the response has a Qualtrics envelope.
        refused: Whether it contains an error as Qualtrics sends it today.
        failed: Whether it contains an error in any form.
        status: The status in the envelope, or 0.
        code: The error code, or an empty string.
        message: The error message as plain text.
        use_host: The host that Qualtrics forwarded the request to, or an empty string.
    """

    known: bool = False
    refused: bool = False
    failed: bool = False
    status: int = 0
    code: str = ""
    message: str = ""
    request_id: str | None = None
    use_host: str = ""


def read_envelope(body: object) -> Envelope:
    """Return the envelope of a decoded response. Never raises."""
    meta = as_dict(as_dict(body).get("meta"))
    named = [meta[name] for name in ("httpStatus", "status") if name in meta]
    status = next((found for found in map(_status, named) if found), 0)
    error = meta.get("error")
    details = {"errorMessage": error} if isinstance(error, str) else as_dict(error)
    code = _id(details.get("errorCode") or meta.get("internalErrorCode")) or ""
    text = details.get("errorMessage") or meta.get("errorMessage")
    message = html_to_text(text[:_MAX_HTML])[:_MAX_MESSAGE] if isinstance(text, str) else ""
    notice = meta.get("notice")
    forwarded = _NOTICE.search(notice[-_MAX_HTML:]) if isinstance(notice, str) else None
    return Envelope(
        known=any(isinstance(value, str) for value in named),
        refused=bool(as_dict(error)),
        failed=bool(error or code or message) or status >= HTTPStatus.BAD_REQUEST,
        status=status,
        code=code,
        message=message,
        request_id=_id(meta.get("requestId") or meta.get("errorId")),
        use_host=forwarded[1].lower() if forwarded else "",
    )


def decode(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON is anything.
    """Return the decoded JSON of a response, or ``None`` if it is not JSON or exceeds a limit."""
    try:
        return read_json(response)
    except SourceUnavailable:
        return None


@dataclass(frozen=True)
class ErrorMapper:
    """Maps an error response to a framework error.

    Attributes:
        status: The HTTP status.
        envelope: The envelope of the response.
        call: The purpose of the request.
        host: The configured host.
        use_host: The host that Qualtrics forwarded this or an earlier request to, or an empty
            string.
    """

    status: int
    envelope: Envelope
    call: ApiCall
    host: str
    use_host: str

    def error(self) -> RemoteError:  # noqa: PLR0911  # One return per error.
        """Return the framework error."""
        if not self.envelope.known and not self.envelope.failed:
            return self._without_envelope()
        if self._status == HTTPStatus.UNAUTHORIZED or self.envelope.code in _NO_TOKEN:
            return self._make(CredentialRefused, "Qualtrics rejected the API token", REENTER)
        if self.envelope.code == _NO_ACCESS:
            return self._access_missing()
        if self._status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimited(
                self._sentence("Qualtrics received too many requests (HTTP 429)"),
                code=self.envelope.code or None,
                request_id=self.envelope.request_id,
            )
        match self.call:
            case ApiCall.ACCOUNT | ApiCall.SURVEYS if self._status == HTTPStatus.FORBIDDEN:
                return self._access_missing()
            case ApiCall.DEFINITION if self._status in _MISSING:
                return self._survey_unavailable()
            case ApiCall.START if self._status == HTTPStatus.NOT_FOUND:
                return self._survey_unavailable()
            case ApiCall.START if self._status in _NOT_ALLOWED:
                return self._export_refused()
            case ApiCall.PROGRESS | ApiCall.FILE if self._status in _MISSING:
                message = "The export no longer exists: it expired or was deleted"
                return self._make(ExportLost, message, None)
        return self._unexpected()

    @property
    def _status(self) -> int:
        """The HTTP status, or that of an error in a response with HTTP 200."""
        failed = self.envelope.status >= HTTPStatus.BAD_REQUEST
        return self.envelope.status if failed and self.status == HTTPStatus.OK else self.status

    def _without_envelope(self) -> RemoteError:
        """Return the error for a response that may not come from Qualtrics."""
        return self._make(
            Unreachable if self.status == HTTPStatus.FORBIDDEN else SourceUnavailable,
            f"{self.host} returned HTTP {self.status} without a reason",
            "Check the Base URL, and whether a firewall or proxy blocks the request; otherwise try "
            "again in a few minutes.",
        )

    def _access_missing(self) -> RemoteError:
        return self._make(
            AccessMissing, "The token's user has no access to the Qualtrics API", ACCESS_REMEDY
        )

    def _survey_unavailable(self) -> RemoteError:
        return self._make(
            SurveyUnavailable,
            "The survey does not exist, or it is not shared with the token's user",
            SHARE_REMEDY,
        )

    def _export_refused(self) -> RemoteError:
        if self.use_host:
            error = wrong_host(self.host, self.use_host)
            return self._make(RemoteError, error.message, error.remedy)
        if self.envelope.code.startswith(_INVALID):
            return self._make(
                ExportFailed,
                "Qualtrics rejected the export request",
                "Send the debug bundle to support.",
                Audience.ADMIN,
            )
        return self._make(
            ResultsUnavailable,
            "The survey exists, but the token's user is not allowed to view its results",
            RESULTS_REMEDY,
        )

    def _unexpected(self) -> RemoteError:
        if self._status < HTTPStatus.BAD_REQUEST and not self.envelope.failed:
            what = f"Qualtrics did not return {self.call} (HTTP {self._status})"
        elif self._status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            what = f"Qualtrics is temporarily unavailable (HTTP {self._status})"
        else:
            what = f"Qualtrics rejected the request for {self.call} (HTTP {self._status})"
        return self._make(
            SourceUnavailable,
            what,
            "Try again in a few minutes; if the error persists, send the debug bundle to support.",
        )

    def _make(
        self,
        kind: type[RemoteError],
        message: str,
        remedy: str | None,
        audience: Audience | None = None,
    ) -> RemoteError:
        return kind(
            self._sentence(message),
            remedy=remedy,
            audience=audience,
            code=self.envelope.code or None,
            request_id=self.envelope.request_id,
        )

    def _sentence(self, message: str) -> str:
        """Return our message and, if there is one, that of Qualtrics, which is more specific."""
        return (
            ": ".join(filter(None, (message.rstrip("."), self.envelope.message.rstrip(".")))) + "."
        )


def wrong_host(host: str, use_host: str) -> RemoteError:
    """Return the error for an account in another data centre. It is a permanent Connection issue.

    Qualtrics forwards requests for lists to the other data centre, but not export requests.
    """
    return RemoteError(
        f"The account is in another data centre: {host} forwards requests to {use_host}, but does "
        "not export responses.",
        remedy=f"Enter `{use_host}` as the Base URL.",
    )


def _status(value: object) -> int:
    found = _STATUS.match(value) if isinstance(value, str) else None
    if found is not None:
        return int(found[1])
    return value if type(value) is int and 100 <= value < 600 else 0  # noqa: PLR2004  # HTTP.


def _id(value: object) -> str | None:
    text = str(value) if type(value) is int else value
    return text if isinstance(text, str) and _ID.fullmatch(text) else None
