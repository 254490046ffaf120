"""SVG rendering on the server: safe output and caching."""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from smaply_metrics_core.charts import render_svg, renderer, vega_lite
from smaply_metrics_core.charts.renderer import MOST_PIXELS, SvgRenderer
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.metric import ChartType
from tests.charts.factories import display, distribution, number
from tests.charts.gallery_charts import Picture, pictures

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

    from smaply_metrics_core.charts.theme import ThemeName

SVG = "{http://www.w3.org/2000/svg}"
HARMLESS = {"svg", "g", "path", "line", "text", "tspan", "rect", "title"}
REFERENCE = re.compile(r"url\(|href|data:|javascript:|http(?!://www\.w3\.org/)", re.IGNORECASE)
HTML = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def spec_of(picture: Picture, theme: ThemeName = "light") -> dict[str, Any]:
    """Return the specification of a picture."""
    spec = vega_lite(picture.result, picture.display, theme=theme)
    assert spec is not None
    return spec


SPECIAL = re.compile(r"titles right|languages|long labels|\d\d (groups|rows|days)|eleven")
LIKE_BARS = re.compile(r"horizontal_bar, (?!answers|months|intervals, target)")


def drawn() -> list[ParameterSet]:
    """Return all pictures; some are deep that differ from bar charts only in their type."""
    deep = pytest.mark.deep(reason="2 s with the others; every change draws them as bars")

    def is_deep(name: str) -> bool:
        special = SPECIAL.search(name) and not name.startswith("bar,")
        return bool(special or LIKE_BARS.match(name))

    return [
        pytest.param(
            picture,
            id=picture.name,
            marks=[deep] if is_deep(picture.name) else [],
        )
        for picture in pictures()
    ]


@pytest.mark.parametrize("picture", drawn())
def test_every_picture_is_drawn_safely(picture: Picture) -> None:
    """A drawing has the requested size and no script, style or external reference."""
    spec = spec_of(picture)

    drawn = render_svg(spec, 260, 140)

    root = ET.fromstring(drawn)  # noqa: S314  # Our own output.
    assert (root.get("width"), root.get("height")) == ("260", "140")
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= HARMLESS
    names = {name for element in root.iter() for name in element.attrib}
    assert not any(name == "style" or name.startswith("on") for name in names)
    markup = re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", drawn)
    assert REFERENCE.search(markup) is None
    assert (root.get("role"), root.get("aria-label")) == ("img", spec["description"])


def test_html_in_labels_stays_text() -> None:
    """HTML in a label is escaped everywhere in a drawing."""
    for chart in (ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE):
        spec = vega_lite(distribution({HTML: 60, "B": 40}), display(chart))
        assert spec is not None

        drawn = render_svg(spec, 600, 300)

        assert "<img" not in drawn
        assert "<script" not in drawn
        assert "&lt;img src=x" in drawn


def test_emoji_survive_truncation() -> None:
    """A long label of characters with two UTF-16 units is not truncated within a character."""
    emoji = "😀👩‍👩‍👧" * 40
    for chart in (ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE):
        spec = vega_lite(distribution({emoji: 60, "B": 40}), display(chart))
        assert spec is not None

        root = ET.fromstring(render_svg(spec, 260, 140))  # noqa: S314  # As above.

        assert emoji in str(spec["description"])
        assert root.get("aria-label") == spec["description"]
        assert any("😀" in (text.text or "") for text in root.iter(f"{SVG}text"))


@pytest.mark.parametrize(
    "character", ["\x00", "\x12", "\x1f", "\ud83d", "\ufffe", "\u2028", "\u2029"]
)
def test_no_character_aborts_the_process(character: str) -> None:
    """Characters that are not valid in XML are replaced, because vl-convert aborts on them."""
    label = f"A{character}B"
    in_expression = {"expr": json.dumps(label)}
    spec = {
        "data": {"values": [{"label": label}]},
        "mark": {"type": "text", "limit": 40},
        "encoding": {"text": {"field": "label"}},
        "title": {"text": in_expression},
        "description": label,
    }

    root = ET.fromstring(render_svg(spec, 260, 140))  # noqa: S314  # As above.

    assert [text.text for text in root.iter(f"{SVG}text")] == ["A B", "A B"]
    assert root.get("aria-label") == "A B"


