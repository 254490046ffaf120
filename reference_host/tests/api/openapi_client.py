"""Reading the OpenAPI document as a client does, and filling its examples with what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from schemathesis.core import NOT_SET

if TYPE_CHECKING:
    from schemathesis import APIOperation, Case

    Operation = APIOperation[Any, Any, Any, Any]


def calls(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give each call of a document: its method in capitals, its path, itself."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to where it leads."""
    while "$ref" in part:
        found = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """Give the schema of a call's body; None when it takes none."""
    body = operation.get("requestBody")
    if body is None:
        return None
    return resolved(document, body["content"]["application/json"]["schema"])


def example_of(operation: Operation) -> Case[Operation]:
    """Make a call as the document's own examples have it."""
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
    """Put values by name into a call's parameters and body; gives the names that it has."""
    used: set[str] = set()
    for place in (case.path_parameters, case.query, case.body):
        if isinstance(place, dict):
            names = place.keys() & values.keys()
            place |= {name: values[name] for name in names}
            used |= names
    return used


def is_one_segment(value: str) -> bool:
    """Whether a parameter stays in its place of the path: any other is an address of its own."""
    text = unquote(value)
    return "/" not in text and text.strip(".") != ""
