"""The HTTP application: authorizes, handles and logs the calls of the API."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from smaply_metrics_qualtrics_sandbox.api import (
    account_routes,
    definition_routes,
    survey_routes,
)
from smaply_metrics_qualtrics_sandbox.api.calls import PREFIX, Answer, Call, SandboxRoute
from smaply_metrics_qualtrics_sandbox.api.control import control_routes
from smaply_metrics_qualtrics_sandbox.api.dropped_connections import ConnectionDropper, Dropped
from smaply_metrics_qualtrics_sandbox.dates import to_iso
from smaply_metrics_qualtrics_sandbox.errors import (
    ApiError,
    no_access,
    status_line,
    unauthorized,
    unknown_route,
    wrong_method,
)
from smaply_metrics_qualtrics_sandbox.oauth import OauthError
from smaply_metrics_qualtrics_sandbox.route_faults import HTML, RouteFault
from smaply_metrics_qualtrics_sandbox.sandbox_state import SandboxState
from smaply_metrics_qualtrics_sandbox.surveys.definition import Json

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - a path
_TOKEN_HEADER = "x-api-token"  # noqa: S105 - the name of a header
_NETWORK = frozenset({"status", "html", "malformed", "drop", "hang"})


def make_app(state: SandboxState, connections: ConnectionDropper) -> ASGIApp:
    """Return the application for a state."""
    api = _ApiHandler(state, connections)
    app = Starlette(
        routes=[
            *(
                Route(f"{PREFIX}{route.path}", api.endpoint(route), methods=[route.method])
                for route in (
                    *account_routes.ROUTES,
                    *survey_routes.ROUTES,
                    *definition_routes.ROUTES,
                )
            ),
            Route(TOKEN_PATH, api.endpoint(None), methods=["POST"]),
            *control_routes(state),
        ],
        exception_handlers={HTTPException: api.no_route},
    )
    app.router.redirect_slashes = False
    return _WithoutExtraSlashes(app)


class _WithoutExtraSlashes:
    """Middleware that removes a trailing slash and repeated slashes from the path.

    The API accepts both: clients join a base URL and a path that each have a slash.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = re.sub("/+", "/", scope["path"])
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


@dataclass
class _CallResult:
    """The response to a call and the values to log."""

    response: Response
    status: int | None
    authorized: bool = False


