"""The OpenAPI document: what FastAPI makes of the calls, and what is the same for all of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from smaply_metrics_host.api.openapi_schemas import REFERENCE, bound, names_in, take_words
from smaply_metrics_host.web.authentication import COOKIE
from smaply_metrics_host.web.middleware import SAFE

if TYPE_CHECKING:
    from fastapi import FastAPI

DESCRIPTION: Final = """\
Everything that the pages do, for programs. Begin with `GET /api/session`.

- **Who asks**: the session's cookie. Every call needs a role (`x-role`); an id of another account
  is not found.
- **Changes** (everything but GET) carry the session's token in the header `X-CSRF-Token`, and
  their body is a JSON object.
- **Refusals** are a Problem: what happened, what to do about it, and by field what does not fit.
- **What takes longer** than a request is a job: the answer is 202, and its Location tells how far
  it is.
- **Bounds**: a body has up to 256 KB, a text 5,000 characters, a list 500 items. Nothing unknown is
  taken: neither a field nor a parameter.
"""
TAGS: Final = {
    "session": "Who is signed in.",
    "sources": "What is installed to measure with.",
    "connections": "The credentials with which the account reaches a source.",
    "surveys": "What a connection offers to make metrics of.",
    "previews": "Measuring without saving.",
    "metrics": "What is measured.",
    "cards": "Metrics with their last good value, refreshed when it is due.",
    "maps": "Journey maps: stages as columns, lanes as rows, texts and cards in the cells.",
    "debug bundles": "A survey's data and everything around it, for support.",
    "jobs": "What runs longer than a request.",
    "account": "What the account decides about time.",
    "people": "Who is in the account.",
    "workspaces": "The parts of the account.",
}
SECURITY_SCHEMES: Final = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Given when a sign-in link is followed. A host with a sign-in of its own "
        "puts that in its place.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRF-Token",
        "description": "The csrf_token of GET /api/session.",
    },
}
REFUSALS: Final = {
    401: "Nobody is signed in.",
    403: "Not for this role; or, of a change, without the session's token.",
    404: "This account has no such thing.",
    409: "Somebody else came first, or it is there already. Nothing was changed.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "What was sent does not fit: it says which field, why, and what to do.",
    429: "Too many jobs of this person are running.",
    502: "The survey tool, or the source, failed. The problem says how, and whether to try again.",
    503: "The store or a key cannot be used; or the survey tool asks to wait (Retry-After).",
}
RETRY_AFTER: Final = {
    "Retry-After": {
        "description": "Seconds after which to ask again, where the survey tool said so.",
        "schema": {"type": "integer"},
    }
}


def describe(app: FastAPI) -> None:
    """Make an app give this document; it is made when it is first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # The way that FastAPI's manual shows.


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary="Customer-experience metrics on journey maps.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": said} for name, said in TAGS.items()],
        # One schema for each model, whether it is sent or given.
        separate_input_output_schemas=False,
    )
    components = document["components"]
    components["securitySchemes"] = SECURITY_SCHEMES
    components["responses"] = {_name(status): _refusal(status) for status in REFUSALS}
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    bodies = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(operation, path, method.upper())
            bodies.append(operation.get("requestBody"))
    for name in names_in(bodies, schemas):
        bound(schemas[name])
    for schema in schemas.values():
        take_words(schema)
    return document


def _complete(operation: dict[str, Any], path: str, method: str) -> None:
    """Add what is the same for every call, and what follows from what it takes."""
    summary, _, more = operation["description"].partition("\n\n")
    operation["summary"] = summary.replace("\n", " ").rstrip(".")
    role = operation["x-role"].capitalize()
    operation["description"] = f"{more}\n\nNeeds the role {role}.".strip()
    changes, body = method not in SAFE, "requestBody" in operation
    operation["security"] = [{"session": [], "csrf": []} if changes else {"session": []}]
    follows = {401: True, 403: changes or role != "Viewer", 404: "{" in path}
    follows |= {413: body, 415: body, 422: True, 503: True}
    responses = operation["responses"]
    for status in REFUSALS:
        if follows.get(status) or str(status) in responses:
            responses[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    operation["responses"] = dict(sorted(responses.items()))


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": f"{REFERENCE}Problem"}
    refusal: dict[str, Any] = {
        "description": REFUSALS[status],
        "content": {"application/json": {"schema": schema}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        refusal["headers"] = RETRY_AFTER
    return refusal


def _name(status: int) -> str:
    return f"Refused{status}"
