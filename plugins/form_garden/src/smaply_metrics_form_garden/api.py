"""The Form Garden API: one method for each endpoint, and the errors for its status codes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel, Field, SecretStr

import smaply_metrics_core as sm
from smaply_metrics_core.http import header_auth, pages, read_json

KEY_HEADER: Final = "X-Garden-Key"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_END: Final = re.compile(rb"# ([0-9]{1,9}) rows")

M = TypeVar("M", bound=BaseModel)


class GardenAccount(BaseModel):
    """The account that a key belongs to."""

    account: str


class Form(BaseModel):
    """A form in the list."""

    id: str = Field(min_length=1)
    title: str


class ListedForms(BaseModel):
    """A page of the list of forms."""

    forms: list[Form]
    offset: int
    total: int


class FormQuestion(BaseModel):
    """A question of a form; ``many`` for several answers."""

    name: str = Field(min_length=1)
    label: str
    options: list[str]
    many: bool


class FormWithQuestions(BaseModel):
    """A form with its questions."""

    form: Form
    questions: list[FormQuestion]


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
        answer = self._http.get("api/account")
        if answer.status_code not in {401, 403} or "html" in answer.headers.get("content-type", ""):
            raise sm.Unreachable(
                "Another service responded instead of Form Garden.",
                remedy="Check the address, and that no proxy intercepts the request.",
            )

    def account(self) -> str:
        """Return the name of the account that the key belongs to."""
        answer = self._http.get("api/account", auth=self._auth)
        return _answered(answer, GardenAccount).account

    def forms(self) -> Iterator[Form]:
        """Yield every form of the account, once."""
        seen: set[str] = set()
        for page in pages(self._http, "api/forms", _next_page, auth=self._auth):
            for form in _answered(page, ListedForms).forms:
                if form.id not in seen:  # A list that changes can repeat a form.
                    seen.add(form.id)
                    yield form

    def form(self, form_id: str) -> FormWithQuestions:
        """Return one form with its questions."""
        answer = self._http.get(f"api/forms/{_checked(form_id)}", auth=self._auth)
        found = _answered(answer, FormWithQuestions)
        if found.form.id != form_id:
            raise sm.SourceUnavailable("Form Garden returned another form.")
        return found

    def responses(self, form_id: str) -> bytes:
        """Return all responses to one form as CSV in UTF-8.

        The last line states the number of rows. It is checked and removed.

        Raises:
            ExportFailed: if the file is incomplete, or not valid CSV.
        """
        url = f"api/forms/{_checked(form_id)}/responses.csv"
        response = self._http.get(url, auth=self._auth)
        if response.status_code != httpx.codes.OK:
            _answered(response, GardenAccount)  # Raises.
        text, _, last = response.content.rstrip(b"\n").rpartition(b"\n")
        end = _END.fullmatch(last)
        rows = sum(1 for _ in sm.csv_records(io.BytesIO(text))) - 1  # Minus the header.
        if end is None or int(end[1]) != rows:
            raise sm.ExportFailed("Form Garden sent only part of the responses.")
        return text


def _next_page(page: httpx.Response) -> str | None:
    found = _answered(page, ListedForms)
    following = found.offset + len(found.forms)
    return f"api/forms?offset={following}" if following < found.total else None


def _answered(response: httpx.Response, model: type[M]) -> M:
    """Return the data of a response, or raise the error for its status.

    The client has already handled 429 and 5xx.
    """
    match response.status_code:
        case 200:
            return read_json(response, model)
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
