"""Charts in a real browser under a strict content security policy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from playwright.sync_api import expect

from reference_host.tests.e2e.browser_pages import chromium
from smaply_metrics_core.charts import browser_bundle, render_svg, vega_lite
from smaply_metrics_core.models.metric import ChartType
from tests.charts.factories import display, distribution
from tests.charts.gallery_charts import pictures

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.deep(reason="6 s: every picture of the gallery, in a browser")

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'"
)
HTML: Final = "<img src=x onerror=alert(1)>"
RECIPE: Final = Path(__file__).parents[2] / "docs" / "charts.md"

SPECS: Final = [
    vega_lite(distribution({"Sehr zufrieden": 60, HTML: 40}), display(ChartType.BAR)),
    *(vega_lite(picture.result, picture.display) for picture in pictures()),
]


def block(language: str) -> str:
    """Return the code block of a language in docs/charts.md."""
    text = RECIPE.read_text(encoding="utf-8")
    return text.split(f"```{language}\n")[1].split("```")[0]


def page_text() -> str:
    """Return a page with a figure per specification; the server also draws the first one."""
    figures = "".join(
        f'<figure class="chart" data-spec="/spec/{n}"></figure>' for n in range(len(SPECS))
    )
    assert SPECS[0] is not None
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Charts</title>'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/charts.css">'
        f'<div id="server">{render_svg(SPECS[0], 260, 140)}</div>{figures}'
        '<script type="module" src="/charts.js"></script>'
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Serve the page, the documented files, the bundle and the specifications."""
    files = {
        "/": ("text/html", page_text()),
        "/charts.css": ("text/css", block("css")),
        "/charts.js": ("text/javascript", block("javascript")),
        "/vega.js": ("text/javascript", browser_bundle()),
        **{f"/spec/{n}": ("application/json", json.dumps(s)) for n, s in enumerate(SPECS)},
    }

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, text = files[self.path.partition("?")[0]]
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Security-Policy", POLICY)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # Inherited.
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """Script errors and policy violations that the browser reported."""
    return []


@pytest.fixture(scope="module")
def page(address: str, complaints: list[str]) -> Iterator[Page]:
    """The page, in Chromium."""
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1200, "height": 900})
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.goto(address)
        yield opened


def test_every_chart_is_drawn_as_it_comes_into_view(page: Page, complaints: list[str]) -> None:
    """Each chart is drawn in the size of its figure, without errors or policy violations."""
    figures = page.locator("figure.chart")
    assert page.locator("figure.chart svg").count() < figures.count(), "not lazy"

    for n in range(figures.count()):
        figure = figures.nth(n)
        figure.scroll_into_view_if_needed()
        drawn = figure.locator("svg")
        drawn.wait_for()
        size, room = drawn.bounding_box(), figure.bounding_box()
        assert size is not None
        assert room is not None
        assert size["width"] == pytest.approx(room["width"], abs=1)
        assert size["height"] == pytest.approx(room["height"], abs=1)
        assert drawn.locator("path[d], text").count() > 1

    assert complaints == []
    assert page.locator("style").count() == 0


def test_hovering_shows_label_and_value(page: Page, complaints: list[str]) -> None:
    """The tooltip shows the mark under the pointer as text and is hidden with it."""
    figure, tip = page.locator("figure.chart").first, page.locator(".chart-tip")
    figure.scroll_into_view_if_needed()
    box = figure.bounding_box()
    assert box is not None

    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.5)
    expect(tip).to_have_text(f"{HTML}\n40%\nn = 40", use_inner_text=True)
    expect(tip).to_be_visible()

    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    expect(tip).to_have_text("Sehr zufrieden\n60%\nn = 60", use_inner_text=True)

    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    assert page.locator("img").count() == 0
    assert complaints == []


def test_server_side_svg_respects_the_policy(page: Page, complaints: list[str]) -> None:
    """The SVG needs no script and has titles with label and value."""
    drawing = page.locator("#server svg")

    assert drawing.get_attribute("aria-label") == page.locator("figure.chart svg").first.evaluate(
        "drawn => drawn.closest('figure').getAttribute('aria-label')"
    )
    assert drawing.locator("title").all_text_contents() == [
        "Sehr zufrieden\n60%\nn = 60",
        f"{HTML}\n40%\nn = 40",
    ]
    assert complaints == []


def test_charts_follow_the_theme_of_the_page(page: Page) -> None:
    """When the system switches to dark mode, charts are requested again in the dark theme."""
    with page.expect_request(lambda request: "theme=dark" in request.url):
        page.emulate_media(color_scheme="dark")
