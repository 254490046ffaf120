"""The operations of tools that have one URL for all of them: JSON-RPC and GraphQL.

Describing a source does not load httpx, so this module does not either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smaply_metrics_core.input_limits.json_value import JsonRefused, parse_json

if TYPE_CHECKING:
    import httpx


def json_rpc_method(request: httpx.Request) -> str:
    """Return the method of a JSON-RPC call, for ``SourceDescription.operation``.

    The methods of a batch are separated by commas. A request that is no call has no operation.
    """
    call = _json_body(request)
    calls = call if isinstance(call, list) else [call]
    return ",".join(filter(None, (_text(one, "method") for one in calls)))


def graphql_operation(request: httpx.Request) -> str:
    """Return the ``operationName`` of a GraphQL request, for ``SourceDescription.operation``.

    A request without one has no operation, whatever its query is.
    """
    return _text(_json_body(request), "operationName")


def _json_body(request: httpx.Request) -> Any:  # noqa: ANN401  # JSON.
    """Return the JSON of a request; ``None`` if its body is streamed or is not JSON."""
    try:
        return parse_json(request.content)
    except (RuntimeError, JsonRefused):  # ``httpx.RequestNotRead`` is a RuntimeError.
        return None


def _text(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
