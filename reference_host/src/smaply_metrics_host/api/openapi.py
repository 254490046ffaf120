"""The OpenAPI document: FastAPI's own, completed with what all operations share."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from smaply_metrics_host.api.openapi_schemas import REFERENCE, add_limits, apply_docstring, names_in
from smaply_metrics_host.web.authentication import COOKIE
from smaply_metrics_host.web.middleware import SAFE

if TYPE_CHECKING:
    from fastapi import FastAPI

DESCRIPTION: Final = """\
The functions of the web pages for programs. Start with `GET /api/session`.

- **Authentication**: requests carry the session cookie. Each operation requires a role (`x-role`).
  An ID of another account returns 404.
- **Changes** (all methods except GET) require the session's token in the header `X-CSRF-Token`. A
  request body is a JSON object.
- **Errors** are a `Problem`: what happened, what to do, and the fields that are not valid. Details
  that only an Admin or the operator can act on are hidden from other roles.
- **Long operations** return 202 and a job. Its `Location` reports the progress and the result.
- **Limits**: 256 KB per request body, 5,000 characters per text, 500 items per list. Unknown fields
  and parameters are rejected.
"""
TAGS: Final = {
    "session": "The signed-in person.",
    "sources": "The installed plugins for survey tools.",
    "connections": "The account's credentials for survey tools.",
    "surveys": "The surveys and questions of a connection.",
    "previews": "Results of unsaved metrics.",
    "metrics": "Definitions of metrics.",
    "cards": "Metrics with their latest value, refreshed when due.",
    "maps": "Journey maps: stages as columns, lanes as rows, texts and cards in the cells.",
    "debug bundles": "Archives of a survey's data and diagnostics for support.",
    "jobs": "Long operations, with progress and result.",
    "account": "The account's time zone and first day of the week.",
    "people": "The people of the account.",
    "workspaces": "Workspaces, which contain metrics and journey maps.",
}
SECURITY_SCHEMES: Final = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Set when a person opens a sign-in link. A host with another sign-in "
        "replaces it.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The `csrf_token` of `GET /api/session`.",
    },
}
ERRORS: Final = {
    401: "Not signed in.",
    403: "The role does not allow it, or the CSRF token of a change is missing or not valid.",
    404: "Not found in this account.",
    409: "It already exists, or another user changed it first. Nothing was changed.",
    413: "The request body is too large.",
    415: "The content type is not `application/json`.",
    422: "The input is not valid; see `fields` and `remedy`.",
    429: "This person has too many jobs running.",
    502: "The survey tool or its plugin failed; see `kind` and `retryable`.",
    503: "The database or an encryption key is not available, or the survey tool is rate-limited.",
}
RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds to wait before a retry, if known.",
        "schema": {"type": "integer"},
    }
}


def describe(app: FastAPI) -> None:
    """Make an app return this document, which is built on first access."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # As in FastAPI's docs.


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="Customer-experience metrics on journey maps.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        # One schema per model, for requests and responses.
        separate_input_output_schemas=False,
    )
    components = document["components"]
    components["securitySchemes"] = SECURITY_SCHEMES
    components["responses"] = {_name(status): _error_response(status) for status in ERRORS}
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    bodies = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(operation, path, method.upper())
            bodies.append(operation.get("requestBody"))
    for name in names_in(bodies, schemas):
        add_limits(schemas[name])
    for schema in schemas.values():
        apply_docstring(schema)
    return document


def _complete(operation: dict[str, Any], path: str, method: str) -> None:
    """Add the summary, the role, the security and the error responses of an operation."""
    summary, _, more = operation["description"].partition("\n\n")
    operation["summary"] = summary.replace("\n", " ").rstrip(".")
    role = operation["x-role"].capitalize()
    operation["description"] = f"{more}\n\nRequires the {role} role.".strip()
    changes, body = method not in SAFE, "requestBody" in operation
    operation["security"] = [{"session": [], "csrf": []} if changes else {"session": []}]
    implied = {401: True, 403: changes or role != "Viewer", 404: "{" in path}
    implied |= {413: body, 415: body, 422: True, 503: True}
    responses = operation["responses"]
    for status in ERRORS:
        if implied.get(status) or str(status) in responses:
            responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    operation["responses"] = dict(sorted(responses.items()))


def _error_response(status: int) -> dict[str, Any]:
    schema = {"$ref": f"{REFERENCE}Problem"}
    response: dict[str, Any] = {
        "description": ERRORS[status],
        "content": {"application/json": {"schema": schema}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = RETRY_AFTER
    return response


def _name(status: int) -> str:
    return f"Refused{status}"
