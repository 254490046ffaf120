"""The fixtures of the pytest plugin, and the messages of failures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import httpx
import pytest

import smaply_metrics_core as sm
from smaply_metrics_core.http import pages
from smaply_metrics_core.testing import Canary, ContextFactory, ManualClock
from smaply_metrics_core.testing.faults import disturbances
from smaply_metrics_core.testing.faults.replay import Disturbance
from smaply_metrics_core.testing.recording.cassettes import CassetteSession
from smaply_metrics_core.testing.suite.runner import run_test
from tests.contract_suite.mutants.contracts import HttpContract, InMemoryContract
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials
from tests.contract_suite.mutants.in_memory_source import InMemorySource

pytest_plugins = ["pytester"]


def hello(_: httpx.Request) -> httpx.Response:
    """Return the same response to every request."""
    return httpx.Response(200, json={"said": "hello"})


def test_the_clock_moves_only_on_request(frozen_clock: ManualClock) -> None:
    """The clock moves only when it is advanced."""
    before = frozen_clock.now()
    assert frozen_clock.now() == before
    frozen_clock.forward(90)
    assert (frozen_clock.now() - before).total_seconds() == 90


def test_a_context_sends_requests_to_the_server_of_the_test(source_context: ContextFactory) -> None:
    """A function responds to the requests of the context's client."""
    context = source_context(hello)
    assert context.http.get("/v1/me").json() == {"said": "hello"}
    assert context.destinations[0].host == "api.example.com"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (disturbances.status(503, b"{}"), sm.SourceUnavailable),
        (disturbances.network_error(httpx.ReadTimeout), sm.Unreachable),
        (disturbances.break_off, sm.Unreachable),
        (disturbances.status(429, b"{}", ("retry-after", "7200")), sm.RateLimited),
    ],
)
def test_a_fault_begins_at_the_named_request(
    source_context: ContextFactory, fault: Disturbance, error: type[sm.MetricsError]
) -> None:
    """The fault occurs from the given request on."""
    context = source_context(hello, fault=fault, at=2)
    assert context.http.get("/v1/me").status_code == 200
    with pytest.raises(error):
        context.http.get("/v1/me")


def test_a_fault_may_occur_once(source_context: ContextFactory, frozen_clock: ManualClock) -> None:
    """A request with a single fault is retried, with the clock of the test."""
    context = source_context(hello, fault=disturbances.once(disturbances.status(503, b"{}")))
    (page,) = pages(context.http, "/v1/list", lambda _: None)
    assert page.json() == {"said": "hello"}
    assert frozen_clock.monotonic() >= 0


def test_a_missing_recording_is_reported(
    cassette: Callable[[str], AbstractContextManager[CassetteSession]],
) -> None:
    """The fixture reads the folder next to the test file, and reports a missing cassette."""
    with (
        pytest.raises(AssertionError, match=r"no cassette check\.yaml(.|\n)*Fix: "),
        cassette("check"),
    ):
        pass


def test_a_canary_that_does_not_leak_passes(canary: Canary) -> None:
    """A test passes if its secret is never printed or logged."""
    assert canary.secret not in repr(canary)
    canary.expect_absent("a text", "nothing", b"to see")
    with pytest.raises(AssertionError, match="Fix: send the secret only with"):
        canary.expect_absent("an address", f"/v1/me?token={canary.secret}")


@pytest.mark.parametrize(
    "act", ["print(canary.secret)", "logging.getLogger('x').info(canary.secret)"]
)
def test_a_canary_that_leaks_fails_the_test(pytester: pytest.Pytester, act: str) -> None:
    """A test that prints or logs the secret fails."""
    pytester.makepyfile(f"import logging\n\ndef test_it(canary):\n    {act}\n")
    done = pytester.runpytest_inprocess("-q")
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*The secret occurs in *"])


def test_the_plugin_is_light() -> None:
    """The plugin does not import data frame, HTTP or database libraries."""
    code = (
        "import sys, smaply_metrics_core.testing.pytest_plugin\n"
        "import smaply_metrics_core.testing.pytest_report\n"
        "print(*{'polars', 'httpx', 'sqlalchemy', 'vcr', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=180
    )
    assert done.stdout.split() == []


class ForbiddenDestination(HttpSource):
    """A source with a destination that is not allowed."""

    @sm.hookimpl
    def destinations(self) -> Sequence[sm.Destination]:
        """Return a destination on this machine."""
        return [sm.Destination(kind="host", host="localhost")]


class RaisingHook(HttpSource):
    """A source with a hook that raises."""

    @sm.hookimpl
    def list_questions(
        self, credentials: HttpSourceCredentials, context: sm.SourceContext, survey_id: str
    ) -> sm.Questionnaire:
        """Raise an error that is not of the error tree."""
        raise KeyError("questions")


@pytest.mark.parametrize(
    ("contract", "source", "test", "fix"),
    [
        (
            HttpContract,
            ForbiddenDestination(),
            "test_the_check_passes",
            "Fix: return from the hook `destinat",
        ),
        (HttpContract, RaisingHook(), "test_questions_are_unique_and_well_formed", "Fix: correct "),
        (InMemoryContract, InMemorySource, "test_the_check_passes", "Fix: set `source` to an id"),
        (InMemoryContract, object(), "test_the_check_passes", "Fix: set `source` to an id"),
    ],
)
def test_every_failure_ends_with_a_fix(
    contract: type[InMemoryContract], source: object, test: str, fix: str
) -> None:
    """A rejected destination, a hook that raises, and an invalid source each have a fix."""
    verdict = run_test(type("Broken", (contract,), {"source": source}), test)
    assert verdict.outcome == "failed"
    assert verdict.message.rpartition("\n")[2].startswith(fix), verdict.message
