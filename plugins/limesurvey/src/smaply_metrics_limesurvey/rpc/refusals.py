"""The errors for what LimeSurvey answers instead of a result.

LimeSurvey refuses with HTTP 200 and a text. The texts differ between versions and, at sign-in,
between languages, so an unknown one never becomes an answer. Texts of LimeSurvey are not repeated
in messages: some name tables, columns and folders of the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from smaply_metrics_core import (
    AccessMissing,
    Audience,
    CredentialRefused,
    MetricsError,
    RateLimited,
    ResultsUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
)

SIGN_IN: Final = "get_session_key"
SIGN_OUT: Final = "release_session_key"
EXPORT: Final = "export_responses"
SURVEYS: Final = "list_surveys"

SESSION: Final = "invalid session key"

_LOCKED: Final = re.compile(r"\b([0-9]{1,4})\s+min|maximum.*attempts", re.IGNORECASE | re.DOTALL)
"""A number of minutes is part of the message in most of LimeSurvey's languages."""
_USUAL_LOCK: Final = 10
_LONGEST_LOCK: Final = 24 * 60


class NothingFound(SourceUnavailable):
    """There are no surveys, questions or responses: an empty list."""


class SessionLost(SourceUnavailable):
    """The session key is not valid, or is no longer valid."""


def refused(method: str, status: str, now: datetime) -> MetricsError:
    """Return the error for the status that LimeSurvey sent instead of a result.

    Args:
        method: The function that was called.
        status: The text.
        now: The current time, from which a lock of sign-ins is counted.
    """
    text = status.strip().casefold()
    if method == SIGN_IN:
        return _sign_in_refused(text, now)
    return _REASONS.get(text, _unknown)(method)


def _sign_in_refused(text: str, now: datetime) -> MetricsError:
    """Return the error for a refused sign-in, which must never be repeated at once."""
    if text == "invalid user name or password":
        return CredentialRefused(
            "LimeSurvey does not accept the user name and password.",
            remedy="Enter the user name and password again. If both are right, check in LimeSurvey "
            "that the user has not expired.",
        )
    if text.startswith("internal database authentication method is not allowed"):
        return AccessMissing(
            "LimeSurvey does not allow this user to sign in with a password.",
            remedy="In LimeSurvey, give the user the global permission “Use internal database "
            "authentication”.",
        )
    locked = _LOCKED.search(text)
    if locked:
        return locked_out(now, int(locked[1] or _USUAL_LOCK))
    return AccessMissing(
        "LimeSurvey refused to sign in this user for a reason that is not known.",
        remedy="Sign in to LimeSurvey with this user name and password, and follow what it says.",
    )


def locked_out(now: datetime, minutes: int) -> RateLimited:
    """Return the error while LimeSurvey rejects all sign-ins from this network address.

    Three wrong passwords lock the address for all users, even with the right password. The
    connection and all others to this server rest until the lock has ended, since each further
    attempt could prolong it.
    """
    pause = timedelta(minutes=min(minutes, _LONGEST_LOCK))
    return RateLimited(
        f"LimeSurvey rejects every sign-in from this installation for {minutes} minutes, because "
        "wrong passwords were entered.",
        retry_at=now + pause,
        whole_server=True,
        remedy="Wait until then; an Admin checks the passwords of all connections to this server.",
        code="login_locked",
    )


def surveys_not_allowed() -> MetricsError:
    """Return the error for a user who may not list surveys."""
    return AccessMissing(
        "LimeSurvey does not allow this user to list surveys.",
        remedy="In LimeSurvey, give the user the permission “Survey: view” for each survey.",
    )


def survey_not_shared() -> MetricsError:
    """Return the error for a survey whose questions the user may not read."""
    return SurveyUnavailable(
        "LimeSurvey does not allow the user of this connection to read the survey's questions.",
        remedy="Ask its owner to give the user the permissions “Survey: view”, “Survey content: "
        "view”, “Responses: view” and “Responses: export” in LimeSurvey, or choose another survey.",
    )


