"""A check that is called off changes nothing, however far it had come."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Cancelled
from tests.host.conftest import ADMIN, TOKEN

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost, StepResult


class CalledOff:
    """Put as ``on_step``: calls the check off when a step ends."""

    def __init__(self, after: str) -> None:
        self.event = threading.Event()
        self._after = after

    def __call__(self, step: StepResult) -> None:
        """Call it off after the step of that name."""
        if step.name == self._after:
            self.event.set()


@pytest.mark.parametrize("after", ["reach", "authenticate", "list_surveys"])
def test_connecting_that_is_called_off_stores_nothing(host: MetricsHost, after: str) -> None:
    """Even after the last step, nothing is stored once somebody has said stop."""
    off = CalledOff(after)

    with pytest.raises(Cancelled):
        host.connections.connect(
            ADMIN, "shop", {"api_token": TOKEN}, on_step=off, cancelled=off.event
        )

    assert host.connections.list(ADMIN) == ()


def test_an_edit_that_is_called_off_keeps_the_old_credentials(connected: MetricsHost) -> None:
    """What was stored before stays as it was."""
    (before,) = connected.connections.list(ADMIN)
    off = CalledOff("list_surveys")

    with pytest.raises(Cancelled):
        connected.connections.edit(
            ADMIN, "shop", {"nickname": "new"}, on_step=off, cancelled=off.event
        )

    assert connected.connections.list(ADMIN) == (before,)


def test_checking_again_that_is_called_off_keeps_what_was_known(connected: MetricsHost) -> None:
    """The last check that ended is the one that counts."""
    (before,) = connected.connections.list(ADMIN)
    off = CalledOff("reach")

    with pytest.raises(Cancelled):
        connected.connections.check(ADMIN, "shop", on_step=off, cancelled=off.event)

    assert connected.connections.list(ADMIN) == (before,)
