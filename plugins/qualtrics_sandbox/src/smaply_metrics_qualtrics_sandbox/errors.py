"""The errors of the sandbox.

```
Exception
├── SandboxError          the sandbox is used incorrectly
│   ├── SurveyFolderError   a survey folder is not valid
│   └── ControlError        a call of the control interface is not valid
└── ApiError              an error response of the Qualtrics API
```
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SandboxError(Exception):
    """The sandbox is used incorrectly."""


class SurveyFolderError(SandboxError):
    """A survey folder is not valid.

    Args:
        path: The invalid file or folder.
        problem: What is wrong and what to do.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class ControlError(SandboxError):
    """A call of the control interface is not valid.

    Args:
        message: What is wrong and what is allowed.
        status: The HTTP status of the response, 400 or 404.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ApiError(Exception):
    """An error response of the Qualtrics API.

    Args:
        status: The HTTP status.
        message: The `errorMessage`.
        code: The `errorCode`; None omits it, as the real service sometimes does.
    """

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def status_line(status: int) -> str:
    """Return the `httpStatus` of an envelope, for example `404 - Not Found`."""
    try:
        return f"{status} - {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} - Unknown"


def unauthorized() -> ApiError:
    """Return the error for an invalid token."""
    return ApiError(401, "Unrecognized X-API-TOKEN.", "DCD_7")


def expired_token() -> ApiError:
    """Return the error for a bearer token that has expired."""
    return ApiError(401, "The access token has expired.", "AUTH_6.0")


def no_access() -> ApiError:
    """Return the error for a user without access to the API, or a token without the scope."""
    return ApiError(403, "This user does not have access to this API endpoint.", "AuthZ_2.0")


def survey_not_found() -> ApiError:
    """Return the error for an unknown survey, except on survey-definitions."""
    return ApiError(404, "Survey not found.", "GSI_2")


def no_results() -> ApiError:
    """Return the error for a survey whose results the user cannot view."""
    return ApiError(403, "You do not have permission to view the results of this survey.")


def forbidden_definition() -> ApiError:
    """Return the error for an unknown survey on survey-definitions, which is 403, not 404."""
    return ApiError(403, "The operation is forbidden.", "QMST_2.1")


def resource_not_found() -> ApiError:
    """Return the error for an unknown question, response, export, file or other resource."""
    return ApiError(404, "Resource not found", "UNF_9")


def unknown_route() -> ApiError:
    """Return the error for an unknown path. It has no code."""
    return ApiError(404, "The requested resource does not exist.")


def wrong_method() -> ApiError:
    """Return the error for a known path with another method."""
    return ApiError(405, "The method is not allowed for the requested resource.")


def invalid_request(message: str) -> ApiError:
    """Return the error for an invalid body or parameter."""
    return ApiError(400, message, "QVAL_1")
