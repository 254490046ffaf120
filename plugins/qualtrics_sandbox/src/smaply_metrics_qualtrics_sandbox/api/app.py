"""The HTTP application: authorizes, handles and logs the calls of the API."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from smaply_metrics_qualtrics_sandbox.api import endpoints
from smaply_metrics_qualtrics_sandbox.api.control import control_routes
from smaply_metrics_qualtrics_sandbox.api.dropped_connections import ConnectionDropper, Dropped
from smaply_metrics_qualtrics_sandbox.api.endpoints import Answer, Call
from smaply_metrics_qualtrics_sandbox.dates import to_iso
from smaply_metrics_qualtrics_sandbox.errors import (
    ApiError,
    status_line,
    unauthorized,
    unknown_route,
)
from smaply_metrics_qualtrics_sandbox.route_faults import HTML, RouteFault
from smaply_metrics_qualtrics_sandbox.sandbox_state import SandboxState
from smaply_metrics_qualtrics_sandbox.surveys.definition import Json

PREFIX = "/API/v3"
_TOKEN_HEADER = "x-api-token"  # noqa: S105 - the name of a header
_NETWORK = frozenset({"status", "html", "malformed", "drop", "hang"})


def make_app(state: SandboxState, connections: ConnectionDropper) -> ASGIApp:
    """Return the application for a state."""
    api = _ApiHandler(state, connections)
    app = Starlette(
        routes=[
            *(
                Route(f"{PREFIX}{path}", api.endpoint(name, work), methods=[method])
                for method, path, name, work in endpoints.ROUTES
            ),
            *control_routes(state),
        ],
        exception_handlers={HTTPException: api.no_route},
    )
    app.router.redirect_slashes = False
    return _WithoutTrailingSlash(app)


class _WithoutTrailingSlash:
    """Middleware that removes a trailing slash from the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
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

    def endpoint(
        self, name: str, work: Callable[[Call], Answer]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint function of one route."""

        async def endpoint(request: Request) -> Response:
            content = await request.body()
            with self._state.lock:
                fault = self._state.faults.take(name)
            if fault is not None and fault.kind in _NETWORK:
                outcome = self._network(fault)
                outcome.authorized = self._is_authorized(request)
            else:
                outcome = await run_in_threadpool(self._answer, request, content, work, fault)
            self._record(request, name, content, outcome)
            return outcome.response

        return endpoint

    async def no_route(self, request: Request, error: Exception) -> Response:  # noqa: ARG002
        """Return the response for an unknown path or method."""
        outcome = self._failure(request, unknown_route())
        outcome.authorized = self._is_authorized(request)
        self._record(request, None, await request.body(), outcome)
        return outcome.response

    def _answer(
        self,
        request: Request,
        content: bytes,
        work: Callable[[Call], Answer],
        fault: RouteFault | None,
    ) -> _CallResult:
        authorized = False
        try:
            _require_body(request.method, content)
            self._authorize(request)
            authorized = True
            call = Call(
                state=self._state,
                params=request.path_params,
                query=request.query_params,
                base=f"{request.url.scheme}://{request.headers.get('host', '')}",
                content=content,
                fault=fault.kind if fault else None,
            )
            outcome = self._success(request, work(call))
        except ApiError as error:
            outcome = self._failure(request, error)
        outcome.authorized = authorized
        return outcome

    def _authorize(self, request: Request) -> None:
        token = request.headers.get(_TOKEN_HEADER)
        if token is None:
            raise ApiError(400, "Expected authorization in headers, but none provided.", "ATP_2")
        if not token:
            raise ApiError(400, "An apiToken must be provided.", "ATC_1")
        account = self._state.account
        if not self._state.knows(token) or account.deactivated:
            raise unauthorized()
        if not account.api_access:
            raise ApiError(403, "This user does not have access to this API endpoint.", "AuthZ_2.0")

    def _is_authorized(self, request: Request) -> bool:
        try:
            self._authorize(request)
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
