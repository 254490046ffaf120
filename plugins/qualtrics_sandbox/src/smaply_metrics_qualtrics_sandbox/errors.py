"""What can go wrong in the sandbox.

```
Exception
├── SandboxError          a mistake of the person who runs the sandbox
│   ├── SurveyFolderError   a survey folder that can't be served
│   └── ControlError        an operation on the running sandbox that can't be done
└── ApiError              an answer of the Qualtrics API that isn't 200
```
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SandboxError(Exception):
    """A mistake of the person who runs the sandbox, said in one message."""


class SurveyFolderError(SandboxError):
    """A survey folder that can't be served.

    Args:
        path: The file at fault.
        problem: What is wrong with it and what to do.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class ControlError(SandboxError):
    """A call of the control interface that can't be done.

    Args:
        message: What is wrong and what is allowed.
        status: HTTP status of the answer, 400 or 404.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class ApiError(Exception):
    """An answer of the Qualtrics API that isn't 200.

    Args:
        status: HTTP status.
        message: The `errorMessage`.
        code: The `errorCode`; None leaves it out, as the real service sometimes does.
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
    """Return the answer to a token that isn't valid."""
    return ApiError(401, "Unrecognized X-API-TOKEN.", "DCD_7")


def survey_not_found() -> ApiError:
    """Return the answer to an unknown survey outside of survey-definitions."""
    return ApiError(404, "Survey not found.", "GSI_2")


def forbidden_definition() -> ApiError:
    """Return the answer to an unknown or foreign survey on survey-definitions: 403, not 404."""
    return ApiError(403, "The operation is forbidden.", "QMST_2.1")


def resource_not_found() -> ApiError:
    """Return the answer to an unknown question, export or file."""
    return ApiError(404, "Resource not found", "UNF_9")


def unknown_route() -> ApiError:
    """Return the answer to a path that the API doesn't have; it carries no code."""
    return ApiError(404, "The requested resource does not exist.")


def invalid_request(message: str) -> ApiError:
    """Return the answer to a body or a parameter that doesn't validate."""
    return ApiError(400, message, "QVAL_1")
