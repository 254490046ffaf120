"""A cancelled check changes nothing, however far it has come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Cancelled
from tests.host.conftest import ADMIN, TOKEN

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost, StepResult


class CancelAfterStep:
    """A callback for ``on_step`` that cancels the check after a step."""

    def __init__(self, after: str) -> None:
        self.event = threading.Event()
        self._after = after

    def __call__(self, step: StepResult) -> None:
        """Cancel the check after the step with this name."""
        if step.name == self._after:
            self.event.set()


@pytest.mark.parametrize("after", ["reach", "authenticate", "list_surveys"])
def test_a_cancelled_connect_stores_nothing(host: MetricsHost, after: str) -> None:
    """Even when cancelled after the last step, nothing is stored."""
    off = CancelAfterStep(after)

    with pytest.raises(Cancelled):
        host.connections.connect(
            ADMIN, "shop", {"api_token": TOKEN}, on_step=off, cancelled=off.event
        )

    assert host.connections.list(ADMIN) == ()


def test_a_cancelled_edit_keeps_the_old_credentials(connected: MetricsHost) -> None:
    """The stored credentials do not change."""
    (before,) = connected.connections.list(ADMIN)
    off = CancelAfterStep("list_surveys")

    with pytest.raises(Cancelled):
        connected.connections.edit(
            ADMIN, "shop", {"nickname": "new"}, on_step=off, cancelled=off.event
        )

    assert connected.connections.list(ADMIN) == (before,)


def test_a_cancelled_check_keeps_the_stored_outcome(connected: MetricsHost) -> None:
    """The outcome of the last completed check is kept."""
    (before,) = connected.connections.list(ADMIN)
    off = CancelAfterStep("reach")

    with pytest.raises(Cancelled):
        connected.connections.check(ADMIN, "shop", on_step=off, cancelled=off.event)

    assert connected.connections.list(ADMIN) == (before,)
