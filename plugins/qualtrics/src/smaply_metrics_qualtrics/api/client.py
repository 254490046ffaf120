"""A client for the Qualtrics API v3, with one method for each endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpx

from smaply_metrics_core import (
    ExportFailed,
    RemoteError,
    SourceContext,
    SourceUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.http import SAFE_TO_REPEAT, download, header_auth, pages, read_json
from smaply_metrics_qualtrics.api.errors import (
    ApiCall,
    Envelope,
    ErrorMapper,
    decode,
    read_envelope,
)
from smaply_metrics_qualtrics.credentials import QualtricsCredentials, is_qualtrics_host
from smaply_metrics_qualtrics.json_values import as_dict, as_number

TOKEN_HEADER: Final = "X-API-TOKEN"  # noqa: S105  # The header's name.
API_ROOT: Final = "/API/v3/"
_SURVEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EXPORT_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_MOST_ENVELOPE: Final = 2**20


@dataclass(frozen=True)
class ExportProgress:
    """The progress of an export. ``percent`` is only for display; ``status`` is authoritative."""

    status: str
    percent: float
    file_id: str
    request_id: str | None


class QualtricsApi:
    """A client for one Qualtrics account.

    Attributes:
        use_host: The host that Qualtrics named when it forwarded a request to the account's data
            centre. Empty if it did not forward any.
    """

    def __init__(self, credentials: QualtricsCredentials, context: SourceContext) -> None:
        self.use_host = ""
        self.host = credentials.base_url
        self._url = credentials.api_url
        self._context = context
        self._http = context.http
        self._auth = header_auth(TOKEN_HEADER, credentials.api_token)

    def reach(self) -> None:
        """Check that the host is the Qualtrics API, without sending the token.

        Qualtrics rejects a request without a token with an error in its own envelope. Any other
        service might log or echo the token.

        Raises:
            Unreachable: if another service responds.
        """
        response = self._http.get(f"{self._url}/whoami")
        envelope = read_envelope(decode(response))
        if not (response.is_client_error and envelope.known and envelope.refused):
            raise Unreachable(
                f"{self.host} is not a Qualtrics API host: another service responded.",
                remedy="Enter the Datacenter ID (in Qualtrics: Account Settings → Qualtrics IDs), "
                "followed by .qualtrics.com, such as iad1.qualtrics.com.",
            )

    def whoami(self) -> Mapping[str, Any]:
        """Return the token's user. It includes personal data, which must not be shown."""
        return self._get("/whoami", ApiCall.ACCOUNT)

    def survey_pages(self) -> Iterator[Sequence[Any]]:
        """Yield the surveys on each page of the list.

        Raises:
            SourceUnavailable: if a page is not a list, or links to a page outside of the API.
        """
        first = f"{self._url}/surveys"
        for response in pages(self._http, first, self._next_page, auth=self._auth):
            result, envelope = self._result(response, ApiCall.SURVEYS)
            elements = result.get("elements")
            if not isinstance(elements, list):
                raise _without_data(envelope)
            yield elements

    def definition(self, survey_id: str) -> Mapping[str, Any]:
        """Return the definition of a survey as decoded JSON.

        Raises:
            SurveyUnavailable: if the survey is deleted or not shared.
        """
        path = f"/survey-definitions/{checked_survey_id(survey_id)}"
        return self._get(path, ApiCall.DEFINITION)

    def response_schema(self, survey_id: str) -> Mapping[str, Any]:
        """Return the JSON Schema of a survey's responses, the only complete list of its fields.

        Qualtrics limits this endpoint to 60 requests per minute.
        """
        path = f"/surveys/{checked_survey_id(survey_id)}/response-schema"
        return self._get(path, ApiCall.SCHEMA)

    def start_export(self, survey_id: str, body: Mapping[str, Any]) -> str:
        """Start an export of responses and return its progress id.

        A second export changes nothing in the account, so the request is safe to repeat.

        Raises:
            ResultsUnavailable: if the token's user is not allowed to view results.
            RemoteError: if the account is in another data centre.
        """
        url = f"{self._url}/surveys/{checked_survey_id(survey_id)}/export-responses"
        response = self._http.post(url, json=body, auth=self._auth, extensions=SAFE_TO_REPEAT)
        result, _ = self._result(response, ApiCall.START)
        return _checked_export_id(result.get("progressId"))

    def progress(self, survey_id: str, progress_id: str) -> ExportProgress:
        """Return the progress of an export.

        Raises:
            ExportLost: if the export no longer exists.
        """
        url = f"{self._url}/surveys/{survey_id}/export-responses/{progress_id}"
        response = self._http.get(url, auth=self._auth)
        result, envelope = self._result(response, ApiCall.PROGRESS)
        file_id = result.get("fileId")
        return ExportProgress(
            status=str(result.get("status")),
            percent=min(max(as_number(result.get("percentComplete")) or 0.0, 0.0), 100.0),
            file_id=_checked_export_id(file_id) if file_id else "",
            request_id=envelope.request_id,
        )

    def download(self, survey_id: str, file_id: str, target: Path) -> None:
        """Write an exported file to ``target``, as ``smaply_metrics_core.http.download`` does.

        Raises:
            ExportLost: if the export no longer exists.
        """
        url = f"{self._url}/surveys/{survey_id}/export-responses/{file_id}/file"
        response = download(self._context, url, target, auth=self._auth)
        if response.status_code != HTTPStatus.OK:
            raise self._error(response, ApiCall.FILE)
        if target.stat().st_size <= _MOST_ENVELOPE:
            # An error with HTTP 200. A ZIP file is not JSON.
            answer = httpx.Response(HTTPStatus.OK, content=target.read_bytes())
            answer.request = response.request
            if read_envelope(decode(answer)).failed:
                target.unlink()
                raise self._error(answer, ApiCall.FILE)

    def _get(self, path: str, call: ApiCall) -> Mapping[str, Any]:
        response = self._http.get(f"{self._url}{path}", auth=self._auth)
        return self._result(response, call)[0]

    def _result(
        self, response: httpx.Response, call: ApiCall
    ) -> tuple[Mapping[str, Any], Envelope]:
        """Return the result of a response, which is always an object, and its envelope."""
        if response.status_code != HTTPStatus.OK:
            raise self._error(response, call)
        body = as_dict(read_json(response))
        envelope = read_envelope(body)
        if envelope.failed:
            raise self._error(response, call)
        self._note_forwarding(envelope)
        result = body.get("result")
        if not isinstance(result, dict):
            raise _without_data(envelope)
        return as_dict(result), envelope

    def _error(self, response: httpx.Response, call: ApiCall) -> RemoteError:
        envelope = read_envelope(decode(response))
        self._note_forwarding(envelope)
        return ErrorMapper(response.status_code, envelope, call, self.host, self.use_host).error()

    def _note_forwarding(self, envelope: Envelope) -> None:
        if is_qualtrics_host(envelope.use_host) and envelope.use_host != self.host:
            self.use_host = envelope.use_host

    def _next_page(self, response: httpx.Response) -> str | None:
        """Return the URL of the next page on the configured host.

        When Qualtrics forwards requests, ``nextPage`` names the other data centre.

        Raises:
            SourceUnavailable: if ``nextPage`` is not a path of the API.
        """
        url = as_dict(as_dict(decode(response)).get("result")).get("nextPage")
        if not url:
            return None
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:
            parts = urlsplit("")
        if not parts.path.startswith(API_ROOT) or ".." in unquote(parts.path):
            raise SourceUnavailable(
                "Qualtrics returned a link to the next page that is outside its API."
            )
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._url}/{parts.path.removeprefix(API_ROOT)}{query}"


def checked_survey_id(survey_id: str) -> str:
    """Return the survey id if it is safe to use in a URL path.

    Raises:
        SurveyUnavailable: if it is not.
    """
    if not _SURVEY_ID.fullmatch(survey_id):
        raise SurveyUnavailable(
            "This is not a Qualtrics survey ID; survey IDs look like SV_0123456789abcde.",
            remedy="Choose a survey from the list, or enter another ID.",
        )
    return survey_id


def _without_data(envelope: Envelope) -> SourceUnavailable:
    return SourceUnavailable(
        "Qualtrics returned a response without the requested data.",
        request_id=envelope.request_id,
    )


def _checked_export_id(value: object) -> str:
    if not isinstance(value, str) or not _EXPORT_ID.fullmatch(value) or ".." in value:
        raise ExportFailed("Qualtrics did not return a valid ID for the export.")
    return value
