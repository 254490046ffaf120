"""A call of the API, and the pages of its lists."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlencode

from starlette.responses import Response

from smaply_metrics_qualtrics_sandbox.errors import (
    ApiError,
    forbidden_definition,
    invalid_request,
    survey_not_found,
)
from smaply_metrics_qualtrics_sandbox.sandbox_state import SandboxState
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

Answer: TypeAlias = Mapping[str, Any] | Response
PREFIX = "/API/v3"
_LARGEST_PAGE = 1000
_MARK = b"offset:"


@dataclass(frozen=True)
class Call:
    """An authorized call of the API.

    Attributes:
        state: The state of the sandbox.
        path: The path, without the prefix of the API.
        params: The path parameters.
        query: The query parameters.
        base: The scheme and host of the request.
        content: The body.
        fault: The kind of fault to simulate, if any.
    """

    state: SandboxState
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    base: str
    content: bytes
    fault: str | None

    def survey(self) -> SandboxSurvey:
        """Return the survey in the path.

        Raises:
            ApiError: with status 404, if the token's user cannot access the survey.
        """
        return self._survey(survey_not_found)

    def defined_survey(self) -> SandboxSurvey:
        """Return the survey in the path of survey-definitions.

        Raises:
            ApiError: with status 403, if the token's user cannot access the survey.
        """
        return self._survey(forbidden_definition)

    def _survey(self, missing: Callable[[], ApiError]) -> SandboxSurvey:
        survey = self.state.surveys.get(self.params["survey"])
        if survey is None or not survey.shared:
            raise missing()
        return survey

    def page(
        self, elements: Sequence[Any], *, by_offset: bool = False, sized: bool = True
    ) -> dict[str, Any]:
        """Return the requested page of a list.

        Args:
            elements: All elements.
            by_offset: Whether `nextPage` has an offset instead of a `skipToken`. Both are read.
            sized: Whether the route has the parameter `pageSize`.

        Raises:
            ApiError: with status 400, if `offset`, `skipToken` or `pageSize` is not valid.
        """
        start = _token_offset(self.query["skipToken"]) if "skipToken" in self.query else None
        if start is None:
            start = self._number("offset", 0)
        size = self.state.page_size
        if sized:
            size = min(self._number("pageSize", size), _LARGEST_PAGE)
        if size < 1:
            raise invalid_request("Invalid value for pageSize: a positive integer is expected.")
        end = start + size
        return {
            "elements": list(elements[start:end]),
            "nextPage": self._next_page(end, by_offset=by_offset) if end < len(elements) else None,
        }

    def _number(self, name: str, default: int) -> int:
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 10):  # noqa: PLR2004 - a length
            raise invalid_request(f"Invalid value for {name}: an integer is expected.")
        return int(text)

    def _next_page(self, end: int, *, by_offset: bool) -> str:
        """Return the URL of a page. A forwarded list continues on the host of the account."""
        kept = {
            name: value
            for name, value in self.query.items()
            if name not in {"offset", "skipToken", "proxyDepth", "proxyInfo"}
        }
        base, host = self.base, self.state.account.proxied_to
        if host:
            base = f"https://{host}"
            kept |= {"proxyDepth": "1", "proxyInfo": '{"proxyDepth":1}'}
        place = {"offset": str(end)} if by_offset else {"skipToken": _token(end)}
        return f"{base}{PREFIX}{self.path}?{urlencode({**kept, **place})}"


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(_MARK + str(offset).encode()).decode().rstrip("=")


def _token_offset(token: str) -> int:
    """Return the offset in a skip token, whose content clients must not rely on."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        if text.startswith(_MARK) and _token(int(text.removeprefix(_MARK))) == token:
            return int(text.removeprefix(_MARK))
    except (binascii.Error, ValueError):
        pass
    raise invalid_request("Invalid value for skipToken.")


@dataclass(frozen=True)
class SandboxRoute:
    """A route of the API.

    Attributes:
        path: The path, without the prefix of the API.
        name: The name for faults and the log.
        work: The handler, called after authorization.
        scope: The scope that a bearer token must have.
        method: The HTTP method.
    """

    path: str
    name: str
    work: Callable[[Call], Answer]
    scope: str
    method: str = "GET"


def json_copy(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy of JSON, which is serialized after the lock is released."""
    copied: dict[str, Any] = json.loads(json.dumps(value))
    return copied
