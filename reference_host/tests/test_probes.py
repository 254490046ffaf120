"""Probes, correlation IDs, the log of jobs, and the last updates of a card."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from reference_host.tests.map_factories import add_map, add_metric, place
from smaply_metrics_core.host import Role, StoreError
from smaply_metrics_host.store.database import Database

if TYPE_CHECKING:
    import pytest

    from reference_host.tests.app_fixture import World


def test_a_probe_needs_no_sign_in_and_shows_no_details(world: World) -> None:
    """Liveness examines nothing; readiness has the result of each check."""
    stranger = world.client(None)
    assert stranger.get("/livez").text == "ok"
    ready = stranger.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "checks": {"database": "ok", "migrations": "ok", "keys": "ok", "maps": "ok"},
    }


def test_a_process_whose_database_fails_is_not_ready(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The details are in the log, for the operator; the process stays alive."""

    def fail(_self: Database) -> None:
        raise StoreError("host.db cannot be used.", remedy="Check the disk.")

    monkeypatch.setattr(Database, "check", fail)
    stranger = world.client(None)
    answer = stranger.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["maps"] == "failed"
    assert "host.db" not in answer.text
    assert "Not ready: maps: host.db cannot be used. Check the disk." in caplog.text
    assert stranger.get("/livez").status_code == 200


def test_a_request_id_is_returned_and_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The refresh that a request starts has its ID; an ID that is not valid is replaced."""
    caplog.set_level(logging.INFO, "smaply_metrics_core")
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world))
    viewer = world.client(Role.VIEWER)
    answer = viewer.get(corner.path, headers={"x-request-id": "proxy-42"})
    assert answer.headers["x-request-id"] == "proxy-42"
    actor = world.actor()
    world.run(world.app_state.metrics.cards.load(actor, wait=60))
    (line,) = [one.getMessage() for one in caplog.records if "Refreshed" in one.getMessage()]
    assert "correlation_id=proxy-42" in line
    assert " request_id=" in line
    replaced = viewer.get("/livez", headers={"x-request-id": "not valid"}).headers["x-request-id"]
    assert replaced not in {"", "not valid"}

    page = viewer.get(corner.path).text
    assert "Last updates:" in page
    assert "succeeded after " in page


def test_a_job_is_one_record(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """With its outcome and its correlation ID, without the ID that gives access to its result."""
    caplog.set_level(logging.INFO, "smaply_metrics_host.jobs")
    world.connect()
    admin = world.client(Role.ADMIN)
    (view,) = world.run(world.app_state.metrics.connections.list(world.actor()))
    page = f"/settings/integrations/{view.id}"
    answer = admin.finish(page, f"{page}/check", {})
    assert answer.status_code == 200
    (line,) = [one.getMessage() for one in caplog.records if one.name.endswith(".jobs")]
    assert line.startswith("The job ended. title=")
    assert " outcome=done account=acme " in line
    assert " correlation_id=" in line