class _ApiHandler:
    """Authorizes, handles and logs the calls of the API."""

    def __init__(self, state: SandboxState, connections: ConnectionDropper) -> None:
        self._state = state
        self._connections = connections

    def endpoint(self, route: SandboxRoute | None) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint function of a route, or with None that of the token endpoint."""
        name = route.name if route else "token"

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            with self._state.lock:
                fault = self._state.faults.take(name)
            if fault is not None and fault.kind in _NETWORK:
                outcome = self._network(fault)
                outcome.authorized = self._is_authorized(request, route)
            elif route is None:
                outcome = await run_in_threadpool(self._issue, request, content)
            else:
                outcome = await run_in_threadpool(self._answer, request, content, route, fault)
            self._record(request, name, content, outcome)
            return outcome.response

        return endpoint

    async def no_route(self, request: Request, error: Exception) -> Response:
        """Return the response for an unknown path or method."""
        known = (
            isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        )
        outcome = self._failure(request, wrong_method() if known else unknown_route())
        if isinstance(error, HTTPException):
            outcome.response.headers.update(error.headers or {})
        outcome.authorized = self._is_authorized(request, None)
        self._record(request, None, await request.body(), outcome)
        return outcome.response

    def _issue(self, request: Request, content: bytes) -> _CallResult:
        """Return the response to a request for a bearer token."""
        try:
            if self._state.account.proxied_to or self._state.account.deactivated:
                raise unauthorized()
            issued = self._state.issue_bearer(request.headers.get("authorization", ""), content)
        except ApiError as error:
            return self._failure(request, error)
        except OauthError as error:
            response = _json(error.status, error.body)
            if error.status == HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = 'Basic realm="oauth2"'
            return _CallResult(response, error.status)
        return _CallResult(_json(200, issued), 200, authorized=True)

    def _answer(
        self,
        request: Request,
        content: bytes,
        route: SandboxRoute,
        fault: RouteFault | None,
    ) -> _CallResult:
        authorized = False
        try:
            _require_body(request.method, content)
            self._authorize(request, route)
            authorized = True
            call = Call(
                state=self._state,
                path=request.url.path.removeprefix(PREFIX),
                params=request.path_params,
                query=request.query_params,
                base=f"{request.url.scheme}://{request.headers.get('host', '')}",
                content=content,
                fault=fault.kind if fault else None,
            )
            outcome = self._success(request, route.work(call))
        except ApiError as error:
            outcome = self._failure(request, error)
        outcome.authorized = authorized
        return outcome

    def _authorize(self, request: Request, route: SandboxRoute | None) -> None:
        """Check the token, and that a bearer token has the scope of the route."""
        token = request.headers.get(_TOKEN_HEADER)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        by_bearer = token is None and scheme.lower() == "bearer"
        if by_bearer:
            token = bearer.strip()
        if token is None:
            raise ApiError(400, "Expected authorization in headers, but none provided.", "ATP_2")
        if not token:
            raise ApiError(400, "An apiToken must be provided.", "ATC_1")
        account, state = self._state.account, self._state
        if account.deactivated or (by_bearer and account.proxied_to):
            raise unauthorized()
        if by_bearer:
            scope = route.scope if route else ""
            if not state.oauth.allows(token, scope, state.now()) and route is not None:
                raise no_access()
        elif not state.knows(token):
            raise unauthorized()
        if not account.api_access:
            raise no_access()

    def _is_authorized(self, request: Request, route: SandboxRoute | None) -> bool:
        try:
            self._authorize(request, route)
        except ApiError:
            return False
        return True

    def _meta(self, request: Request | None, status: int) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "httpStatus": status_line(status),
            "requestId": str(uuid.uuid4()),
        }
        host = self._state.account.proxied_to
        if host and request is not None and request.method == "GET":
            meta["notice"] = (
                f"Request proxied. For faster response times, use this host instead: {host}"
            )
        return meta

    def _success(self, request: Request, answer: Answer) -> _CallResult:
        if isinstance(answer, Response):
            return _CallResult(answer, answer.status_code)
        body = {"result": answer, "meta": self._meta(request, 200)}
        return _CallResult(_json(200, body), 200)

    def _failure(self, request: Request | None, error: ApiError) -> _CallResult:
        details = {"errorMessage": error.message}
        if error.code is not None:
            details["errorCode"] = error.code
        meta = self._meta(request, error.status)
        meta = {"httpStatus": meta.pop("httpStatus"), "error": details, **meta}
        return _CallResult(_json(error.status, {"meta": meta}), error.status)

    def _network(self, fault: RouteFault) -> _CallResult:
        """Return the response for a fault that does not depend on the request."""
        if fault.kind == "drop":
            return _CallResult(Dropped(self._connections), None)
        if fault.kind == "hang":
            return _CallResult(Dropped(self._connections, fault.seconds), None)
        status = fault.status or 200
        if fault.kind == "html":
            outcome = _CallResult(Response(HTML, status, media_type="text/html"), status)
        elif fault.kind == "malformed":
            content = '{"result":{"elements":[{"id":"SV_'
            outcome = _CallResult(Response(content, status, media_type="application/json"), status)
        elif fault.body is not None:
            outcome = _CallResult(
                Response(fault.body, status, media_type=fault.content_type), status
            )
        else:
            outcome = self._failure(None, ApiError(status, status_line(status).partition(" - ")[2]))
        outcome.response.headers.update(fault.headers)
        return outcome

    def _record(
        self, request: Request, name: str | None, content: bytes, outcome: _CallResult
    ) -> None:
        self._state.record(
            {
                "at": to_iso(self._state.now()),
                "method": request.method,
                "route": name,
                "path": request.url.path,
                "query": dict(parse_qsl(request.url.query, keep_blank_values=True)),
                "status": outcome.status,
                "authorized": outcome.authorized,
                "body": _body(content),
            }
        )


def _require_body(method: str, content: bytes) -> None:
    if method == "POST" and not content:
        raise ApiError(411, "A request body and its Content-Length are required.")


def _json(status: int, body: Mapping[str, Any]) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def _body(content: bytes) -> Json:
    """Return the body of a request for the log: parsed, or as text if it is not JSON."""
    if not content:
        return None
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
