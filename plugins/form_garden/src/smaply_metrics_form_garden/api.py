"""The API of Form Garden: its endpoints, each as one call, and what its refusals mean."""

from __future__ import annotations

import csv
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
_END: Final = re.compile(r"# ([0-9]+) rows")


class FormGardenApi:
    """The API as one account sees it."""

    def __init__(self, key: SecretStr, http: httpx.Client) -> None:
        self._auth = header_auth(KEY_HEADER, key)
        self._http = http

    def reach(self) -> None:
        """Check that Form Garden answers, before the key is sent."""
        answer = self._http.get("/api/account")
        if answer.status_code not in {401, 403} or "html" in answer.headers.get("content-type", ""):
            raise sm.Unreachable("Something other than Form Garden answers at this host.")

    def account(self) -> str:
        """Return the name of the key's account."""
        found = _answered(self._http.get("/api/account", auth=self._auth))
        if not isinstance(found.get("account"), str):
            raise sm.SourceUnavailable("Form Garden does not say whose key it is.")
        return str(found["account"])

    def forms(self) -> Iterator[Mapping[str, Any]]:
        """Yield every form of the list."""
        for page in pages(self._http, "/api/forms", _next_page, auth=self._auth):
            yield from _forms(_answered(page))

    def form(self, form_id: str) -> Mapping[str, Any]:
        """Return one form with its questions."""
        return _answered(self._http.get(f"/api/forms/{_checked(form_id)}", auth=self._auth))

    def responses(self, form_id: str) -> str:
        """Return every response to one form as CSV, without the last line.

        Raises:
            ExportFailed: if that line is missing or has another row count: the text is incomplete.
        """
        url = f"/api/forms/{_checked(form_id)}/responses.csv"
        response = self._http.get(url, auth=self._auth)
        if response.status_code != httpx.codes.OK:
            _answered(response)
        text, _, last = response.text.rstrip("\n").rpartition("\n")
        end = _END.fullmatch(last)
        rows = sum(1 for _ in csv.reader(io.StringIO(text))) - 1  # Without the header.
        if end is None or int(end[1]) != rows:
            raise sm.ExportFailed("Form Garden did not send all of the responses.")
        return text


def _next_page(page: httpx.Response) -> str | None:
    found = _answered(page)
    if not isinstance(found.get("offset"), int) or not isinstance(found.get("total"), int):
        raise sm.SourceUnavailable("Form Garden does not say how long its list is.")
    following: int = found["offset"] + len(_forms(found))
    return f"/api/forms?offset={following}" if following < found["total"] else None


def _forms(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    forms = found.get("forms")
    if not isinstance(forms, list) or not all(isinstance(one, dict) for one in forms):
        raise sm.SourceUnavailable("Form Garden answered without the list that was asked for.")
    return forms


def _answered(response: httpx.Response) -> Mapping[str, Any]:
    """Return the decoded response, or raise what its status means; 429 and 5xx never get here."""
    match response.status_code:
        case 200:
            found = read_json(response)
            if not isinstance(found, dict):
                raise sm.SourceUnavailable("Form Garden answered without the data asked for.")
            return found
        case 401:
            raise sm.CredentialRefused("Form Garden does not accept the key.")
        case 403:
            raise sm.AccessMissing(
                "The key may not do this.", remedy="Make one with the right “Read responses”."
            )
        case 404:
            raise sm.SurveyUnavailable("There is no such form.", remedy="Choose another one.")
        case other:
            raise sm.SourceUnavailable(f"Form Garden answered in an unexpected way (HTTP {other}).")


def _checked(form_id: str) -> str:
    if not _ID.fullmatch(form_id):  # It goes into a path.
        raise sm.SurveyUnavailable("No form has such an id.", remedy="Choose another one.")
    return form_id