def results_not_shared() -> MetricsError:
    """Return the error for a survey whose responses the user may not export."""
    return ResultsUnavailable(
        "LimeSurvey does not allow the user of this connection to export the survey's responses.",
        remedy="Ask its owner to give the user the permission “Responses: export” in LimeSurvey; "
        "“view” is not sufficient.",
    )


def no_such_survey() -> MetricsError:
    """Return the error for a survey that is not visible."""
    return SurveyUnavailable(
        "The survey was deleted in LimeSurvey, or is not shared with the user of this connection.",
        remedy="Ask its owner to share it, or edit the metric and choose another survey.",
    )


def not_active() -> MetricsError:
    """Return the error for a survey that collects no responses."""
    return ResultsUnavailable(
        "The survey is not active in LimeSurvey, so it has no responses.",
        remedy="Activate the survey in LimeSurvey, or choose another survey.",
    )


def _not_permitted(method: str) -> MetricsError:
    if method == EXPORT:
        return results_not_shared()
    return surveys_not_allowed() if method == SURVEYS else survey_not_shared()


def _changed(_: str) -> MetricsError:
    return SourceUnavailable("The survey was changed in LimeSurvey while it was read.")


def _unknown(method: str) -> MetricsError:
    return SourceUnavailable(
        f"LimeSurvey refused the call {method} for a reason that is not known.",
        remedy="Try again; if it happens again, send the debug bundle to support.",
    )


_REASONS: Final[Mapping[str, Callable[[str], MetricsError]]] = {
    SESSION: lambda _: SessionLost("LimeSurvey ended the session while the data was read."),
    **dict.fromkeys(
        # The last is the answer to an export of a survey without responses.
        ("no surveys found", "no questions found", "no data, could not get max id."),
        lambda method: NothingFound(f"LimeSurvey has nothing to return for {method}."),
    ),
    **dict.fromkeys(
        ("no permission", "permission denied.", "error: no permission"), _not_permitted
    ),
    **dict.fromkeys(("error: invalid survey id", "invalid surveyid"), lambda _: no_such_survey()),
    **dict.fromkeys(
        ("no data, survey table does not exist.", "no available data"), lambda _: not_active()
    ),
    **dict.fromkeys(
        (
            "error: invalid questionid",
            "error: group not found",
            "error: mismatch in surveyid and groupid",
        ),
        _changed,
    ),
}


def switched_off() -> MetricsError:
    """Return the error for an empty answer, which every call gets while the interface is off."""
    return SourceUnavailable(
        "LimeSurvey did not answer: its RemoteControl interface is switched off.",
        remedy="Ask an administrator of LimeSurvey to set Configuration → Global settings → "
        "Interfaces → RPC interface to JSON-RPC.",
        code="interface_off",
    )


def speaks_xml() -> MetricsError:
    """Return the error for an interface that is set to XML-RPC."""
    return SourceUnavailable(
        "LimeSurvey's RemoteControl interface is set to XML-RPC.",
        remedy="Ask an administrator of LimeSurvey to set Configuration → Global settings → "
        "Interfaces → RPC interface to JSON-RPC.",
        code="interface_xml",
    )


def password_of_web_server() -> MetricsError:
    """Return the error for HTTP 401, which LimeSurvey itself never sends."""
    return CredentialRefused(
        "A web server in front of LimeSurvey requires a password of its own (HTTP 401).",
        remedy="Ask the operator of the server to exempt the path admin/remotecontrol.",
    )


def blocked_by_web_server() -> MetricsError:
    """Return the error for HTTP 403, which LimeSurvey itself never sends."""
    return AccessMissing(
        "A web server in front of LimeSurvey blocks this installation (HTTP 403).",
        remedy="Ask the operator of the server to allow requests to admin/remotecontrol.",
        audience=Audience.ADMIN,
    )
