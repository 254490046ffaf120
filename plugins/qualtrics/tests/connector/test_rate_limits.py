"""Tests of rate limits on the sandbox, with a clock that does not block."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from plugins.qualtrics.tests.connector.support import (
    NOW,
    SURVEY,
    TOKEN,
    Account,
    error_of,
    query,
    tally_of,
)
from smaply_metrics_core import Deadline, MetricsError, RateLimited, Tally
from smaply_metrics_core.http import RateLimiter
from smaply_metrics_core.testing import SourceRegistry
from smaply_metrics_qualtrics.source import LIMITS

EXPORTS = f"/API/v3/surveys/{SURVEY}/export-responses"
STARTS, PROGRESS, FILES, SCHEMAS = 100, 1000, 100, 60


def fetch(own: Account, rate_limiter: RateLimiter, *, seconds: float = 600) -> Tally | MetricsError:
    """Answer a query in a session of its own with a shared rate limiter."""
    source = SourceRegistry(clock=own.clock).get("qualtrics")
    credentials = source.parse({"api_token": TOKEN, "base_url": own.sandbox.host})
    with source.session(
        credentials,
        account="a",
        allowed=own.allowed,
        deadline=Deadline.after(seconds, own.clock),
        rate_limiter=rate_limiter,
    ) as session:
        return session.fetch(SURVEY, [query("responses")])["q"]


def spend(own: Account, rate_limiter: RateLimiter, method: str, path: str, times: int) -> None:
    """Use up a part of a budget."""
    for _ in range(times):
        rate_limiter.acquire(method, path, Deadline.after(600, own.clock))


@pytest.mark.parametrize(
    ("method", "path", "per_minute"),
    [
        ("POST", EXPORTS, STARTS),
        ("GET", f"{EXPORTS}/ES_1", PROGRESS),
        ("GET", f"{EXPORTS}/file-1/file", FILES),
        ("GET", f"/API/v3/surveys/{SURVEY}/response-schema", SCHEMAS),
        ("GET", "/API/v3/surveys", 3000),
        ("GET", f"/API/v3/survey-definitions/{SURVEY}", 3000),
    ],
)
def test_each_endpoint_has_its_documented_budget(
    own: Account, method: str, path: str, per_minute: int
) -> None:
    """Requests within the budget do not wait; the next one waits a minute."""
    rate_limiter = RateLimiter(LIMITS, own.clock)
    spend(own, rate_limiter, method, path, per_minute)
    assert own.clock.waits == []
    spend(own, rate_limiter, method, path, 1)
    assert sum(own.clock.waits) == pytest.approx(60)


def test_polling_does_not_use_the_budget_of_export_starts(own: Account) -> None:
    """An export can start although the other budgets are nearly used up."""
    own.sandbox.state.set_exports(polls=0)
    rate_limiter = RateLimiter(LIMITS, own.clock)
    spend(own, rate_limiter, "GET", f"{EXPORTS}/ES_1", PROGRESS - 1)
    spend(own, rate_limiter, "GET", f"{EXPORTS}/file-1/file", FILES - 1)
    spend(own, rate_limiter, "POST", EXPORTS, STARTS - 1)
    assert isinstance(fetch(own, rate_limiter), Tally)
    # The only wait is the one second before the first progress request.
    assert own.clock.waits == [1]


def test_sessions_share_the_budget_of_their_connection(own: Account) -> None:
    """An export start of one session reduces the budget of the next."""
    own.sandbox.state.set_exports(polls=0)
    rate_limiter = RateLimiter(LIMITS, own.clock)
    spend(own, rate_limiter, "POST", EXPORTS, STARTS - 1)
    assert isinstance(fetch(own, rate_limiter), Tally)
    assert own.clock.monotonic() < 10
    assert isinstance(fetch(own, rate_limiter), Tally)
    assert own.clock.monotonic() > 60
    assert len(own.exports()) == 2


def test_a_wait_beyond_the_deadline_fails_immediately(own: Account) -> None:
    """A request that would wait too long raises without waiting."""
    rate_limiter = RateLimiter(LIMITS, own.clock)
    spend(own, rate_limiter, "POST", EXPORTS, STARTS)
    outcome = fetch(own, rate_limiter, seconds=30)
    assert type(outcome) is RateLimited
    assert "100 requests per minute" in outcome.message
    assert own.clock.waits == []
    assert own.exports() == []


@pytest.mark.parametrize("route", ["definition", "export_start", "export_progress", "export_file"])
@pytest.mark.parametrize("form", ["seconds", "date", "none", "nonsense"])
def test_a_429_is_retried(own: Account, route: str, form: str) -> None:
    """``Retry-After`` can be seconds, a date, missing or invalid; export starts are retried too."""
    # The date is evaluated when the 429 arrives, after the clock advanced by earlier waits.
    headers = {
        "seconds": {"Retry-After": "7"},
        "date": {"Retry-After": format_datetime(NOW + timedelta(seconds=9), usegmt=True)},
        "none": {},
        "nonsense": {"Retry-After": "soon"},
    }[form]
    own.sandbox.state.add_fault(route, kind="status", status=429, headers=headers)
    assert tally_of(own.fetch(query("responses"))).window("current").total.responses == 6
    if form == "seconds":
        assert max(own.clock.waits) >= 7
    if form == "date":
        assert own.clock.monotonic() >= 9
    assert own.clock.monotonic() < 30


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_long_retry_after_raises_without_waiting(own: Account, form: str) -> None:
    """The error carries the time of the next attempt, and no further request is sent."""
    until = NOW + timedelta(minutes=10)
    value = "600" if form == "seconds" else format_datetime(until, usegmt=True)
    own.sandbox.state.add_fault(
        "export_start", kind="status", status=429, headers={"Retry-After": value}, times=0
    )
    outcome = error_of(own.fetch(query("responses")))
    assert isinstance(outcome, RateLimited)
    assert outcome.retry_at is not None
    assert abs(outcome.retry_at - until) < timedelta(seconds=2)
    assert len(own.exports()) == 1
    assert own.clock.waits == []


def test_a_persistent_429_is_an_error(own: Account) -> None:
    """It is raised after four attempts."""
    own.sandbox.state.add_fault("export_progress", kind="status", status=429, times=0)
    outcome = error_of(own.fetch(query("responses")))
    assert type(outcome) is RateLimited
    assert outcome.retryable
    assert sum("/export-responses/" in path for path in own.calls()) == 4
