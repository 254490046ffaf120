"""Runs every hook on responses in which one value was replaced by nonsense.

Run by hand as ``python -m plugins.qualtrics.tests.connector.nonsense``; ``make nonsense`` does. It
tries all cases; the tests try samples.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx

from plugins.qualtrics.tests.connector.example import write_example
from plugins.qualtrics.tests.connector.support import (
    SURVEY,
    TOKEN,
    Json,
    JumpingClock,
    account,
    query,
)
from smaply_metrics_core import Blame, Deadline, MetricsError, Problem, Tally
from smaply_metrics_core.testing import (
    AllowedDestinations,
    SourceRegistry,
    SourceSession,
    write_bundle,
)
from tests.http_clients import PLAIN_HTTP

Call: TypeAlias = tuple[str, str]
"""The method and the path of a request."""

Recorded: TypeAlias = Mapping[str, Mapping[Call, Sequence[httpx.Response]]]
"""The responses that each hook gets."""

Place: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""

MISSING: Final = object()
TWICE: Final = object()

NONSENSE: Final[tuple[object, ...]] = (
    MISSING,
    TWICE,
    None,
    True,
    False,
    0,
    -1,
    10**400,
    -(10**400),
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\0",
    "\ud800",
    "../../x",
    "a/b?c#d",
    "QID1",
    "SV_1\n",
    "-1",
    "9" * 400,
    "NaN",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T25:61:61Z",
    "<b>&#xD800;&#0;</b>${q://QID1/x}",
    "x" * 2**20,
    "\x1b[31m\u202e",
    "https://elsewhere.example.com/API/v3/x",
    TOKEN,
    [],
    {},
    [[]],
    [None, None],
    {"": ""},
    {"\ud800": {"\0": None}},
)

MOST_ALIKE: Final = 10

QUERIES: Final = (
    query("nps", "QID1", query_id="nps", group_by="field:Region"),
    query("average", "QID2", query_id="average", group_by="question:QID3"),
    query("distribution", "QID4", query_id="distribution"),
    query("distribution", "QID5_1", query_id="row"),
    query("average", "field:Spend", query_id="field"),
    query("average", "SC_health00000001", query_id="score"),
    query("responses", query_id="undeclared", group_by="field:Nowhere"),
)


def _check(session: SourceSession) -> list[Problem | None]:
    return [step.problem for step in session.check()]


def _surveys(session: SourceSession) -> list[Problem | None]:
    for survey in session.surveys():
        survey.model_dump_json()
        if survey.last_modified is not None:
            survey.last_modified.astimezone(UTC)
    return []


def _questions(session: SourceSession) -> list[Problem | None]:
    session.questions(SURVEY).model_dump_json()
    return []


def _fetch(session: SourceSession) -> list[Problem | None]:
    outcomes = session.fetch(SURVEY, QUERIES).values()
    return [None if isinstance(one, Tally) else one.to_problem() for one in outcomes]


def _debug(session: SourceSession) -> list[Problem | None]:
    with tempfile.TemporaryDirectory() as folder:
        write_bundle(
            Path(folder) / "bundle.zip",
            [TOKEN],
            include_personal=False,
            fill=lambda writer: session.debug_export(SURVEY, writer),
        )
    return []


HOOKS: Final[Mapping[str, Callable[[SourceSession], list[Problem | None]]]] = {
    "check": _check,
    "surveys": _surveys,
    "questions": _questions,
    "fetch": _fetch,
    "debug": _debug,
}


@dataclass
class Recorder(httpx.BaseTransport):
    """Sends requests to the sandbox, and records each response that is JSON."""

    answers: dict[Call, list[httpx.Response]] = field(default_factory=dict)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response of the sandbox."""
        with httpx.Client(verify=PLAIN_HTTP) as client:
            response = client.send(
                httpx.Request(
                    request.method, request.url, headers=request.headers, content=request.read()
                )
            )
        headers = {"content-type": response.headers["content-type"]}
        whole = httpx.Response(response.status_code, headers=headers, content=response.content)
        self.answers.setdefault(_call(request), []).append(whole)
        return whole


def _call(request: httpx.Request) -> Call:
    return request.method, request.url.path + ("" if "x-api-token" in request.headers else " ")


