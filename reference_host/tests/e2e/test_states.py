"""Each state of each page: it says what it should, fits the window, and is open to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.e2e.states import STATES, State

if TYPE_CHECKING:
    from reference_host.tests.e2e.browsing import Browsers, Visit
    from reference_host.tests.world import World

PHONE = 390
DESK = 1280


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_is_told_and_fits(world: World, browsers: Browsers, state: State) -> None:
    """On a phone and on a desk, light and dark: in words, without sideways scrolling, for axe."""
    path = state.arrange(world)

    desk = browsers.visit(world, state.role, path, account=state.account, width=DESK)
    desk.page.get_by_text(state.says).first.wait_for(state="attached")
    assert desk.accessibility() == []
    assert too_wide(desk) == 0

    phone = browsers.visit(world, state.role, path, account=state.account, width=PHONE, dark=True)
    phone.page.get_by_text(state.says).first.wait_for(state="attached")
    assert phone.accessibility() == []
    assert too_wide(phone) == 0


def too_wide(visit: Visit) -> int:
    """Give by how many pixels a page is wider than its window."""
    wide: int = visit.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return max(0, wide)
