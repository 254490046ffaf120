"""A client for the Qualtrics API v3, with one method for each endpoint."""

from __future__ import annotations

import os
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
from smaply_metrics_core.http import header_auth, pages, read_json
from smaply_metrics_qualtrics.api.errors import (
    ApiCall,
    Envelope,
    ErrorMapper,
    decode,
    read_envelope,
)
from smaply_metrics_qualtrics.credentials import QualtricsCredentials, is_qualtrics_host
from smaply_metrics_qualtrics.json_values import as_dict, as_list

TOKEN_HEADER: Final = "X-API-TOKEN"  # noqa: S105  # The header's name.
API_ROOT: Final = "/API/v3/"
_SURVEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_EXPORT_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")


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
        if not (response.is_client_error and read_envelope(decode(response)).refused):
            raise Unreachable(
                f"{self.host} is not a Qualtrics API host: another service responded.",
                remedy="Enter the Datacenter ID (in Qualtrics: Account Settings → Qualtrics IDs), "
                "followed by .qualtrics.com, such as iad1.qualtrics.com.",
            )

    def whoami(self) -> Mapping[str, Any]:
        """Return the token's user. It includes personal data, which must not be shown."""
        return as_dict(self._get("/whoami", ApiCall.ACCOUNT))

    def survey_pages(self) -> Iterator[Sequence[Any]]:
        """Yield the surveys on each page of the list."""
        first = f"{self._url}/surveys"
        for response in pages(self._http, first, self._next_page, auth=self._auth):
            yield as_list(as_dict(self._result(response, ApiCall.SURVEYS)).get("elements"))

    def definition(self, survey_id: str) -> Any:  # noqa: ANN401  # Checked by its reader.
        """Return the definition of a survey as decoded JSON.

        Raises:
            SurveyUnavailable: if the survey is deleted or not shared.
        """
        path = f"/survey-definitions/{checked_survey_id(survey_id)}"
        return self._get(path, ApiCall.DEFINITION)

    def response_schema(self, survey_id: str) -> Any:  # noqa: ANN401  # Checked by its reader.
        """Return the JSON Schema of a survey's responses, the only complete list of its fields.

        Qualtrics limits this endpoint to 60 requests per minute.
        """
        path = f"/surveys/{checked_survey_id(survey_id)}/response-schema"
        return self._get(path, ApiCall.SCHEMA)

    def start_export(self, survey_id: str, body: Mapping[str, Any]) -> str:
        """Start an export of responses and return its progress id.

        Raises:
            ResultsUnavailable: if the token's user is not allowed to view results.
            RemoteError: if the account is in another data centre.
        """
        url = f"{self._url}/surveys/{checked_survey_id(survey_id)}/export-responses"
        response = self._http.post(url, json=body, auth=self._auth)
        progress_id = as_dict(self._result(response, ApiCall.START)).get("progressId")
        return _checked_export_id(progress_id)

    def progress(self, survey_id: str, progress_id: str) -> ExportProgress:
        """Return the progress of an export.

        Raises:
            ExportFailed: if the export no longer exists.
        """
        url = f"{self._url}/surveys/{survey_id}/export-responses/{progress_id}"
        response = self._http.get(url, auth=self._auth)
        result = as_dict(self._result(response, ApiCall.PROGRESS))
        percent = result.get("percentComplete")
        file_id = result.get("fileId")
        return ExportProgress(
            status=str(result.get("status")),
            percent=float(percent) if isinstance(percent, int | float) else 0.0,
            file_id=_checked_export_id(file_id) if file_id else "",
            request_id=read_envelope(decode(response)).request_id,
        )

    def download(self, survey_id: str, file_id: str, target: Path) -> int:
        """Write an exported file to ``target`` and return its size in bytes.

        The file must not exist. It is created with mode 0600.

        Raises:
            ExportFailed: if the export no longer exists.
        """
        url = f"{self._url}/surveys/{survey_id}/export-responses/{file_id}/file"
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(opened, "wb") as out,
            self._http.stream("GET", url, auth=self._auth) as response,
        ):
            if response.status_code != HTTPStatus.OK:
                response.read()
                raise self._error(response, ApiCall.FILE)
            return sum(out.write(block) for block in response.iter_bytes())

    def _get(self, path: str, call: ApiCall) -> Any:  # noqa: ANN401  # Any JSON.
        return self._result(self._http.get(f"{self._url}{path}", auth=self._auth), call)

    def _result(self, response: httpx.Response, call: ApiCall) -> Any:  # noqa: ANN401  # As above.
        if response.status_code != HTTPStatus.OK:
            raise self._error(response, call)
        body = as_dict(read_json(response))
        envelope = self._note_forwarding(read_envelope(body))
        if "result" not in body:
            raise SourceUnavailable(
                "Qualtrics returned a response without the requested data.",
                request_id=envelope.request_id,
            )
        return body["result"]

    def _error(self, response: httpx.Response, call: ApiCall) -> RemoteError:
        envelope = self._note_forwarding(read_envelope(decode(response)))
        return ErrorMapper(response.status_code, envelope, call, self.host, self.use_host).error()

    def _note_forwarding(self, envelope: Envelope) -> Envelope:
        if is_qualtrics_host(envelope.use_host) and envelope.use_host != self.host:
            self.use_host = envelope.use_host
        return envelope

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


def _checked_export_id(value: object) -> str:
    if not isinstance(value, str) or not _EXPORT_ID.fullmatch(value) or ".." in value:
        raise ExportFailed("Qualtrics did not return a valid ID for the export.")
    return value
