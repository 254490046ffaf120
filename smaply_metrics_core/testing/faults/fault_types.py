"""Faults of the network and of a survey tool, as answers, and what a source may make of each."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final

import httpx

from smaply_metrics_core import errors
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Issue, Problem
from smaply_metrics_core.testing.faults.replay import Answer, Disturbance, Headers

JSON: Final[Headers] = (("content-type", "application/json"),)
HTML: Final[Headers] = (("content-type", "text/html"),)
LONG_PAUSE: Final = timedelta(hours=2)
SHORT_PAUSE: Final = timedelta(seconds=7)


def _always(_: bytes) -> bool:
    return True


@dataclass(frozen=True)
class HttpFault:
    """One fault.

    Attributes:
        name: What happens, as the end of “…, from the second request on”.
        disturb: Answers in place of the survey tool.
        fits: Whether what a source told of it is right.
        wanted: What would have been right, for messages.
        fix: How to mend a source that told something else.
        applies: Whether it is a fault at all in place of this content.
        as_sent: Whether it looks like an answer: a debug bundle may hold it as it came.
    """

    name: str
    disturb: Disturbance
    fits: Callable[[Problem, bool], bool]
    wanted: str
    fix: str
    applies: Callable[[bytes], bool] = _always
    as_sent: bool = False


def kinds(*classes: type[MetricsError]) -> frozenset[str]:
    """Give the kinds of these errors and of all below them in the tree."""
    found = {one.kind for one in classes}
    for one in classes:
        found |= kinds(*one.__subclasses__()) if one.__subclasses__() else set()
    return frozenset(found)


def status(code: int, body: bytes, *headers: tuple[str, str]) -> Disturbance:
    """Answer everything with a status."""
    return lambda _, __: httpx.Response(
        code, headers=[*JSON, *headers], stream=httpx.ByteStream(body)
    )


def content(body: bytes, headers: Headers = JSON) -> Disturbance:
    """Answer everything with another content, as if all were well."""
    return lambda _, __: httpx.Response(200, headers=list(headers), stream=httpx.ByteStream(body))


def network(error: type[httpx.TransportError]) -> Disturbance:
    """Let no answer come."""

    def fail(_: int, __: Answer) -> httpx.Response:
        raise error("a fault that the contract test makes")

    return fail


def once(disturb: Disturbance) -> Disturbance:
    """Disturb one request alone."""
    return lambda number, real: disturb(number, real) if number == 0 else real().response()


class _TruncatedStream(httpx.SyncByteStream):
    """Half of a content, and then the connection is gone."""

    def __init__(self, whole: bytes) -> None:
        self._half = whole[: len(whole) // 2]

    def __iter__(self) -> Iterator[bytes]:
        yield self._half
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message")


def break_off(_: int, real: Answer) -> httpx.Response:
    """End each answer in its middle, as a connection does that breaks."""
    whole = real()
    return httpx.Response(
        whole.status, headers=list(whole.headers), stream=_TruncatedStream(whole.content)
    )


def cut(_: int, real: Answer) -> httpx.Response:
    """Give the first half of each answer as if it were all."""
    whole = real()
    half = whole.content[: len(whole.content) // 2]
    return httpx.Response(whole.status, headers=list(whole.headers), stream=httpx.ByteStream(half))


def hollow(_: int, real: Answer) -> httpx.Response:
    """Give each answer in its form, with null for every text and number in it."""
    whole = real()
    if not is_json(whole.content):
        return whole.response()
    body = json.dumps(_hollowed(json.loads(whole.content))).encode()
    return httpx.Response(whole.status, headers=list(whole.headers), stream=httpx.ByteStream(body))


def _hollowed(value: object) -> object:
    if isinstance(value, dict):
        return {name: _hollowed(item) for name, item in value.items()}
    return [_hollowed(item) for item in value] if isinstance(value, list) else None


def is_json(body: bytes) -> bool:
    """Whether a content is JSON with something in it."""
    try:
        return isinstance(json.loads(body), dict | list)
    except ValueError:
        return False


def _is_no_list(body: bytes) -> bool:
    return not body.lstrip().startswith(b"[")  # Where a list is sent, an empty one may be right.


def is_structured(body: bytes) -> bool:
    """Whether half of a content can be told from all of it: JSON and ZIP can, plain rows not."""
    if zipfile.is_zipfile(io.BytesIO(body)):
        return True
    try:
        return isinstance(json.loads(body), dict | list)
    except ValueError:
        return False


_REMOTE: Final = kinds(errors.RemoteError)
_REFUSED: Final = kinds(errors.CredentialRefused, errors.AccessMissing)
_BUGS: Final = kinds(errors.PluginError)
_DATA: Final = kinds(
    errors.SurveyUnavailable, errors.ResultsUnavailable, errors.ExportFailed, errors.NoSurveys
)
_READ_JSON: Final = (
    "read answers with `smaply_metrics_core.http.read_json`, look whether each part is there and "
    "of the kind it has to be, and raise SourceUnavailable where it is not; never go on with less"
)


def _is_outage(problem: Problem, _: object) -> bool:
    return problem.kind in _REMOTE - _REFUSED and problem.issue is not Issue.AUTHENTICATION


def refused(body: bytes) -> HttpFault:
    """401: the secret is not accepted (any more)."""
    return HttpFault(
        "401 is answered",
        status(401, body),
        lambda problem, _: (
            problem.kind == errors.CredentialRefused.kind
            and problem.issue is Issue.AUTHENTICATION
            and not problem.retryable
        ),
        "credential_refused",
        "raise CredentialRefused for 401, wherever it comes, and ask nothing again; give the "
        "body of the tool's own refusal in `refusals` if your source looks at it",
    )


def forbidden(body: bytes, *, as_refusal: bool) -> HttpFault:
    """403: the secret is known, and this is not for it.

    Args:
        body: What the survey tool sends with it.
        as_refusal: Whether this tool also sends it to a secret that it does not know.
    """
    wrong = frozenset() if as_refusal else kinds(errors.CredentialRefused)
    return HttpFault(
        "403 is answered",
        status(403, body),
        lambda problem, _: (
            problem.kind in _REMOTE - wrong and problem.issue not in {None, Issue.CONNECTION}
        ),
        "access_missing, survey_unavailable or results_unavailable, and no Connection issue",
        "raise AccessMissing where the API is not for this user, SurveyUnavailable for one "
        "survey, ResultsUnavailable for its responses; give the body of the tool's own refusal "
        "in `refusals` if your source looks at it",
    )


def not_found(body: bytes) -> HttpFault:
    """404: it is not there."""
    return HttpFault(
        "404 is answered",
        status(404, body),
        lambda problem, of_survey: (
            problem.kind in _REMOTE - _REFUSED and (problem.kind in _DATA or not of_survey)
        ),
        "survey_unavailable where a survey was asked for, else another error of the way there",
        "raise SurveyUnavailable for 404 on a survey, ExportFailed on its export; give the body "
        "of the tool's own refusal in `refusals` if your source looks at it",
    )


def too_many(now: datetime) -> tuple[HttpFault, HttpFault]:
    """429 with a pause too long to wait for, in seconds and as a date."""

    def made(form: str, value: str) -> HttpFault:
        return HttpFault(
            f"429 is answered with Retry-After as {form}",
            status(429, b"{}", ("retry-after", value)),
            lambda problem, _: problem.kind == errors.RateLimited.kind,
            "rate_limited",
            "let the RateLimited of `context.http` pass: it says until when to rest",
        )

    return (
        made("seconds", f"{LONG_PAUSE.total_seconds():.0f}"),
        made("a date", format_datetime(now + LONG_PAUSE, usegmt=True)),
    )


def short_pauses(now: datetime) -> Mapping[str, Disturbance]:
    """429 and 503 that pass when their pause is waited for."""
    seconds = ("retry-after", f"{SHORT_PAUSE.total_seconds():.0f}")
    date = ("retry-after", format_datetime(now + SHORT_PAUSE, usegmt=True))
    return {
        "one 429 with Retry-After in seconds": once(status(429, b"{}", seconds)),
        "one 429 with Retry-After as a date": once(status(429, b"{}", date)),
    }


def outages() -> tuple[HttpFault, ...]:
    """5xx in its usual forms, and one that is a web page."""
    fix = "let the SourceUnavailable of `context.http` pass, and never go on with less"
    answers = {
        **{f"{code} is answered": status(code, b"{}") for code in (500, 502, 504)},
        "503 is answered with a web page": lambda _, __: httpx.Response(
            503, headers=list(HTML), stream=httpx.ByteStream(b"<html>Down for maintenance</html>")
        ),
    }
    return tuple(
        HttpFault(
            name,
            answer,
            lambda problem, _: (
                problem.kind == errors.SourceUnavailable.kind
                and problem.issue is Issue.CONNECTION
                and problem.retryable
            ),
            "source_unavailable, retryable, issue Connection",
            fix,
        )
        for name, answer in answers.items()
    )


def silences() -> tuple[HttpFault, ...]:
    """No answer at all, or one that breaks off."""
    fix = "let the Unreachable of `context.http` pass, and never go on with less"
    answers = {
        "no answer comes in time": network(httpx.ReadTimeout),
        "the connection is refused": network(httpx.ConnectError),
        "the connection breaks off in the middle of the answer": break_off,
    }
    return tuple(
        HttpFault(
            name,
            answer,
            lambda problem, told: _is_outage(problem, told) and problem.retryable,
            "unreachable, retryable",
            fix,
        )
        for name, answer in answers.items()
    )


def malformed() -> tuple[HttpFault, ...]:
    """Answers with 200 that are not what the API sends."""
    answers: Mapping[str, Disturbance] = {
        "a web page is answered": content(b"<html>Please sign in</html>", HTML),
        "damaged JSON is answered": content(b'{"result": [{"id": '),
        "JSON null is answered": content(b"null"),
        "an empty JSON list is answered": content(b"[]"),
        "an empty JSON object is answered": content(b"{}"),
        "a JSON object of another form is answered": content(b'{"unexpected": {"id": 1}}'),
        "a JSON text is answered": content(b'"maintenance"'),
    }
    lists = "an empty JSON list is answered"
    return tuple(
        HttpFault(
            name,
            answer,
            _is_outage,
            "source_unavailable or export_failed",
            _READ_JSON,
            applies=_is_no_list if name == lists else _always,
            as_sent=True,
        )
        for name, answer in answers.items()
    )


def with_status(code: int, *headers: tuple[str, str]) -> Disturbance:
    """Send each answer as it is, under another status."""

    def disturb(_: int, real: Answer) -> httpx.Response:
        whole = real()
        sent = [*whole.headers, *headers]
        return httpx.Response(code, headers=sent, stream=httpx.ByteStream(whole.content))

    return disturb


def unusual() -> tuple[HttpFault, ...]:
    """Statuses that say of an answer that it is none."""
    elsewhere = ("location", "https://elsewhere.example.org/")
    statuses = {
        204: content_under(204),
        302: with_status(302, elsewhere),
        400: with_status(400),
        418: content_under(418),
    }
    return tuple(
        HttpFault(
            f"HTTP {code} is answered",
            answer,
            lambda problem, _: problem.kind in _REMOTE - _REFUSED,
            "an error that blames no credential",
            "take an answer for one when its status is 200, and raise SourceUnavailable for a "
            "status that you do not expect",
        )
        for code, answer in statuses.items()
    )


def content_under(code: int) -> Disturbance:
    """Answer everything with nothing, under a status."""
    return lambda _, __: httpx.Response(code, stream=httpx.ByteStream(b""))


def hollowed() -> HttpFault:
    """Answers of the right form, with nothing in them."""
    return HttpFault(
        "JSON with null in place of every text and number is answered",
        hollow,
        lambda problem, _: problem.kind not in _REFUSED | _BUGS,
        "source_unavailable, or less than usual: as no bug in any case",
        "look of what kind each part is before using it, and raise SourceUnavailable where it is "
        "another: pydantic's ValidationError is a ValueError",
        applies=is_json,
        as_sent=True,
    )


def truncated() -> HttpFault:
    """Half of an answer as if it were all."""
    return HttpFault(
        "the first half of the answer comes as if it were all",
        cut,
        _is_outage,
        "source_unavailable or export_failed",
        _READ_JSON,
        applies=is_structured,
        as_sent=True,
    )


def empty() -> HttpFault:
    """Nothing with 200."""
    return HttpFault(
        "nothing is answered, with 200",
        content(b""),
        _is_outage,
        "source_unavailable or export_failed",
        _READ_JSON,
        as_sent=True,
    )
