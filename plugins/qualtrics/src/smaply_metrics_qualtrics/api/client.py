"""The Qualtrics v3 API: its endpoints, each as one call."""

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
    SHARE_REMEDY,
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
    """How far an export is; only ``status`` decides, the percentage is for people."""

    status: str
    percent: float
    file_id: str
    request_id: str | None


class QualtricsApi:
    """The API as one account sees it.

    Attributes:
        use_host: The host that Qualtrics says to use in place of ours: it forwarded a request,
            since the account is in another data centre. Empty until it says so.
    """

    def __init__(self, credentials: QualtricsCredentials, context: SourceContext) -> None:
        self.use_host = ""
        self.host = credentials.base_url
        self._url = credentials.api_url
        self._http = context.http
        self._auth = header_auth(TOKEN_HEADER, credentials.api_token)

    def reach(self) -> None:
        """See whether Qualtrics' API answers here, without showing it the token.

        Qualtrics refuses a request without a token, in its own envelope and with an error. What
        answers anything else may repeat or keep whatever it is sent.

        Raises:
            Unreachable: when something else answers.
        """
        response = self._http.get(f"{self._url}/whoami")
        if not (response.is_client_error and read_envelope(decode(response)).refused):
            raise Unreachable(
                f"{self.host} is not a Qualtrics API host: something else answers there.",
                remedy="Use the Datacenter ID of Account Settings → Qualtrics IDs, followed by "
                ".qualtrics.com, as in iad1.qualtrics.com.",
            )

    def whoami(self) -> Mapping[str, Any]:
        """Return the token's user. Holds a name and an e-mail address: show neither."""
        return as_dict(self._get("/whoami", ApiCall.ACCOUNT))

    def survey_pages(self) -> Iterator[Sequence[Any]]:
        """Yield the elements of each page of the list of surveys."""
        first = f"{self._url}/surveys"
        for response in pages(self._http, first, self._next_page, auth=self._auth):
            yield as_list(as_dict(self._result(response, ApiCall.SURVEYS)).get("elements"))

    def definition(self, survey_id: str) -> Any:  # noqa: ANN401  # Checked by its reader.
        """Return a survey's definition as it came.

        Raises:
            SurveyUnavailable: when it is gone or not shared.
        """
        path = f"/survey-definitions/{checked_survey_id(survey_id)}"
        return self._get(path, ApiCall.DEFINITION)

    def response_schema(self, survey_id: str) -> Any:  # noqa: ANN401  # Checked by its reader.
        """Return the JSON Schema of a survey's responses: the only place that names all its fields.

        Qualtrics allows it 60 times a minute.
        """
        path = f"/surveys/{checked_survey_id(survey_id)}/response-schema"
        return self._get(path, ApiCall.SCHEMA)

    def start_export(self, survey_id: str, body: Mapping[str, Any]) -> str:
        """Start an export of responses; give the id of its progress.

        Raises:
            ResultsUnavailable: when the token's user may not view results.
            RemoteError: when the base URL is another data centre's.
        """
        url = f"{self._url}/surveys/{checked_survey_id(survey_id)}/export-responses"
        response = self._http.post(url, json=body, auth=self._auth)
        progress_id = as_dict(self._result(response, ApiCall.START)).get("progressId")
        return _checked_export_id(progress_id)

    def progress(self, survey_id: str, progress_id: str) -> ExportProgress:
        """Ask how far an export is.

        Raises:
            ExportFailed: when it is no longer there.
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
        """Write an exported file to ``target``, a new file only we may read; give its bytes.

        Raises:
            ExportFailed: when it is no longer there.
        """
        url = f"{self._url}/surveys/{survey_id}/export-responses/{file_id}/file"
        opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(opened, "wb") as out,
            self._http.stream("GET", url, auth=self._auth) as response,
        ):
            if response.status_code != HTTPStatus.OK:
                response.read()
                raise self._refusal(response, ApiCall.FILE)
            return sum(out.write(block) for block in response.iter_bytes())

    def _get(self, path: str, asking: ApiCall) -> Any:  # noqa: ANN401  # JSON is anything.
        return self._result(self._http.get(f"{self._url}{path}", auth=self._auth), asking)

    def _result(self, response: httpx.Response, asking: ApiCall) -> Any:  # noqa: ANN401  # As above.
        if response.status_code != HTTPStatus.OK:
            raise self._refusal(response, asking)
        body = as_dict(read_json(response))
        envelope = self._noticed(read_envelope(body))
        if "result" not in body:
            raise SourceUnavailable(
                f"{self.host} answered without the data that was asked for.",
                request_id=envelope.request_id,
            )
        return body["result"]

    def _refusal(self, response: httpx.Response, asking: ApiCall) -> RemoteError:
        envelope = self._noticed(read_envelope(decode(response)))
        return ErrorMapper(response.status_code, envelope, asking, self.host, self.use_host).error()

    def _noticed(self, envelope: Envelope) -> Envelope:
        if is_qualtrics_host(envelope.use_host) and envelope.use_host != self.host:
            self.use_host = envelope.use_host
        return envelope

    def _next_page(self, response: httpx.Response) -> str | None:
        """Follow ``nextPage`` on our own host: through a proxy it names the other one."""
        url = as_dict(as_dict(decode(response)).get("result")).get("nextPage")
        if not url:
            return None
        try:
            parts = urlsplit(url if isinstance(url, str) else "")
        except ValueError:
            parts = urlsplit("")
        if not parts.path.startswith(API_ROOT) or ".." in unquote(parts.path):
            raise SourceUnavailable(
                f"{self.host} sent a list that goes on outside of the Qualtrics API."
            )
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._url}/{parts.path.removeprefix(API_ROOT)}{query}"


def checked_survey_id(survey_id: str) -> str:
    """Return a survey id that can stand in a path.

    Raises:
        SurveyUnavailable: when no survey can have such an id.
    """
    if not _SURVEY_ID.fullmatch(survey_id):
        raise SurveyUnavailable(
            "Qualtrics has no survey with such an id; ids look like SV_0123456789abcde.",
            remedy=SHARE_REMEDY,
        )
    return survey_id


def _checked_export_id(value: object) -> str:
    if not isinstance(value, str) or not _EXPORT_ID.fullmatch(value) or ".." in value:
        raise ExportFailed("Qualtrics started an export and gave no usable id for it.")
    return value