@dataclass(frozen=True)
class Server:
    """The recorded responses, one of which has another value at a place."""

    answers: Mapping[Call, Sequence[httpx.Response]]
    call: Call = ("", "")
    place: Place = ()
    value: object = None

    def transport(self) -> httpx.BaseTransport:
        """Return a transport that answers each kind of request as recorded, the last one often."""
        left = {call: list(answers) for call, answers in self.answers.items()}

        def answer(request: httpx.Request) -> httpx.Response:
            call = _call(request)
            if call not in left:
                return httpx.Response(404, json={"meta": {"httpStatus": "404 - Not Found"}})
            recorded = left[call].pop(0) if len(left[call]) > 1 else left[call][0]
            content = recorded.content
            if call == self.call:
                content = json.dumps(changed(recorded.json(), self.place, self.value)).encode()
            headers = {"content-type": recorded.headers["content-type"]}
            return httpx.Response(recorded.status_code, headers=headers, content=content)

        return httpx.MockTransport(answer)

    def run(self, hook: str) -> list[Problem]:
        """Return the problems that a hook reports."""
        try:
            with opened(self.transport()) as session:
                found = HOOKS[hook](session)
        except MetricsError as error:
            found = [error.to_problem()]
        return [problem for problem in found if problem is not None]


class _Sessions:
    """Sessions with the source, each with another transport; the source is loaded once."""

    def __init__(self) -> None:
        self._clock = JumpingClock()
        self._transport: httpx.BaseTransport = httpx.MockTransport(lambda _: httpx.Response(404))
        registry = SourceRegistry(clock=self._clock, transport_factory=lambda: self._transport)
        self._source = registry.get("qualtrics")

    @contextmanager
    def open(self, transport: httpx.BaseTransport, host: str) -> Iterator[SourceSession]:
        """Open a session whose requests are answered by a transport."""
        self._transport = transport
        with self._source.session(
            self._source.parse({"api_token": TOKEN, "base_url": host}),
            account="a",
            allowed=AllowedDestinations(),
            deadline=Deadline.after(600, self._clock),
        ) as session:
            yield session


_sessions: Final = cache(_Sessions)


def opened(
    transport: httpx.BaseTransport, host: str = "iad1.qualtrics.com"
) -> AbstractContextManager[SourceSession]:
    """Open a session with the source whose requests are answered by a transport."""
    return _sessions().open(transport, host)


def changed(body: Json, place: Place, value: object) -> Json:
    """Return a copy of a JSON value with another value at a place."""
    if not place:
        return {} if value is MISSING or value is TWICE else value
    body = copy.deepcopy(body)
    inner = body
    for key in place[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[place[-1]]
    elif value is TWICE and isinstance(inner, list):
        inner.append(inner[-1])
    elif value is TWICE:
        inner[f"{place[-1]}_1"] = inner[place[-1]]
    else:
        inner[place[-1]] = value
    return body


def places(body: Json, at: Place = ()) -> Iterator[Place]:
    """Yield the places of values in a JSON value: of a long list, only the first and last ones."""
    yield at
    keys: Sequence[Any] = list(body) if isinstance(body, dict) else ()
    if isinstance(body, list):
        keys = range(len(body))
    for key in keys if len(keys) <= MOST_ALIKE else (*keys[:2], *keys[-2:]):
        yield from places(body[key], (*at, key))


def record(folder: Path) -> Recorded:
    """Record the responses to the requests of each hook, from a sandbox with an invented study."""
    found = {}
    study = write_example(folder)
    with account(study, export_polls=1) as own:
        for hook, run in HOOKS.items():
            recorder = Recorder()
            with opened(recorder, own.sandbox.host) as session:
                run(session)
            found[hook] = recorder.answers
    return found


def cases(recorded: Recorded) -> Iterator[tuple[str, Server]]:
    """Yield each hook with each response in which one value is nonsense."""
    for hook, answers in recorded.items():
        for call, (first, *_) in answers.items():
            if "json" not in first.headers["content-type"]:
                continue
            for place in places(first.json()):
                for value in NONSENSE:
                    yield hook, Server(answers, call, place, value)


def blamed_on_the_source(hook: str, server: Server) -> list[str]:
    """Return a line for each problem that blames the source."""
    return [
        f"{hook}, {' '.join(server.call)}, {server.place}, {str(server.value)[:40]!r}: "
        f"{problem.kind}: {problem.message[:200]}"
        for problem in server.run(hook)
        if problem.blame is Blame.PLUGIN
    ]


PARTS: Final = 100


def _try_part(part: int) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        some = list(cases(record(Path(folder))))[part::PARTS]
    return len(some), [line for one in some for line in blamed_on_the_source(*one)]


def main() -> None:
    """Try all cases, in as many processes as there are cores; exit with an error if one fails."""
    tried, blamed = 0, []
    with multiprocessing.get_context("spawn").Pool() as pool:
        for count, lines in pool.imap_unordered(_try_part, range(PARTS)):
            tried += count
            blamed += lines
    if blamed:
        sys.exit("\n".join(blamed))
    print(f"{tried:,} responses with nonsense: none is blamed on the source.")  # noqa: T201


if __name__ == "__main__":
    main()
