"""Screenshots of page states: ``python -m reference_host.tests.e2e.screenshots DIR``.

With ``--guide``, the pictures of docs/guide.md instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page

from reference_host.tests.app_fixture import MovableClock, World
from reference_host.tests.e2e import guide_steps
from reference_host.tests.e2e.browser_pages import Browsers, chromium
from reference_host.tests.e2e.guide_parser import PAGE, Guide
from reference_host.tests.e2e.page_states import STATES, State
from reference_host.tests.e2e.page_states_setup import stage

WIDTHS: Final = (390, 768, 1280, 2560)
SETTLED: Final = """() => {
    const images = [...document.images];
    images.forEach((image) => { image.loading = "eager"; });  // Also below the fold.
    document.querySelectorAll(".map-scroll").forEach((map) => map.scrollTo(0, 0));
    return images.every((image) => image.complete);
}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/screenshots"))
    parser.add_argument("--guide", action="store_true", help="take the pictures of docs/guide.md")
    parser.add_argument("--only", default="", help="only names that start with this")
    options = parser.parse_args(arguments)
    with chromium() as browser:
        if options.guide:
            take_guide(browser, options.only)
        else:
            options.folder.mkdir(parents=True, exist_ok=True)
            wanted = [one for one in STATES if one.name.startswith(options.only)]
            for scene in dict.fromkeys(one.scene for one in wanted):
                with stage(MovableClock()) as world:
                    ids = scene(world)
                    for state in wanted:
                        if state.scene is scene:
                            take(browser, world, state, state.path.format(**ids), options.folder)
    return 0


def take(browser: Browser, world: World, state: State, path: str, folder: Path) -> None:
    """Take screenshots of one state in each width, light and dark."""
    browsers = Browsers(browser)
    for width in WIDTHS:
        for dark in (False, True):
            visit = browsers.visit(
                world, state.role, path, account=state.account, width=width, dark=dark
            )
            visit.page.wait_for_load_state("load")
            visit.page.wait_for_function(SETTLED)
            name = f"{state.name}.{width}{'.dark' if dark else ''}.png"
            visit.page.screenshot(path=folder / name, full_page=True)
            visit.page.context.close()


def take_guide(browser: Browser, only: str) -> None:
    """Take the guide's pictures whose names start with ``only``, into the folder next to it."""
    folder = PAGE.parent / "guide"
    folder.mkdir(exist_ok=True)

    def keep(page: Page, name: str) -> None:
        if name.startswith(only):
            page.wait_for_function(SETTLED)
            page.screenshot(path=folder / f"{name}.png")

    clock = MovableClock()
    with stage(clock) as made:
        browsers = Browsers(browser)
        guide = Guide(keep)
        guide_steps.connect(made, browsers, guide)
        guide_steps.make_metrics(made, browsers, guide)
        guide_steps.upload(made, browsers, guide)
        guide_steps.enter_values(made, browsers, guide)
        address = guide_steps.place_them(made, browsers, guide)
        guide_steps.read_it(made, browsers, guide, address, clock)
        guide_steps.fix(made, browsers, guide, address)
        guide_steps.download(made, browsers, guide)
        browsers.close()


if __name__ == "__main__":
    raise SystemExit(main())
