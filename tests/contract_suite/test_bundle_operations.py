"""A debug bundle as a cassette, of a tool with one URL for all operations."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from smaply_metrics_core import json_rpc_method
from smaply_metrics_core.http import Exchange
from smaply_metrics_core.testing.recording.bundle_cassette import BundleCassette

FAILED = Exchange(
    at=datetime(2026, 6, 1, tzinfo=UTC),
    method="POST",
    host="surveys.example.com",
    path="/rpc",
    operation="export",
    status=503,
    milliseconds=1,
)


@pytest.mark.parametrize(("method", "status"), [("list", 200), ("export", 503), ("unknown", 404)])
def test_only_the_operation_that_failed_fails(method: str, status: int) -> None:
    """The pattern of an answer is of the path and the operation."""
    cassette = BundleCassette((FAILED,), {"/rpc list": b"[]"}, {}, json_rpc_method)

    with httpx.Client(transport=cassette.transport()) as client:
        response = client.post("https://surveys.example.com/rpc", json={"method": method})

    assert response.status_code == status
