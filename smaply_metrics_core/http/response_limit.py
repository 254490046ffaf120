"""The maximum size of a response that is not streamed, and how a source raises it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import httpx

from smaply_metrics_core.input_limits.json_value import MOST_BYTES, MOST_VALUES
from smaply_metrics_core.models.base import FrozenDict

MOST_AT_ONCE: Final = 64 * 2**20
"""The maximum size in bytes of a response that is not streamed, since it is held in memory."""
MOST_WITH_REASON: Final = 512 * 2**20
"""The maximum to which a source can raise it."""

_LIMIT: Final = "smaply_metrics.response_limit"

_log: Final = logging.getLogger("smaply_metrics_core.http")


def large_response(most_bytes: int, *, reason: str) -> Mapping[str, Any]:
    """Return the request extension that raises the limit of a response that is not streamed.

    For tools that send an export as one JSON text: ``client.post("/rpc", json=call,
    extensions={**SAFE_TO_REPEAT, **large_response(128 * 2**20, reason="…")})``. ``read_json``
    accepts the response, with proportionally more values. Stream a response instead if the tool
    allows it: this one is held in memory.

    Args:
        most_bytes: The maximum size, before and after decompression; more than 64 MiB and at most
            512 MiB.
        reason: Why the survey tool sends a response of this size, for the log.

    Raises:
        ValueError: if the limit is outside of this range, or there is no reason.
    """
    if not MOST_AT_ONCE < most_bytes <= MOST_WITH_REASON:
        raise ValueError("the limit of a large response must be above 64 MiB and at most 512 MiB")
    if not reason.strip():
        raise ValueError("a large response requires a reason")
    return FrozenDict({_LIMIT: (most_bytes, reason)})


def response_limit(request: httpx.Request) -> int:
    """Return the maximum size in bytes of the response to a request if it is not streamed."""
    most, reason = request.extensions.get(_LIMIT, (MOST_AT_ONCE, ""))
    if reason:
        _log.debug("a response of up to %d MiB is accepted: %s", most // 2**20, reason)
    return int(most)


def json_limits(request: httpx.Request) -> tuple[int, int]:
    """Return the maximum number of bytes and of values of the JSON of a response."""
    if _LIMIT not in request.extensions:
        return MOST_BYTES, MOST_VALUES
    most = response_limit(request)
    return most, MOST_VALUES * most // MOST_BYTES
