"""Spans of requests: the attributes of the conventions, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from smaply_metrics_core import RateLimited, RequestLimit
from smaply_metrics_core.http import RateLimiter
from smaply_metrics_core.redaction import Redactor
from tests.telemetry_recorder import recording

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

SECRET = "session-key-0001-hunter2"
REASONS = ("limit", "retry_after")


def test_each_attempt_has_a_span_without_secrets_and_queries(clients: Clients) -> None:
    """A retry is counted; a failure has the kind of its error, and the status if there is one."""
    answers = iter([503, 404])
    client = clients(lambda _: httpx.Response(next(answers), json={}), redactor=Redactor([SECRET]))
    with recording() as recorder:
        client.get(f"/API/v3/{SECRET}/surveys?token={SECRET}")

    first, second = recorder.spans("GET")
    assert dict(second.attributes or {}) == {
        "http.request.method": "GET",
        "http.request.resend_count": 1,
        "http.response.status_code": 404,
        "server.address": "fra1.qualtrics.com",
        "server.port": 443,
        "url.full": "https://fra1.qualtrics.com/API/v3/••••/surveys",
        "error.type": "404",
    }
    assert (first.attributes or {})["http.response.status_code"] == 503
    assert (first.attributes or {})["error.type"] == "source_unavailable"
    assert not first.status.is_ok
    assert SECRET not in f"{first.to_json()} {second.to_json()}"


def test_waits_for_rate_limits_are_measured(clients: Clients, clock: HandClock) -> None:
    """Those of the source's own limit, and those that the survey tool requires."""
    answers = iter([200, 200, 429, 200])
    client = clients(
        lambda _: httpx.Response(next(answers), headers={"retry-after": "7"}),
        limits=RateLimiter([RequestLimit(method="GET", path="/limited", per_minute=1)], clock),
    )
    with recording() as recorder:
        client.get("/limited")
        client.get("/limited")
        client.get("/other")
        samples = recorder.samples()

    sums = {name: value for name, value in samples.items() if "wait_seconds_sum" in name}
    assert {
        reason: value for name, value in sums.items() for reason in REASONS if f'"{reason}"' in name
    } == {"limit": 60, "retry_after": 7}
    assert all('server_address="fra1.qualtrics.com"' in name for name in sums)


def test_an_exception_has_its_kind_and_not_its_text(clients: Clients) -> None:
    """Its text may have a secret, even if it is redacted elsewhere."""
    client = clients(lambda _: httpx.Response(429, headers={"retry-after": "3600"}))
    with recording() as recorder:
        with pytest.raises(RateLimited):
            client.get("/surveys")
        (span,) = recorder.spans("GET")
    assert (span.attributes or {})["error.type"] == "rate_limited"
    assert span.events == ()
    assert not span.status.description