def test_marks_have_titles() -> None:
    """The title of a mark, which browsers show on hover, has its label and value."""
    spec = vega_lite(distribution({"Ja": 60, "Nein": 40}), display(ChartType.BAR))
    assert spec is not None

    root = ET.fromstring(render_svg(spec, 260, 140))  # noqa: S314  # As above.

    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles == ["Ja\n60%\nn = 60", "Nein\n40%\nn = 40"]


@pytest.mark.parametrize("size", [(0, 140), (260, 0), (MOST_PIXELS + 1, 140), (-1, -1)])
def test_invalid_sizes_are_rejected(size: tuple[int, int]) -> None:
    """An invalid size is rejected, and the remedy names the valid sizes."""
    with pytest.raises(InputError) as refused:
        render_svg({}, *size)

    assert f"{MOST_PIXELS:,}" in refused.value.remedy


class Pencil:
    """A replacement for vl-convert that records its calls."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.at_once = threading.Semaphore(1)
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def vegalite_to_svg(self, spec: str, *, vl_version: str) -> str:
        """Return an empty drawing; fail on concurrent calls."""
        assert self.at_once.acquire(blocking=False), "concurrent calls"
        self.drawn.append(json.loads(spec)["description"])
        assert self.may_go_on.wait(120)
        self.at_once.release()
        return '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def pencil(monkeypatch: pytest.MonkeyPatch) -> Pencil:
    """Replace vl-convert."""
    made = Pencil()
    monkeypatch.setattr(renderer, "_vl_convert", lambda: made)
    return made


def test_drawings_are_cached(pencil: Pencil) -> None:
    """A specification is drawn once for each size."""
    svg_renderer = SvgRenderer()

    first = svg_renderer.draw({"description": "a"}, 260, 140)

    assert svg_renderer.draw({"description": "a"}, 260, 140) == first
    assert pencil.drawn == ["a"]
    svg_renderer.draw({"description": "a"}, 600, 300)
    assert pencil.drawn == ["a", "a"]


def test_the_cache_is_limited(pencil: Pencil) -> None:
    """The least recently used drawing is evicted first."""
    svg_renderer = SvgRenderer(maxsize=2)

    for name in ("a", "b", "a", "c", "a", "b"):
        svg_renderer.draw({"description": name}, 260, 140)

    assert pencil.drawn == ["a", "b", "c", "b"]


def test_threads_share_the_cache(pencil: Pencil) -> None:
    """Threads draw one at a time, and equal specifications once."""
    svg_renderer = SvgRenderer()
    names = [str(n % 7) for n in range(200)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: svg_renderer.draw({"description": name}, 1, 1), names))

    assert sorted(pencil.drawn) == [str(n) for n in range(7)]


def test_concurrent_requests_share_a_drawing(pencil: Pencil) -> None:
    """Concurrent requests wait for one drawing; cached drawings are returned at once."""
    svg_renderer = SvgRenderer()
    svg_renderer.draw({"description": "cached"}, 1, 1)
    pencil.may_go_on.clear()

    with ThreadPoolExecutor(2) as threads:
        requests = [threads.submit(svg_renderer.draw, {"description": "a"}, 1, 1) for _ in range(2)]
        svg_renderer.draw({"description": "cached"}, 1, 1)
        pencil.may_go_on.set()

    assert requests[0].result() == requests[1].result()
    assert pencil.drawn == ["cached", "a"]


def test_nan_is_rejected(pencil: Pencil) -> None:
    """A specification that is not valid JSON is rejected before it is drawn."""
    with pytest.raises(ValueError, match="JSON"):
        SvgRenderer().draw({"value": float("nan")}, 1, 1)

    assert pencil.drawn == []


def test_a_gauge_has_the_same_texts_in_both_themes() -> None:
    """Themes change only colours."""
    texts = []
    for theme in ("light", "dark"):
        picture = Picture("", number(57.0), display(ChartType.GAUGE, target=60))
        root = ET.fromstring(render_svg(spec_of(picture, theme), 260, 140))  # noqa: S314  # As above.
        texts.append([text.text for text in root.iter(f"{SVG}text")])

    assert texts[0] == texts[1] == ["57%", "Target 60%", "0%", "100%"]
