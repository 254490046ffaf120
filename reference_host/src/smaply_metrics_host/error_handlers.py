"""Error handlers: a page for browsers and a ``Problem`` for API clients, each with a remedy."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from smaply_metrics_core.host import (
    AlreadyExists,
    AmbiguousConnection,
    Audience,
    Blame,
    Cancelled,
    CheckFailed,
    DataError,
    EditConflict,
    EncryptionError,
    FieldProblem,
    InputError,
    LimitReached,
    MetricsError,
    NotFound,
    Problem,
    QuestionUnavailable,
    RateLimited,
    RemoteError,
    Role,
    RoleRequired,
    StoreError,
    SurveyUnavailable,
)
from smaply_metrics_host.dependencies import (
    FormExpired,
    NotSignedIn,
    ShareLinkInvalid,
    SignInLinkInvalid,
)
from smaply_metrics_host.jobs import TooManyJobs
from smaply_metrics_host.web.json_body import BodyTooLarge, NotJson
from smaply_metrics_host.web.middleware import API, SHARED, headers_for
from smaply_metrics_host.web.reader_problem import problem_for
from smaply_metrics_host.web.root_path import app_path, with_root
from smaply_metrics_host.web.server_sent_events import TooManyStreams
from smaply_metrics_host.web.token_buckets import TooManyRequests

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.store.people import Session

logger = logging.getLogger(__name__)

STATUSES: Final[tuple[tuple[type[MetricsError], int], ...]] = (
    (NotSignedIn, 401),
    (RoleRequired, 403),
    (FormExpired, 403),
    (NotFound, 404),
    (SurveyUnavailable, 404),
    (AlreadyExists, 409),
    (AmbiguousConnection, 409),
    (Cancelled, 409),
    (EditConflict, 409),
    (BodyTooLarge, 413),
    (NotJson, 415),
    (LimitReached, 429),
    (TooManyJobs, 429),
    (TooManyRequests, 429),
    (TooManyStreams, 429),
    (InputError, 422),
    (CheckFailed, 422),
    (DataError, 422),
    (QuestionUnavailable, 422),
    (RateLimited, 503),
    (RemoteError, 502),
    (StoreError, 503),
    (EncryptionError, 503),
)
"""The first matching class determines the status; any other error is 502."""

MOST_FIELDS: Final = 20
"""The maximum number of invalid fields in one response."""
TITLES: Final = {
    401: "Sign in",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    422: "Invalid input",
}
_HTTP_MESSAGES: Final = {
    404: "Nothing exists at this address.",
    405: "This address does not support this method.",
}


def status_of(error: MetricsError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 502)


def handle_errors(app: FastAPI) -> None:
    """Add the error handlers to an app."""

    @app.exception_handler(MetricsError)
    async def _metrics(request: Request, error: MetricsError) -> Response:
        if isinstance(error, NotSignedIn) and not _wants_json(request):
            return RedirectResponse("/sign-in", 303)
        headers = _retry_after(request, error)
        link = isinstance(error, SignInLinkInvalid | ShareLinkInvalid)
        often = "Too many requests" if isinstance(error, TooManyRequests) else ""
        title = "This link does not work" if link else often
        return await _answer(request, status_of(error), error.to_problem(), headers, title)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        fields = tuple(
            FieldProblem(name=".".join(map(str, one["loc"])), message=one["msg"])
            for one in error.errors()[:MOST_FIELDS]
        )
        return await _answer(
            request,
            422,
            Problem(
                kind="invalid_input",
                message="; ".join(f"{field.name}: {field.message}" for field in fields),
                remedy="Correct the request; see "
                f"{with_root(request, '/openapi.json')} for its format.",
                blame=Blame.CONFIGURATION,
                audience=Audience.VIEWER,
                fields=fields,
            ),
        )

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        problem = Problem(
            kind="not_found" if error.status_code in {404, 405} else "invalid_input",
            message=_HTTP_MESSAGES.get(error.status_code, str(error.detail)),
            remedy="Send a smaller request."
            if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            else "Check the address, or go back to the previous page.",
            blame=Blame.CONFIGURATION,
            audience=Audience.VIEWER,
        )
        return await _answer(request, error.status_code, problem, error.headers)

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> Response:
        logger.error("A request failed with an unexpected error.", exc_info=error)
        problem = Problem(
            kind="bug",
            message="An internal error occurred.",
            remedy="Try again. If it happens again, contact support and state the time.",
            blame=Blame.PLUGIN,
            audience=Audience.VIEWER,
        )
        app_state: AppState = request.app.state.app_state
        # This handler runs outside the security middleware, so it sets the headers itself.
        headers = headers_for(app_path(request.scope), https=app_state.settings.https)
        return await _answer(request, 500, problem, headers)


async def _answer(
    request: Request, status: int, problem: Problem, headers: object = None, title: str = ""
) -> Response:
    extra_headers = dict(headers) if isinstance(headers, dict) else None
    app_state: AppState = request.app.state.app_state
    as_json, shared = _wants_json(request), app_path(request.scope).startswith(SHARED)
    # It failed before sign-in. Pages of share links are the same for everyone.
    if not as_json and not shared and not hasattr(request.state, "session"):
        try:
            request.state.session = await app_state.authentication.session(request)
        except StoreError:  # The page shows the first error.
            request.state.session = None
    session: Session | None = getattr(request.state, "session", None)
    problem = problem_for(session.person.role if session else Role.VIEWER, problem)
    if as_json:
        return JSONResponse(problem.model_dump(mode="json"), status, extra_headers)
    title = title or TITLES.get(status, "Something went wrong")
    page = "shared_problem.html" if shared else "problem.html"
    return app_state.templates.page(
        request, page, status=status, headers=extra_headers, problem=problem, title=title
    )


def _retry_after(request: Request, error: MetricsError) -> dict[str, str] | None:
    if isinstance(error, TooManyRequests):
        return {"retry-after": str(error.retry_seconds)}
    if not isinstance(error, RateLimited) or error.retry_at is None:
        return None
    app_state: AppState = request.app.state.app_state
    seconds = (error.retry_at - app_state.clock.now()).total_seconds()
    return {"retry-after": str(max(1, math.ceil(seconds)))}


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return app_path(request.scope).startswith(API) or accept.startswith("application/json")
