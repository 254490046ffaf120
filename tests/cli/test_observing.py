"""``doctor``, ``metric explain``, the log options and the telemetry of the command."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest
from opentelemetry import metrics

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.observability.sdk import telemetry_sdk
from tests.cli.conftest import SURVEY
from tests.ports import free_port

if TYPE_CHECKING:
    from smaply_metrics_qualtrics_sandbox import SandboxServer
    from tests.cli.conftest import Command

ADD = ("--connection", "qualtrics", "--survey", SURVEY, "--calculation", "responses")


def test_the_doctor_explains_failures(new: Command) -> None:
    """Exit code 1 when a check fails, as text and as JSON, with the fix."""
    first = new("doctor")
    assert first.code == 0
    assert "There is no store" in " ".join(first.out.split())
    new.done("db", "upgrade")
    good = new.done("doctor")
    assert good["healthy"]
    assert {check["name"] for check in good["checks"]} == {
        "home",
        "sources",
        "database",
        "migrations",
        "keys",
    }
    bad = {"SMAPLY_METRICS_REFRESH_EXECUTOR": "procrastinate"}
    failed = new("doctor", environment=bad)
    assert failed.code == 1
    assert "✗ queue" in failed.out
    assert "→ Set SMAPLY_METRICS_DATABASE_URL" in failed.out
    as_json = new("doctor", "--json", environment=bad)
    assert as_json.code == 1
    assert not as_json.json["ready"]


def test_a_refresh_is_logged_and_its_attempt_explained(
    linked: Command, sandbox: SandboxServer
) -> None:
    """The record has the fields, and the attempt the same correlation ID; neither has the token."""
    metric = linked.done("metric", "add", "All", *ADD)["id"]
    loaded = linked("card", "load", "--log-level", "info", "--log-format", "json")
    records = [json.loads(line) for line in loaded.err.splitlines() if line.startswith("{")]
    (refreshed,) = [one for one in records if one["logger"].endswith("refresh_log")]
    assert refreshed["outcome"] == "done"
    assert refreshed["source"] == "qualtrics"
    assert refreshed["survey"] == SURVEY
    assert (refreshed["metrics"], refreshed["exports"]) == (1, 1)
    assert refreshed["bytes"] > 0
    assert refreshed["requests"] > 2
    assert refreshed["request_id"]

    sandbox.state.add_fault("export_progress", kind="failed", times=2)
    linked("card", "load", "--now", "2030-01-01T12:00:00Z")
    failed, succeeded = linked.done("metric", "explain", metric)["attempts"]
    assert succeeded["correlation_id"] == refreshed["correlation_id"]
    assert (failed["outcome"], succeeded["outcome"]) == ("failed", "succeeded")
    shown = linked("metric", "explain", metric)
    assert failed["correlation_id"] in shown.out
    assert "failed" in shown.out


@pytest.mark.parametrize("given", ["loud", ""])
def test_a_log_option_that_is_not_valid_is_wrong_usage(new: Command, given: str) -> None:
    """The message names the valid ones."""
    answer = new("source", "list", "--log-level", given)
    assert answer.code == 2
    assert "warning" in answer.err


def test_the_sdk_serves_metrics_to_prometheus() -> None:
    """On a port of its own, which the standard variable chooses; then it is free again."""
    port = free_port()
    chosen = {"OTEL_EXPORTER_PROMETHEUS_PORT": str(port), "OTEL_TRACES_EXPORTER": "console"}
    with telemetry_sdk("tester", chosen):
        metrics.get_meter("tester").create_counter("visits").add(3)
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        with (
            pytest.raises(InputError, match="cannot be served") as taken,
            telemetry_sdk("tester", chosen),
        ):
            pass
    assert "visits_total" in text
    assert 'service_name="tester"' in text
    assert "needs one of its own" in taken.value.remedy
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("localhost", port))


@pytest.mark.parametrize("variable", ["OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER"])
def test_an_unknown_exporter_is_refused(variable: str) -> None:
    """The remedy lists the known ones."""
    given = {"OTEL_METRICS_EXPORTER": "none", variable: "pigeon"}
    with pytest.raises(InputError, match="pigeon") as refused, telemetry_sdk("tester", given):
        pass
    assert "otlp" in refused.value.remedy
