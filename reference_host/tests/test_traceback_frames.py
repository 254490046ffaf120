"""No unexpected error of the app carries a secret that was entered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import Role
from tests.traceback_secrets import places_of

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

pytestmark = pytest.mark.usefixtures("own_statements")


@pytest.fixture
def failing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """An app in which connecting fails with an unexpected error."""

    async def fail(*_args: Any, **_named: Any) -> object:  # noqa: ANN401  # Any arguments.
        raise RuntimeError("A bug.")

    monkeypatch.setattr(world.app_state.metrics.connections, "connect", fail)
    return world


def test_the_form(failing: World, caplog: pytest.LogCaptureFixture) -> None:
    """The job that checks the credentials has no token in a frame."""
    page = "/settings/integrations/qualtrics"
    values = {"base_url": failing.sandbox.host, "api_token": TOKEN}

    failing.client(Role.ADMIN).finish(page, page, values)

    assert leaks(caplog.records) == []


def test_the_api(failing: World, caplog: pytest.LogCaptureFixture) -> None:
    """The call that connects a source has no token in the frames of the app."""
    ada = failing.client(Role.ADMIN)
    values = {"base_url": failing.sandbox.host, "api_token": TOKEN}

    answer = ada.post(
        "/api/connections",
        json={"source": "qualtrics", "values": values},
        headers={"x-csrf-token": ada.get("/api/session").json()["csrf_token"]},
    )

    assert answer.status_code == 500
    assert leaks(caplog.records) == []


def leaks(records: list[logging.LogRecord]) -> list[str]:
    """Return the places of the token in the logged errors, of which there is at least one."""
    errors = [record.exc_info[1] for record in records if record.exc_info and record.exc_info[1]]
    assert errors
    return [place for error in errors for place in places_of(error, TOKEN)]
