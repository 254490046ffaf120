"""What Qualtrics answers when it refuses, as errors of the framework's tree.

The HTTP status decides; the error code tells apart what shares one. The text of ``httpStatus``
may differ from the status, the body may be HTML or empty, the code may be absent, and an old
envelope is still met. The code and the request id are kept: Qualtrics' support asks for them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

import httpx

from smaply_metrics_core import (
    AccessMissing,
    CredentialRefused,
    ExportFailed,
    RemoteError,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict

_NOTICE: Final = re.compile(r"use this host instead:\s*([a-z0-9.-]+?)\.?\s*$", re.IGNORECASE)
_ID: Final = re.compile(r"[\w.:/+=-]{1,100}", re.ASCII)
_LONGEST_SAID: Final = 200

_NO_TOKEN: Final = frozenset({"ATP_2", "ATC_1"})
_NO_ACCESS: Final = "AuthZ_2.0"
_INVALID: Final = "QVAL"

_MISSING: Final = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_NOT_ALLOWED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})

REENTER: Final = (
    "Copy the token from Account Settings → Qualtrics IDs and enter it under Edit Configuration. "
    "A token ends when a new one is generated and when its user or account is deactivated: then "
    "ask your Qualtrics administrator to activate the user, or use another user's token."
)
ACCESS_REMEDY: Final = (
    "Ask your Qualtrics administrator to give the token's user the permission “Access API”; it "
    "needs a licence that includes the API."
)
SHARE_REMEDY: Final = (
    "In Qualtrics, share the survey with the token's user (Collaborate), with the permissions to "
    "view results. If the survey was deleted, edit the metric and choose another one."
)
RESULTS_REMEDY: Final = (
    "In Qualtrics, under Collaborate, allow the token's user to view this survey's results "
    "(View Reports and View Results)."
)


class ApiCall(StrEnum):
    """What a request was for: the same status means different things."""

    ACCOUNT = "the account"
    SURVEYS = "the list of surveys"
    DEFINITION = "the survey's definition"
    SCHEMA = "the list of a response's fields"
    START = "an export of responses"
    PROGRESS = "the progress of the export"
    FILE = "the exported file"


@dataclass(frozen=True)
class Envelope:
    """The ``meta`` of an answer.

    Attributes:
        known: Whether it is an envelope of Qualtrics at all.
        refused: Whether it holds an error, with or without a code.
        code: The error code; empty when there is none.
        said: The error message as plain text.
        use_host: The host that Qualtrics says to use; empty unless it forwarded the request.
    """

    known: bool = False
    refused: bool = False
    code: str = ""
    said: str = ""
    request_id: str | None = None
    use_host: str = ""


def read_envelope(body: object) -> Envelope:
    """Read the envelope of a decoded answer. Never raises."""
    meta = as_dict(as_dict(body).get("meta"))
    if not any(isinstance(meta.get(name), str) for name in ("httpStatus", "status")):
        return Envelope()
    error = as_dict(meta.get("error"))
    notice = meta.get("notice")
    forwarded = _NOTICE.search(notice) if isinstance(notice, str) else None
    return Envelope(
        known=True,
        refused=bool(error),
        code=_id(error.get("errorCode") or meta.get("internalErrorCode")) or "",
        said=html_to_text(error.get("errorMessage") or meta.get("errorMessage"))[:_LONGEST_SAID],
        request_id=_id(meta.get("requestId") or meta.get("errorId")),
        use_host=forwarded[1].lower() if forwarded else "",
    )


def decode(response: httpx.Response) -> Any:  # noqa: ANN401  # JSON is anything.
    """Decode an answer that may be anything; ``None`` when it is no JSON."""
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class ErrorMapper:
    """An answer that is no success.

    Attributes:
        status: The HTTP status.
        envelope: What the answer's envelope says.
        asking: What the request was for.
        host: The host that was asked.
        use_host: The one that Qualtrics named when it forwarded this or an earlier request; empty
            when it did not.
    """

    status: int
    envelope: Envelope
    asking: ApiCall
    host: str
    use_host: str

    def error(self) -> RemoteError:  # noqa: PLR0911  # One for each meaning.
        """Return the error that says what it means, and what to do."""
        if not self.envelope.known:
            return self._without_envelope()
        if self.status == HTTPStatus.UNAUTHORIZED or self.envelope.code in _NO_TOKEN:
            return self._make(
                CredentialRefused, "Qualtrics does not accept the API token.", REENTER
            )
        if self.envelope.code == _NO_ACCESS:
            return self._access_missing()
        match self.asking:
            case ApiCall.ACCOUNT | ApiCall.SURVEYS if self.status == HTTPStatus.FORBIDDEN:
                return self._access_missing()
            case ApiCall.DEFINITION if self.status in _MISSING:
                return self._survey_unavailable()
            case ApiCall.START if self.status == HTTPStatus.NOT_FOUND:
                return self._survey_unavailable()
            case ApiCall.START if self.status in _NOT_ALLOWED:
                return self._export_refused()
            case ApiCall.PROGRESS | ApiCall.FILE if self.status in _MISSING:
                message = "The export is no longer there: it expired or was removed."
                return self._make(ExportFailed, message, None)
        return self._unexpected()

    def _without_envelope(self) -> RemoteError:
        """For an answer that may not come from Qualtrics at all."""
        return self._make(
            Unreachable if self.status == HTTPStatus.FORBIDDEN else SourceUnavailable,
            f"{self.host} answered HTTP {self.status} without saying why.",
            "Check that the base URL is right and that no firewall or proxy stands in between; "
            "otherwise try again in a few minutes.",
        )

    def _access_missing(self) -> RemoteError:
        return self._make(
            AccessMissing, "The token's user may not use the Qualtrics API.", ACCESS_REMEDY
        )

    def _survey_unavailable(self) -> RemoteError:
        return self._make(
            SurveyUnavailable,
            "Qualtrics has no such survey, or it is not shared with the token's user.",
            SHARE_REMEDY,
        )

    def _export_refused(self) -> RemoteError:
        if self.use_host:
            error = wrong_host(self.host, self.use_host)
            return self._make(RemoteError, error.message, error.remedy)
        if self.envelope.code.startswith(_INVALID):
            return self._make(
                ExportFailed,
                f"Qualtrics could not take the request for an export: {self.envelope.said}",
                "Send the debug bundle to support.",
            )
        return self._make(
            ResultsUnavailable,
            "The survey can be seen, but the token's user may not view its results.",
            RESULTS_REMEDY,
        )

    def _unexpected(self) -> RemoteError:
        said = f": {self.envelope.said}" if self.envelope.said else "."
        return self._make(
            SourceUnavailable,
            f"Qualtrics refused to give {self.asking} (HTTP {self.status}){said}",
            "Try again in a few minutes; if it stays, send the debug bundle to support.",
        )

    def _make(self, kind: type[RemoteError], message: str, remedy: str | None) -> RemoteError:
        return kind(
            message,
            remedy=remedy,
            code=self.envelope.code or None,
            request_id=self.envelope.request_id,
        )


def wrong_host(host: str, use_host: str) -> RemoteError:
    """Say that the account is in another data centre: a Connection issue that does not pass."""
    return RemoteError(
        f"{host} forwards every request to {use_host}, where the account is. Lists work this way; "
        "exports of responses do not.",
        remedy=f"Use `{use_host}` as base URL under Edit Configuration.",
    )


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None
