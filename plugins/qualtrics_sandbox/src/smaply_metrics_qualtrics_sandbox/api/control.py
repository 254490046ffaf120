"""The control interface: JSON under `/__sandbox__/`, without a token.

Each call is documented by the method of `SandboxState` with the same purpose. Omitted fields keep
their values. An unknown field or a wrong type is 400 with `{"error": …}` and changes nothing.

| Call | Body |
| --- | --- |
| `POST token` | `{"token": "new"}` replaces the token, `{"token": null}` revokes it |
| `POST oauth` | `{"id", "secret", "scopes", "seconds", "revoke"}` |
| `POST account` | `{"deactivated", "api_access", "proxied_to", "skip_tokens"}` |
| `POST surveys/{id}/responses` | `{"responses": [{"header or ImportId": value}]}` |
| `POST surveys/{id}/questions/{qid}/delete` | `{"to_trash": true}`, or empty: permanently |
| `POST surveys/{id}/questions/{qid}/restore` | `{"as": "QID99"}`, or empty: the same id |
| `POST surveys/{id}/share` | `{"shared", "results", "listed"}` |
| `POST surveys/{id}/filters` | `{"name": "…", "cells": {"header or ImportId": "value"}}` |
| `POST faults` | the fields of `route_faults.RouteFault` |
| `DELETE faults` | |
| `POST exports` | `{"polls", "seconds", "members", "member_name", "byte_order_mark"}` |
| `GET log`, `DELETE log` | |
| `GET state` | |
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from smaply_metrics_qualtrics_sandbox.errors import ControlError
from smaply_metrics_qualtrics_sandbox.sandbox_state import SandboxState

PREFIX = "/__sandbox__"
_BOOLEAN = (bool,)
_INTEGER = (int,)
_NUMBER = (int, float)
_TEXT = (str,)
_TEXT_OR_NULL = (str, type(None))
_Fields = Mapping[str, tuple[type, ...]]
_Operation = Callable[[Mapping[str, str], Mapping[str, Any]], Any]


def control_routes(state: SandboxState) -> list[Route]:
    """Return the routes that control a sandbox."""
    survey = "/surveys/{survey}"
    question = f"{survey}/questions/{{question}}"

    def add(path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, int]:
        return {"added": state.add_responses(path["survey"], body.get("responses", []))}

    def delete(path: Mapping[str, str], body: Mapping[str, Any]) -> None:
        state.delete_question(
            path["survey"], path["question"], to_trash=body.get("to_trash", False)
        )

    def restore(path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, str]:
        new = state.restore_question(path["survey"], path["question"], body.get("as"))
        return {"questionId": new}

    def save_filter(path: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, str]:
        cells = body.get("cells", {})
        return {"filterId": state.add_filter(path["survey"], body.get("name", "Filter"), cells)}

    def token(_: Mapping[str, str], body: Mapping[str, Any]) -> None:
        if "token" not in body:
            raise ControlError('The body must be {"token": "new"} or {"token": null}.')
        state.set_token(body["token"])

    posts: list[tuple[str, _Fields, _Operation]] = [
        ("/token", {"token": _TEXT_OR_NULL}, token),
        (
            "/account",
            {
                "deactivated": _BOOLEAN,
                "api_access": _BOOLEAN,
                "proxied_to": _TEXT_OR_NULL,
                "skip_tokens": _BOOLEAN,
            },
            lambda _, body: state.set_account(**body),
        ),
        (
            "/oauth",
            {
                "id": _TEXT,
                "secret": _TEXT_OR_NULL,
                "scopes": (list,),
                "seconds": _NUMBER,
                "revoke": _BOOLEAN,
            },
            lambda _, body: state.set_oauth(**body),
        ),
        (f"{survey}/filters", {"name": _TEXT, "cells": (dict,)}, save_filter),
        (f"{survey}/responses", {"responses": (list,)}, add),
        (f"{question}/delete", {"to_trash": _BOOLEAN}, delete),
        (f"{question}/restore", {"as": _TEXT}, restore),
        (
            f"{survey}/share",
            {"shared": _BOOLEAN, "results": _BOOLEAN, "listed": _BOOLEAN},
            lambda path, body: state.share(path["survey"], **body),
        ),
        (
            "/faults",
            {
                "route": _TEXT,
                "kind": _TEXT,
                "status": _INTEGER,
                "body": _TEXT,
                "content_type": _TEXT,
                "headers": (dict,),
                "times": _INTEGER,
                "seconds": _NUMBER,
            },
            lambda _, body: state.add_fault(**{"route": "", **body}),
        ),
        (
            "/exports",
            {
                "polls": _INTEGER,
                "seconds": _NUMBER,
                "members": _INTEGER,
                "member_name": _TEXT_OR_NULL,
                "byte_order_mark": _BOOLEAN,
            },
            lambda _, body: state.set_exports(**body),
        ),
    ]
    return [
        *(
            Route(f"{PREFIX}{path}", _endpoint(operation, fields), methods=["POST"])
            for path, fields, operation in posts
        ),
        _plain("/faults", "DELETE", state.clear_faults),
        _plain("/log", "DELETE", state.clear_log),
        _plain("/log", "GET", lambda: {"calls": state.calls()}),
        _plain("/state", "GET", state.describe),
    ]


def _plain(path: str, method: str, operation: Callable[[], Any]) -> Route:
    return Route(f"{PREFIX}{path}", _endpoint(lambda _, __: operation(), {}), methods=[method])


def _endpoint(operation: _Operation, fields: _Fields) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        content = await request.body()
        try:
            body = _checked(content, fields)
            result = await run_in_threadpool(operation, request.path_params, body)
        except ControlError as error:
            return JSONResponse({"error": str(error)}, error.status)
        return JSONResponse({"ok": True} if result is None else result)

    return endpoint


def _checked(content: bytes, fields: _Fields) -> Mapping[str, Any]:
    """Return the body of a control call with validated names and types."""
    if not content:
        return {}
    try:
        body = json.loads(content)
    except ValueError as error:
        raise ControlError(f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ControlError("The body is not a JSON object.")
    for name, value in body.items():
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise ControlError(f"Unknown field {name!r}. The fields of this call are: {known}.")
        fits = isinstance(value, fields[name])
        if isinstance(value, bool) and bool not in fields[name]:
            fits = False
        if not fits:
            wanted = " or ".join(kind.__name__ for kind in fields[name])
            raise ControlError(f"{name} must be {wanted}, not {value!r}.")
    return body
