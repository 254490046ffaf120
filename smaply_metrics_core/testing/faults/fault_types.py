"""The faults of networks and survey tools, and the errors that a source may report for them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Final

import httpx

from smaply_metrics_core import errors
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Issue, Problem
from smaply_metrics_core.testing.faults.disturbances import (
    HTML,
    break_off,
    content,
    network_error,
    once,
    recorded_with_status,
    replace_with_nulls,
    status,
    status_without_body,
    truncate,
)
from smaply_metrics_core.testing.faults.replay import Disturbance, RecordedRequest

LONG_PAUSE: Final = timedelta(hours=2)
REFUSED: Final = "the connection is refused"
SHORT_PAUSE: Final = timedelta(seconds=7)


def _always(_: bytes) -> bool:
    return True


def _every_request(_: RecordedRequest) -> bool:
    return True


@dataclass(frozen=True)
class HttpFault:
    """One fault.

    Attributes:
        name: The fault, as in “when {name} from request 2 on”.
        disturb: Returns the responses with the fault.
        accepts: Whether a reported problem is correct, given whether one survey was requested.
        expected: The correct problem, for messages.
        fix: How to fix a source that reports something else.
        applies: Whether replacing a body with this content is a fault.
        storable: Whether it looks like a valid response, so that a debug bundle may store it.
        only: Whether a request gets the fault.
    """

    name: str
    disturb: Disturbance
    accepts: Callable[[Problem, bool], bool]
    expected: str
    fix: str
    applies: Callable[[bytes], bool] = _always
    storable: bool = False
    only: Callable[[RecordedRequest], bool] = _every_request


def error_kinds(*classes: type[MetricsError]) -> frozenset[str]:
    """Return the kinds of error classes and of all their subclasses."""
    found = {one.kind for one in classes}
    for one in classes:
        found |= error_kinds(*one.__subclasses__()) if one.__subclasses__() else set()
    return frozenset(found)


def is_json(body: bytes) -> bool:
    """Whether a body is a JSON object or list."""
    try:
        return isinstance(json.loads(body), dict | list)
    except ValueError:
        return False


def is_structured(body: bytes) -> bool:
    """Whether truncation of a body can be detected: of JSON and ZIP, but not of plain rows."""
    return zipfile.is_zipfile(io.BytesIO(body)) or is_json(body)


def _is_not_list(body: bytes) -> bool:
    return not body.lstrip().startswith(b"[")  # An empty list may be a valid list.


_REMOTE: Final = error_kinds(errors.RemoteError)
_CREDENTIALS: Final = error_kinds(errors.CredentialRefused, errors.AccessMissing)
_BUGS: Final = error_kinds(errors.PluginError)
_DATA: Final = error_kinds(
    errors.SurveyUnavailable, errors.ResultsUnavailable, errors.ExportFailed, errors.NoSurveys
)
_READ_JSON: Final = (
    "read responses with `smaply_metrics_core.http.read_json`, validate that each part exists and "
    "has the expected type, and raise SourceUnavailable otherwise; never continue with partial data"
)


def _is_outage(problem: Problem, _: object) -> bool:
    return problem.kind in _REMOTE - _CREDENTIALS and problem.issue is not Issue.AUTHENTICATION


def unauthorized(body: bytes) -> HttpFault:
    """Return 401: the secret is not valid or no longer valid."""
    return HttpFault(
        "401 is returned",
        status(401, body),
        lambda problem, _: (
            problem.kind == errors.CredentialRefused.kind
            and problem.issue is Issue.AUTHENTICATION
            and not problem.retryable
        ),
        "credential_refused",
        "raise CredentialRefused for every 401 and repeat no request; set the survey tool's own "
        "body in `refusals` if your source reads it",
    )


def forbidden(body: bytes, *, for_bad_secret: bool) -> HttpFault:
    """Return 403: the secret is valid, but does not permit this request.

    Args:
        body: The survey tool's response body.
        for_bad_secret: Whether the survey tool also sends 403 for a secret that is not valid.
    """
    wrong = frozenset() if for_bad_secret else error_kinds(errors.CredentialRefused)
    return HttpFault(
        "403 is returned",
        status(403, body),
        lambda problem, _: (
            problem.kind in _REMOTE - wrong and problem.issue not in {None, Issue.CONNECTION}
        ),
        "access_missing, survey_unavailable or results_unavailable, and no Connection issue",
        "raise AccessMissing if the user may not use the API, SurveyUnavailable for a survey, or "
        "ResultsUnavailable for its responses; set the survey tool's own body in `refusals` if "
        "your source reads it",
    )


def not_found(body: bytes) -> HttpFault:
    """Return 404: the requested resource does not exist."""
    return HttpFault(
        "404 is returned",
        status(404, body),
        lambda problem, of_survey: (
            problem.kind in _REMOTE - _CREDENTIALS and (problem.kind in _DATA or not of_survey)
        ),
        "survey_unavailable for a request about a survey, else another remote error",
        "raise SurveyUnavailable for 404 on a survey and ExportFailed on its export; set the "
        "survey tool's own body in `refusals` if your source reads it",
    )


def long_rate_limits(now: datetime) -> tuple[HttpFault, HttpFault]:
    """Return 429 with a pause that is too long to wait for, in seconds and as a date."""

    def rate_limit(form: str, retry_after: str) -> HttpFault:
        return HttpFault(
            f"429 is returned with Retry-After as {form}",
            status(429, b"{}", ("retry-after", retry_after)),
            lambda problem, _: problem.kind == errors.RateLimited.kind,
            "rate_limited",
            "do not catch RateLimited of `context.http`, which has the time of the next request",
        )

    return (
        rate_limit("seconds", f"{LONG_PAUSE.total_seconds():.0f}"),
        rate_limit("a date", format_datetime(now + LONG_PAUSE, usegmt=True)),
    )


def short_rate_limits(now: datetime) -> Mapping[str, Disturbance]:
    """Return one 429 with a pause that is short enough to wait for, in seconds and as a date."""
    seconds = ("retry-after", f"{SHORT_PAUSE.total_seconds():.0f}")
    date = ("retry-after", format_datetime(now + SHORT_PAUSE, usegmt=True))
    return {
        "one 429 with Retry-After in seconds": once(status(429, b"{}", seconds)),
        "one 429 with Retry-After as a date": once(status(429, b"{}", date)),
    }


def outages() -> tuple[HttpFault, ...]:
    """Return the usual 5xx statuses, one of them with a web page."""
    fix = "do not catch SourceUnavailable of `context.http`, and never continue with partial data"
    disturbances: Mapping[str, Disturbance] = {
        **{f"{code} is returned": status(code, b"{}") for code in (500, 502, 504)},
        "503 is returned with a web page": status(
            503, b"<html>Down for maintenance</html>", headers=HTML
        ),
    }
    return tuple(
        HttpFault(
            name,
            disturb,
            lambda problem, _: (
                problem.kind == errors.SourceUnavailable.kind
                and problem.issue is Issue.CONNECTION
                and problem.retryable
            ),
            "source_unavailable, retryable, issue Connection",
            fix,
        )
        for name, disturb in disturbances.items()
    )


def network_failures() -> tuple[HttpFault, ...]:
    """Return a timeout, a refused connection, and a connection that breaks within a response."""
    fix = "do not catch Unreachable of `context.http`, and never continue with partial data"
    disturbances = {
        "requests time out": network_error(httpx.ReadTimeout),
        REFUSED: network_error(httpx.ConnectError),
        "the connection breaks in the middle of the response": break_off,
    }
    return tuple(
        HttpFault(
            name,
            disturb,
            lambda problem, of_survey: _is_outage(problem, of_survey) and problem.retryable,
            "unreachable, retryable",
            fix,
        )
        for name, disturb in disturbances.items()
    )


def malformed() -> tuple[HttpFault, ...]:
    """Return bodies that the API does not send, with status 200."""
    empty_list = "an empty JSON list is returned"
    disturbances: Mapping[str, Disturbance] = {
        "a web page is returned": content(b"<html>Please sign in</html>", HTML),
        "invalid JSON is returned": content(b'{"result": [{"id": '),
        "JSON null is returned": content(b"null"),
        empty_list: content(b"[]"),
        "an empty JSON object is returned": content(b"{}"),
        "an unexpected JSON object is returned": content(b'{"unexpected": {"id": 1}}'),
        "a JSON string is returned": content(b'"maintenance"'),
    }
    return tuple(
        HttpFault(
            name,
            disturb,
            _is_outage,
            "source_unavailable or export_failed",
            _READ_JSON,
            applies=_is_not_list if name == empty_list else _always,
            storable=True,
        )
        for name, disturb in disturbances.items()
    )


def unexpected_statuses() -> tuple[HttpFault, ...]:
    """Return statuses that an API with JSON bodies does not send."""
    redirect = ("location", "https://elsewhere.example.org/")
    disturbances = {
        204: status_without_body(204),
        302: recorded_with_status(302, redirect),
        400: recorded_with_status(400),
        418: status_without_body(418),
    }
    return tuple(
        HttpFault(
            f"HTTP {code} is returned",
            disturb,
            lambda problem, _: problem.kind in _REMOTE - _CREDENTIALS,
            "an error that does not blame the credentials",
            "accept only the expected status, and raise SourceUnavailable for any other",
        )
        for code, disturb in disturbances.items()
    )


def null_values() -> HttpFault:
    """Return bodies with the recorded structure in which every value is null."""
    return HttpFault(
        "JSON with null instead of every text and number is returned",
        replace_with_nulls,
        lambda problem, _: problem.kind not in _CREDENTIALS | _BUGS,
        "source_unavailable or fewer items, but no bug",
        "validate the type of each part before use, and raise SourceUnavailable if it is wrong; "
        "pydantic's ValidationError is a ValueError",
        applies=is_json,
        storable=True,
    )


def truncated() -> HttpFault:
    """Return half of a body as if it were complete."""
    return HttpFault(
        "the first half of the response is returned as if it were complete",
        truncate,
        _is_outage,
        "source_unavailable or export_failed",
        _READ_JSON,
        applies=is_structured,
        storable=True,
    )


def empty() -> HttpFault:
    """Return an empty body with status 200."""
    return HttpFault(
        "an empty body is returned with 200",
        content(b""),
        _is_outage,
        "source_unavailable or export_failed",
        _READ_JSON,
        storable=True,
    )
