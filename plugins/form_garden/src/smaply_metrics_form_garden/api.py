"""The Form Garden API: one method for each endpoint, and the errors for its status codes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx
from pydantic import SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.http import header_auth, pages, read_json

KEY_HEADER: Final = "X-Garden-Key"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_END: Final = re.compile(rb"# ([0-9]{1,9}) rows")


class FormGardenApi:
    """A client for the Form Garden API, for one account."""

    def __init__(self, key: SecretStr, http: httpx.Client) -> None:
        self._auth = header_auth(KEY_HEADER, key)
        self._http = http

    def reach(self) -> None:
        """Check that the host is Form Garden, before the key is sent.

        Raises:
            Unreachable: if another service responds.
        """
        answer = self._http.get("/api/account")
        if answer.status_code not in {401, 403} or "html" in answer.headers.get("content-type", ""):
            raise sm.Unreachable(
                "Another service responded instead of Form Garden.",
                remedy="Check the region, and that no proxy intercepts the request.",
            )

    def account(self) -> str:
        """Return the name of the account that the key belongs to."""
        found = _answered(self._http.get("/api/account", auth=self._auth))
        if not isinstance(found.get("account"), str):
            raise sm.SourceUnavailable("Form Garden did not return the account name.")
        return str(found["account"])

    def forms(self) -> Iterator[Mapping[str, Any]]:
        """Yield every form of the account."""
        for page in pages(self._http, "/api/forms", _next_page, auth=self._auth):
            yield from _forms(_answered(page))

    def form(self, form_id: str) -> Mapping[str, Any]:
        """Return one form with its questions."""
        return _answered(self._http.get(f"/api/forms/{_checked(form_id)}", auth=self._auth))

    def responses(self, form_id: str) -> bytes:
        """Return all responses to one form as CSV in UTF-8.

        The last line states the number of rows. It is checked and removed.

        Raises:
            ExportFailed: if the file is incomplete, or not valid CSV.
        """
        url = f"/api/forms/{_checked(form_id)}/responses.csv"
        response = self._http.get(url, auth=self._auth)
        if response.status_code != httpx.codes.OK:
            _answered(response)
        text, _, last = response.content.rstrip(b"\n").rpartition(b"\n")
        end = _END.fullmatch(last)
        rows = sum(1 for _ in sm.csv_records(io.BytesIO(text))) - 1  # Minus the header.
        if end is None or int(end[1]) != rows:
            raise sm.ExportFailed("Form Garden sent only part of the responses.")
        return text


def _next_page(page: httpx.Response) -> str | None:
    found = _answered(page)
    if not isinstance(found.get("offset"), int) or not isinstance(found.get("total"), int):
        raise sm.SourceUnavailable("Form Garden did not return the length of the list.")
    following: int = found["offset"] + len(_forms(found))
    return f"/api/forms?offset={following}" if following < found["total"] else None


def _forms(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    forms = found.get("forms")
    if not isinstance(forms, list) or not all(isinstance(one, dict) for one in forms):
        raise sm.SourceUnavailable("Form Garden did not return a list of forms.")
    return forms


def _answered(response: httpx.Response) -> Mapping[str, Any]:
    """Return the decoded response, or raise the error for its status.

    The client has already handled 429 and 5xx.
    """
    match response.status_code:
        case 200:
            found = read_json(response)
            if not isinstance(found, dict):
                raise sm.SourceUnavailable("Form Garden returned an unexpected response.")
            return found
        case 401:
            raise sm.CredentialRefused("Form Garden rejected the key.")
        case 403:
            raise sm.AccessMissing(
                "The key does not have the permission “Read responses”.",
                remedy="Create a key with this permission and enter it.",
            )
        case 404:
            raise sm.SurveyUnavailable(
                "The form does not exist.", remedy="Edit the metric and choose another form."
            )
        case other:
            raise sm.SourceUnavailable(f"Form Garden returned an unexpected HTTP {other}.")


def _checked(form_id: str) -> str:
    """Return the id, which becomes part of a URL path, if it is valid."""
    if not _ID.fullmatch(form_id):
        raise sm.SurveyUnavailable(
            "The form ID is not valid.", remedy="Edit the metric and choose another form."
        )
    return form_id
