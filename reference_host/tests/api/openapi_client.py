"""Reading the OpenAPI document as a client, and filling its examples with existing ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from schemathesis.core import NOT_SET

if TYPE_CHECKING:
    from schemathesis import APIOperation, Case

    Operation = APIOperation[Any, Any, Any, Any]


def calls(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation of a document with its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Return the part that a reference points to."""
    while "$ref" in part:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema of an operation's request body; None if it has none."""
    body = operation.get("requestBody")
    if body is None:
        return None
    return resolved(document, body["content"]["application/json"]["schema"])


def example_of(operation: Operation) -> Case[Operation]:
    """Return a request built from the examples of the document."""
    raw, document = operation.definition.raw, operation.schema.raw_schema
    parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}}
    for parameter in raw.get("parameters", ()):
        if parameter["required"]:
            parts[parameter["in"]][parameter["name"]] = parameter["schema"]["examples"][0]
    schema = body_schema(document, raw)
    body = dict(schema["examples"][0]) if schema else NOT_SET
    return operation.Case(
        path_parameters=parts["path"],
        query=parts["query"],
        body=body,
        media_type="application/json" if schema else None,
    )


def with_values(case: Case[Operation], values: Mapping[str, Any]) -> set[str]:
    """Set values in the parameters and body of a request and return the names that it has."""
    used: set[str] = set()
    for place in (case.path_parameters, case.query, case.body):
        if isinstance(place, dict):
            names = place.keys() & values.keys()
            place |= {name: values[name] for name in names}
            used |= names
    return used


def is_one_segment(value: str) -> bool:
    """Whether a value is one path segment, so that it does not lead to another route."""
    text = unquote(value)
    return "/" not in text and text.strip(".") != ""
