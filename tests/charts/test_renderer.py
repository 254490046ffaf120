"""Drawings made on the server: safe to put into a page, and cached."""

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
    from smaply_metrics_core.charts.theme import ThemeName

SVG = "{http://www.w3.org/2000/svg}"
HARMLESS = {"svg", "g", "path", "line", "text", "tspan", "rect", "title"}
REFERENCE = re.compile(r"url\(|href|data:|javascript:|http(?!://www\.w3\.org/)", re.IGNORECASE)
HTML = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def spec_of(picture: Picture, theme: ThemeName = "light") -> dict[str, Any]:
    """Make the specification of a picture, which has one."""
    spec = vega_lite(picture.result, picture.display, theme=theme)
    assert spec is not None
    return spec


@pytest.mark.parametrize("picture", pictures(), ids=lambda picture: picture.name)
def test_every_picture_is_drawn_safely(picture: Picture) -> None:
    """A drawing has the size asked for and harmless elements: no script, style or reference."""
    spec = spec_of(picture)

    drawn = render_svg(spec, 260, 140)

    root = ET.fromstring(drawn)  # noqa: S314  # It is our own.
    assert (root.get("width"), root.get("height")) == ("260", "140")
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= HARMLESS
    names = {name for element in root.iter() for name in element.attrib}
    assert not any(name == "style" or name.startswith("on") for name in names)
    markup = re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "", drawn)
    assert REFERENCE.search(markup) is None
    assert (root.get("role"), root.get("aria-label")) == ("img", spec["description"])


def test_html_in_labels_stays_text() -> None:
    """What a survey calls an answer is never markup, in no place of a drawing."""
    for chart in (ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE):
        spec = vega_lite(distribution({HTML: 60, "B": 40}), display(chart))
        assert spec is not None

        drawn = render_svg(spec, 600, 300)

        assert "<img" not in drawn
        assert "<script" not in drawn
        assert "&lt;img src=x" in drawn


def test_emoji_survive_where_labels_are_cut() -> None:
    """A long label of characters of two units each is cut between two of them, never in one."""
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
def test_no_character_ends_the_process(character: str) -> None:
    """vl-convert aborts on text that XML may not hold, so that never reaches it."""
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


def test_marks_say_label_and_value_on_hover() -> None:
    """Without any script a browser shows the title of the mark that is pointed at."""
    spec = vega_lite(distribution({"Ja": 60, "Nein": 40}), display(ChartType.BAR))
    assert spec is not None

    root = ET.fromstring(render_svg(spec, 260, 140))  # noqa: S314  # As above.

    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles == ["Ja\n60%\nn = 60", "Nein\n40%\nn = 40"]


@pytest.mark.parametrize("size", [(0, 140), (260, 0), (MOST_PIXELS + 1, 140), (-1, -1)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    """A size that no page has is refused with the sizes that are possible."""
    with pytest.raises(InputError) as refused:
        render_svg({}, *size)

    assert f"{MOST_PIXELS:,}" in refused.value.remedy


class Pencil:
    """Stands in for vl-convert and counts what it draws."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.at_once = threading.Semaphore(1)
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def vegalite_to_svg(self, spec: str, *, vl_version: str) -> str:
        """Draw nothing; fail when called twice at the same time."""
        assert self.at_once.acquire(blocking=False), "drawn twice at once"
        self.drawn.append(json.loads(spec)["description"])
        assert self.may_go_on.wait(120)
        self.at_once.release()
        return '<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def pencil(monkeypatch: pytest.MonkeyPatch) -> Pencil:
    """Have a stand-in draw."""
    made = Pencil()
    monkeypatch.setattr(renderer, "_vl_convert", lambda: made)
    return made


def test_a_drawing_is_made_once(pencil: Pencil) -> None:
    """The same specification in the same size is not drawn again; another size is."""
    svg_renderer = SvgRenderer()

    first = svg_renderer.draw({"description": "a"}, 260, 140)

    assert svg_renderer.draw({"description": "a"}, 260, 140) == first
    assert pencil.drawn == ["a"]
    svg_renderer.draw({"description": "a"}, 600, 300)
    assert pencil.drawn == ["a", "a"]


def test_only_the_latest_drawings_are_kept(pencil: Pencil) -> None:
    """What was not asked for lately goes first."""
    svg_renderer = SvgRenderer(maxsize=2)

    for name in ("a", "b", "a", "c", "a", "b"):
        svg_renderer.draw({"description": name}, 260, 140)

    assert pencil.drawn == ["a", "b", "c", "b"]


def test_many_threads_may_draw(pencil: Pencil) -> None:
    """Threads share the drawings: one draws at a time, and equal ones are drawn once."""
    svg_renderer = SvgRenderer()
    names = [str(n % 7) for n in range(200)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: svg_renderer.draw({"description": name}, 1, 1), names))

    assert sorted(pencil.drawn) == [str(n) for n in range(7)]


def test_who_waits_for_the_same_drawing_gets_it(pencil: Pencil) -> None:
    """Who asks for what is being drawn waits for it; what is kept is given meanwhile."""
    svg_renderer = SvgRenderer()
    svg_renderer.draw({"description": "kept"}, 1, 1)
    pencil.may_go_on.clear()

    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(svg_renderer.draw, {"description": "a"}, 1, 1) for _ in range(2)]
        svg_renderer.draw({"description": "kept"}, 1, 1)
        pencil.may_go_on.set()

    assert asked[0].result() == asked[1].result()
    assert pencil.drawn == ["kept", "a"]


def test_what_is_no_json_is_refused(pencil: Pencil) -> None:
    """A number that JSON lacks never reaches the drawing."""
    with pytest.raises(ValueError, match="JSON"):
        SvgRenderer().draw({"value": float("nan")}, 1, 1)

    assert pencil.drawn == []


def test_a_gauge_is_drawn_in_both_themes_alike() -> None:
    """Themes change colours only: both drawings have the same texts."""
    texts = []
    for theme in ("light", "dark"):
        picture = Picture("", number(57.0), display(ChartType.GAUGE, target=60))
        root = ET.fromstring(render_svg(spec_of(picture, theme), 260, 140))  # noqa: S314  # As above.
        texts.append([text.text for text in root.iter(f"{SVG}text")])

    assert texts[0] == texts[1] == ["57%", "Target 60%", "0%", "100%"]
