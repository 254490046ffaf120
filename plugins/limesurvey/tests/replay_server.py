"""A server that plays the recordings of a real LimeSurvey 6.4.2.

Calls are found by user, function and parameters without the session key. Exports of other columns
or ids than recorded are cut from the whole export of the survey. Sign-ins, sessions and the lock
after three wrong passwords behave as recorded in ``login.yaml``, ``session_ends.yaml`` and
``login_locked.yaml``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests.shared_data import LIMESURVEY

HOST: Final = "limesurvey.example.org"
RECORDINGS: Final = Path(__file__).parent / "recordings" / "http"

USER: Final = "reporting"
PASSWORD: Final = "PlaceHolder-Reporting-1"
WRONG_PASSWORD: Final = "wrong-password-made-up"

Json = Any


@dataclass(frozen=True)
class Interaction:
    """One recorded request and its answer."""

    note: str
    uri: str
    body: str
    content_type: str
    status: int
    answer_type: str
    answer: str

    def response(self) -> httpx.Response:
        """Return the recorded answer."""
        return httpx.Response(
            self.status,
            headers={"content-type": self.answer_type},
            stream=httpx.ByteStream(self.answer.encode()),
        )


@cache
def interactions(name: str, folder: Path = RECORDINGS) -> tuple[Interaction, ...]:
    """Return the interactions of a recording."""
    text = next(folder.glob(f"{name}.y*ml")).read_text(encoding="utf-8")
    return tuple(
        map(
            _interaction,
            yaml.load(text, yaml.CSafeLoader)["http_interactions"],
        )
    )


def noted(name: str, note: str) -> httpx.Response:
    """Return the answer of the interaction of a recording with a note that begins so."""
    return next(one for one in interactions(name) if one.note.startswith(note)).response()


def _interaction(found: Mapping[str, Json]) -> Interaction:
    request, response = found["request"], found["response"]
    body, answer = request.get("body") or "", response["body"]
    headers = response.get("headers", {})
    return Interaction(
        note=found.get("note") or "",
        uri=request["uri"],
        body=body if isinstance(body, str) else body["string"],
        content_type=request.get("content_type", ""),
        status=response["status"]
        if isinstance(response["status"], int)
        else response["status"]["code"],
        answer_type=response.get("content_type", "") or headers.get("content-type", [""])[0],
        answer=answer if isinstance(answer, str) else answer["string"],
    )


@dataclass(frozen=True)
class Recordings:
    """What is known of one server.

    Attributes:
        answers: The answers by user, function and parameters without the session key.
        exports: The whole exports by survey, in the order of the columns.
        refused: The refusals of exports by user and survey.
    """

    answers: dict[str, httpx.Response | Interaction] = field(default_factory=dict)
    exports: dict[int, list[dict[str, Json]]] = field(default_factory=dict)
    refused: dict[tuple[str, int], Interaction] = field(default_factory=dict)

    def add(self, one: Interaction) -> None:
        """Add an interaction, if it is a call in a session."""
        try:
            call = json.loads(one.body)
            method, params = call["method"], call["params"]
            key = params[0]
            result = json.loads(one.answer)["result"]
        except (ValueError, TypeError, KeyError, IndexError):
            return
        if not isinstance(key, str) or not key.startswith("SESSIONKEY-"):
            return
        user = _user(key)
        if method != "export_responses":
            self.answers.setdefault(_key(user, method, params[1:]), one)
            return
        if isinstance(result, dict) and len(params) < 6:
            self.refused.setdefault((user, params[1]), one)
        elif isinstance(result, str) and len(params) < 8 and params[2] == "json":
            rows = json.loads(base64.b64decode(result))["responses"]
            if len(rows) >= len(self.exports.get(params[1], [])) and "full" not in params:
                self.exports[params[1]] = rows


@cache
def recordings(*, studies: bool = False) -> Recordings:
    """Return all recordings, with those of the two studies if they are there."""
    found = Recordings()
    for one in _all(RECORDINGS):
        found.add(one)
    if studies:
        for name in ("questions.9100", "fieldmap.9100", "export.studies", "list_surveys"):
            for one in _all(LIMESURVEY / "http", name):
                found.add(one)
    return found


def _all(folder: Path, start: str = "") -> Iterator[Interaction]:
    for path in sorted(folder.glob(f"{start}*.y*ml")):
        if path.stem not in {"session_ends", "rpc_off", "xmlrpc", "protocol", "files.910016"}:
            yield from interactions(path.stem, folder)
    if not start:
        yield from interactions("files.910016")


@dataclass
class ReplayServer:
    """One server, whose sessions and locks last as long as the object.

    Attributes:
        recordings: What it answers.
        by_query: Whether it answers only at ``index.php?r=admin/remotecontrol``.
        switched_off: Whether the interface is off.
        open: The session keys that are valid.
        calls: The functions that were called, with their parameters.
        ends_after: The number of calls after which the current session ends, if it does.
    """

    recordings: Recordings = field(default_factory=recordings)
    by_query: bool = False
    switched_off: bool = False
    open: set[str] = field(default_factory=set)
    calls: list[tuple[str, list[Json]]] = field(default_factory=list)
    ends_after: int | None = None
    _wrong: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request."""
        if request.url.host != HOST:
            raise httpx.ConnectError("the host does not exist")
        body = request.read()
        refused = self._refused(request, body)
        call = json.loads(body) if refused is None else {}
        return refused or self.call(call["params"][0], call["method"], *call["params"][1:])

    def _refused(self, request: httpx.Request, body: bytes) -> httpx.Response | None:
        """Return the answer to a request that does not reach a function."""
        route = (
            "index.php?r=admin/remotecontrol" if self.by_query else "index.php/admin/remotecontrol"
        )
        if request.url.raw_path.decode() != f"/{route}":
            return noted("address.urlformat_get", "the path does not")
        if self.switched_off:
            return noted("rpc_off", "off:")
        if not request.headers.get("content-type", "").startswith("application/json"):
            return noted("protocol", "content type text/plain")
        return None if json.loads(body).get("id") else noted("protocol", "id 0")

    def call(self, key: str, method: str, *params: Json) -> httpx.Response:
        """Return the answer of a function; the key is the user's name at sign-in."""
        self.calls.append((method, [key, *params]))
        if method == "get_session_key":
            return self._sign_in(key, *params)
        if method == "release_session_key":
            self.open.discard(key)
            return noted("login", "given back")
        if self.ends_after is not None and len(self.calls) > self.ends_after:
            self.ends_after = None
            self.open.clear()
        if key not in self.open:
            return noted("login", "empty key")
        if method == "export_responses":
            return self._export(_user(key), *params)
        return self._recorded(_user(key), method, [*params])

    def _sign_in(self, user: str, password: str) -> httpx.Response:
        if self._wrong >= 3:
            return noted("login_locked", "the right password, while locked")
        for one in interactions("login") + interactions("list_surveys"):
            call = json.loads(one.body)
            if call.get("params") == [user, password] and call["method"] == "get_session_key":
                answer = json.loads(one.answer)
                if isinstance(answer["result"], str):
                    self._wrong = 0
                    prefix = answer["result"].rpartition("-")[0]
                    keys = (f"{prefix}-{number}".ljust(32, "0") for number in count(1))
                    key = next(key for key in keys if key not in self.open)
                    self.open.add(key)
                    return _result(key)
        self._wrong += 1
        return noted("login", "wrong password")

    def _recorded(self, user: str, method: str, params: list[Json]) -> httpx.Response:
        found = self.recordings.answers.get(_key(user, method, params))
        if found is None and method == "get_question_properties":
            found = self._properties(user, params)
        if found is None and method in {"list_questions", "get_fieldmap", "get_summary"}:
            found = self.recordings.answers.get(_key(USER, method, [999999, *params[1:]]))
        if found is None:
            return noted("protocol", "unknown function")
        return found if isinstance(found, httpx.Response) else found.response()

    def _properties(self, user: str, params: list[Json]) -> httpx.Response | None:
        """Cut the properties of a question from a recording of more, or of fewer."""
        start = _key(user, "get_question_properties", params[:1])[:-1] + ","
        for key, one in self.recordings.answers.items():
            if key.startswith(start) and isinstance(one, Interaction):
                result = json.loads(one.answer)["result"]
                if "status" not in result and "answeroptions" in result:
                    return _result({name: result[name] for name in params[1] if name in result})
        return None

    def _export(  # noqa: PLR0917  # By position, as in the call.
        self,
        user: str,
        survey: int,
        kind: str,
        language: str | None = None,
        completion: str = "all",
        heading: str = "code",
        answers: str = "short",
        first: int | None = None,
        last: int | None = None,
        columns: list[str] | None = None,
    ) -> httpx.Response:
        assert (kind, language, heading, answers) == ("json", None, "code", "short")
        refused = self.recordings.refused.get((user, survey))
        if refused is not None or survey not in self.recordings.exports:
            return (refused or self.recordings.refused[USER, 910008]).response()
        rows = [
            row
            for row in self.recordings.exports[survey]
            if (first or 0) <= row["id"]
            and (not last or row["id"] <= last)
            and (
                completion not in {"complete", "incomplete"}
                or bool(row["submitdate"]) == (completion == "complete")
            )
        ]
        if columns is not None:
            headings = self._headings(survey)
            rows = [
                {
                    headings.get(one, one): row[headings[one]] if one in headings else None
                    for one in columns
                }
                for row in rows
            ]
        payload = base64.b64encode(json.dumps({"responses": rows}).encode()).decode()
        # Exports are written as they go, with a space.
        text = '{"id":1, "result":"' + payload + '", "error":null}'
        return httpx.Response(200, headers={"content-type": "application/json"}, text=text)

    def _headings(self, survey: int) -> dict[str, str]:
        """Return the heading of each column: exports and field maps have the same order."""
        one = self.recordings.answers[_key(USER, "get_fieldmap", [survey])]
        assert isinstance(one, Interaction)
        names = [*json.loads(one.answer)["result"]]
        return dict(zip(names, self.recordings.exports[survey][0], strict=True))


def _result(result: Json) -> httpx.Response:
    return httpx.Response(200, json={"id": 1, "result": result, "error": None})


def _user(key: str) -> str:
    names = {
        "REPORTING": USER,
        "ADMIN": "admin",
        "NOBODYYET": "nobody_yet",
        "OTHEROWNER": "other_owner",
    }
    return names[key.split("-")[1]]


def _key(user: str, method: str, params: list[Json]) -> str:
    return json.dumps([user, method, *params])
