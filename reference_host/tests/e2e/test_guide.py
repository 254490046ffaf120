"""docs/guide.md matches the app: its steps work, its terms are on the pages, its pictures exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.e2e import guide_steps
from reference_host.tests.e2e.guide_parser import PAGE, Guide, sections, shown_pictures

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import MovableClock, World
    from reference_host.tests.e2e.browser_pages import Browsers


@pytest.mark.deep(reason="follows the whole guide in a browser and takes its pictures")
def test_the_guide_can_be_followed(
    world: World, browsers: Browsers, sandbox_clock: MovableClock
) -> None:
    """From an empty account to a map that refreshes, fails and is fixed."""
    guide = Guide(keep=lambda page, _: None)

    guide_steps.connect(world, browsers, guide)
    guide_steps.make_metrics(world, browsers, guide)
    guide_steps.upload(world, browsers, guide)
    guide_steps.enter_values(world, browsers, guide)
    address = guide_steps.place_them(world, browsers, guide)
    guide_steps.read_it(world, browsers, guide, address, sandbox_clock)
    guide_steps.fix(world, browsers, guide, address)
    name = guide_steps.download(world, browsers, guide)

    assert name.startswith("qualtrics-SV_RelationshipA01")
    assert guide.walked == list(sections())
    assert guide.pictures == shown_pictures()
    assert [one.accessibility() for one in browsers.visits] == [[]] * len(browsers.visits)


def test_each_picture_is_there() -> None:
    """The folder has exactly the pictures that the guide shows."""
    there = {file.stem for file in (PAGE.parent / "guide").glob("*.png")}

    assert there == set(shown_pictures())


@pytest.mark.deep(reason="follows the guide in a browser")
def test_a_word_that_is_on_no_page_is_found() -> None:
    """The check of the terms can fail."""
    guide = Guide(keep=lambda page, _: None)

    with pytest.raises(AssertionError, match="not on the pages"), guide.section("Read the map"):
        pass
