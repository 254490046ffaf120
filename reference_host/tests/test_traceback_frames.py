"""No unexpected error of the app carries a secret that was entered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import Role
from tests.traceback_secrets import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reference_host.tests.app_fixture import World

pytestmark = pytest.mark.usefixtures("own_statements")


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans and metrics of all libraries, as with an operator's exporters."""
    exporter = InMemorySpanExporter()
    tracers, meters = TracerProvider(), MeterProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: tracers)
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: meters)
    return exporter


@pytest.fixture
def leaks() -> Iterator[Leaks]:
    """The leaks in the errors that the app logs."""
    leaks = Leaks()
    logging.getLogger().addHandler(leaks)
    yield leaks
    logging.getLogger().removeHandler(leaks)


@pytest.fixture
def failing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An app in which connecting fails with an unexpected error."""

    async def fail(*_args: Any, **_named: Any) -> object:  # noqa: ANN401  # Any arguments.
        raise RuntimeError("A bug.")

    monkeypatch.setattr(world.app_state.metrics.connections, "connect", fail)
    return world


def test_the_form(failing: World, leaks: Leaks) -> None:
    """The job that checks the credentials has no token in a frame."""
    page = "/settings/integrations/qualtrics"
    values = {"base_url": failing.sandbox.host, "api_token": TOKEN}

    failing.client(Role.ADMIN).finish(page, page, values)

    assert leaks.errors > 0
    assert leaks.places == []


@pytest.mark.usefixtures("exporter")
def test_the_api(failing: World, leaks: Leaks) -> None:
    """The call that connects a source has no token in the frames of the app."""
    ada = failing.client(Role.ADMIN)
    values = {"base_url": failing.sandbox.host, "api_token": TOKEN}

    answer = ada.post(
        "/api/connections",
        json={"source": "qualtrics", "values": values},
        headers={"x-csrf-token": ada.get("/api/session").json()["csrf_token"]},
    )

    assert answer.status_code == 500
    assert leaks.errors > 0
    assert leaks.places == []


def test_no_span_has_the_token_of_a_link(world: World, exporter: InMemorySpanExporter) -> None:
    """Paths and queries are not exported: those of invitations and shared maps sign somebody in."""
    answer = world.client(None).get(f"/sign-in/{TOKEN}", params={"next": TOKEN})

    assert TOKEN in str(answer.url)
    assert TOKEN not in "".join(span.to_json() for span in exporter.get_finished_spans())


class Leaks(logging.Handler):
    """Searches logged errors for the token while they are logged, when a request has not ended."""

    def __init__(self) -> None:
        super().__init__()
        self.errors = 0
        self.places: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Add the places of the token in what the error carries."""
        if record.exc_info and record.exc_info[1]:
            self.errors += 1
            self.places += places_of(record.exc_info[1], TOKEN)
