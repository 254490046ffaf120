"""What the calls' answers say in the OpenAPI document beside their models."""

from __future__ import annotations

from typing import Any

Responses = dict[int | str, dict[str, Any]]

LOCATION: dict[str, Any] = {
    "description": "Where it can be asked for from now on.",
    "required": True,
    "schema": {"type": "string"},
}


def made(status: int, operation: str, parameter: str) -> Responses:
    """Say that the answer tells where what was made is, and which call shows it.

    Args:
        status: Of the answer: 201, or 202 where it is still being made.
        operation: The call that shows it.
        parameter: That call's parameter, which takes the answer's ``id``.
    """
    link = {
        "operationId": operation,
        "parameters": {parameter: "$response.body#/id"},
        "description": "The id of the answer names it.",
    }
    return {status: {"headers": {"Location": LOCATION}, "links": {operation: link}}}


def refused(*statuses: int) -> Responses:
    """Say with which statuses a call may refuse, beside those that follow from what it takes."""
    return {status: {} for status in statuses}
