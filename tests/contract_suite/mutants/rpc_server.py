"""A survey tool with login sessions, refusals with HTTP 200 and exports in base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from tests.contract_suite.mutants.http_source import QUESTIONS, ROWS

PASSWORD: Final = "the-right-password-of-rpc"  # Made up, like everything here.
PAGE: Final = 30

SIGN_IN: Final = "open_session"
SIGN_OUT: Final = "close_session"

ENDED: Final = "no session"
WRONG: Final = "wrong password"
LOCKED: Final = "too many attempts"
NOT_PERMITTED: Final = "no permission"
INACTIVE: Final = "not active"
UNKNOWN: Final = "no such survey"

SURVEYS: Final = [{"id": f"R{n}", "name": f"Remote survey {n}"} for n in (1, 2, 3, 4, 5)]
EMPTY: Final = "R4"
BLANK: Final = "R5"


def refusal(text: str) -> bytes:
    """Return the body of a refusal."""
    return json.dumps({"refused": text}).encode()


class RpcServer:
    """The survey tool, with the keys of its open sessions."""

    def __init__(self) -> None:
        self.opened = 0
        self.sessions: set[str] = set()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Respond to a call."""
        call = json.loads(request.read())
        found = self._result(call["method"], call["params"])
        body = refusal(found) if isinstance(found, str) else json.dumps({"result": found}).encode()
        return httpx.Response(200, content=body, headers={"content-type": "application/json"})

    def _result(self, method: str, params: Sequence[Any]) -> Mapping[str, Any] | str:
        """Return a result, or the text of a refusal."""
        key, *rest = params
        if method == SIGN_IN:
            return self._opened() if key == PASSWORD else WRONG
        if key not in self.sessions:
            return ENDED
        if method == SIGN_OUT:
            self.sessions.discard(key)
            return {"closed": True}
        return _page(SURVEYS, rest[0], 2) if method == "surveys" else _of_survey(method, *rest)

    def _opened(self) -> Mapping[str, str]:
        self.opened += 1
        self.sessions.add(key := f"session-key-{self.opened:08}")
        return {"key": key}


def _of_survey(method: str, survey_id: str, start: int = 0) -> Mapping[str, Any] | str:
    """Return the questions of a survey, or a page of its responses."""
    survey = next((one for one in SURVEYS if one["id"] == survey_id), None)
    if survey is None:
        return UNKNOWN
    if method == "questions":
        return {"survey": survey, "questions": [] if survey_id == BLANK else QUESTIONS}
    rows = ROWS if survey_id == "R3" else []
    page = json.dumps(_page(rows, start, PAGE)).encode()
    return {"payload": base64.b64encode(page).decode()}


def _page(items: Sequence[Any], start: int, size: int) -> Mapping[str, Any]:
    return {"items": items[start : start + size], "offset": start, "total": len(items)}
