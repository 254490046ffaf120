"""Responses of operations in the OpenAPI document, in addition to their models."""

from __future__ import annotations

from typing import Any

Responses = dict[int | str, dict[str, Any]]

LOCATION: dict[str, Any] = {
    "description": "The URL of the new object.",
    "required": True,
    "schema": {"type": "string"},
}


def created(status: int, operation: str, parameter: str) -> Responses:
    """Return a response with a ``Location`` header and a link to the operation that shows it.

    Args:
        status: 201, or 202 for a job.
        operation: The operation that shows the new object.
        parameter: The parameter of that operation for the ``id`` of the response.
    """
    link = {
        "operationId": operation,
        "parameters": {parameter: "$response.body#/id"},
        "description": "The `id` of the response is the parameter.",
    }
    return {status: {"headers": {"Location": LOCATION}, "links": {operation: link}}}


def errors(*statuses: int) -> Responses:
    """Return the error responses that do not follow from the parameters of an operation."""
    return {status: {} for status in statuses}
