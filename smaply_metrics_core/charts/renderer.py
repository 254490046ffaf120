"""SVG and PNG rendering on the server and the script for browsers, both with vl-convert.

vl-convert comes with the extra ``[charts]`` and is imported on use.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final
from xml.etree import ElementTree as ET  # Parses only the output of vl-convert.

from cachetools import LRUCache

from smaply_metrics_core.charts.sanitizer import plain, plain_escapes
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.models.problem import Audience

VEGA_LITE: Final = "6.4"
SVG_NAMESPACE: Final = "http://www.w3.org/2000/svg"
MAX_CACHED: Final = 256
"""Maximum number of cached drawings, of about 10 kB each."""

LAST_OF_ONE_UNIT: Final = 0xFFFF
"""The last character that is a single UTF-16 unit."""

PRIVATE_USE: Final = range(0xE000, 0xF900)
"""The Unicode private use area."""

SNIPPET: Final = """
window.smaplyCharts = {
  draw: (element, spec, tooltip = false) => vegaEmbed(element, spec, {
    renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip,
  }),
};
"""
"""The function that a page calls. Its options satisfy a strict content security policy: the
expression interpreter instead of ``eval``, and no style elements."""


_USED_BY: Final[set[int]] = set()
"""The processes that have used vl-convert: this one, and those that it was forked from."""


class SvgRenderer:
    """Draws specifications as SVG, with an LRU cache. Thread-safe.

    vl-convert draws one specification at a time, so a lock serializes the calls.
    """

    def __init__(self, maxsize: int = MAX_CACHED) -> None:
        self._maxsize = maxsize
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._cache = LRUCache[str, str](self._maxsize)
        self._cache_lock = threading.Lock()
        self._drawing = threading.Lock()

    def draw(self, spec: Mapping[str, Any], width: int, height: int) -> str:
        """Return the drawing of a specification, from the cache if possible."""
        sized = dict(spec) | {"width": width, "height": height}
        dumped = json.dumps(sized, sort_keys=True, ensure_ascii=False, allow_nan=False)
        key = plain_escapes(dumped)
        found = self._find(key)
        if found is not None:
            return found
        with self._drawing:
            # Another thread may have drawn it while this one waited.
            found = self._find(key)
            if found is not None:
                return found
            drawn = _finished(_drawn(key), plain(str(spec.get("description", ""))))
            with self._cache_lock:
                self._cache[key] = drawn
        return drawn

    def _find(self, key: str) -> str | None:
        with self._cache_lock:
            return self._cache.get(key)


_RENDERER: Final = SvgRenderer()

MOST_PIXELS: Final = 4000
SMALLEST_SCALE: Final = 0.1
LARGEST_SCALE: Final = 8


def render_svg(spec: Mapping[str, Any], width: int, height: int) -> str:
    """Return a specification drawn as an SVG element, without a browser.

    The SVG contains no script, style or external reference, so it can be embedded in a page or
    served as a file. Its label is the specification's description. The text that a mark shows on
    hover is its title, which browsers show without a script.

    Args:
        spec: A specification from ``vega_lite``.
        width: Width of the drawing in pixels.
        height: Height of the drawing in pixels.

    Raises:
        InputError: when vl-convert is not installed, or a side is not from 1 to 4,000 pixels.
    """
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise InputError(
            f"{width} by {height} pixels is not a valid size.",
            remedy=f"Use a width and a height from 1 to {MOST_PIXELS:,} pixels.",
        )
    return _RENDERER.draw(spec, width, height)


def render_png(svg: str, scale: float = 2.0) -> bytes:
    """Return an SVG image as PNG, without a browser.

    Args:
        svg: An SVG image, such as one from ``render_svg``. Images and fonts of other files are not
            loaded.
        scale: Pixels of the PNG for each pixel of the SVG, from 0.1 to 8.

    Raises:
        InputError: when vl-convert is not installed, the scale is not valid, or it is no SVG image.
    """
    if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise InputError(
            f"{scale} is not a valid scale.",
            remedy=f"Use a scale from {SMALLEST_SCALE} to {LARGEST_SCALE}.",
        )
    try:
        png: bytes = _vl_convert().svg_to_png(svg, scale=scale)
    except ValueError as error:
        raise InputError(
            "The text is not an SVG image.", remedy="Pass an image from render_svg."
        ) from error
    return png


def browser_bundle() -> str:
    """Return the script with which a browser draws: ``window.smaplyCharts.draw``.

    Load it as a module. ``draw(element, spec, tooltip)`` returns a promise; ``tooltip`` is a
    function ``(handler, event, item, value)`` that shows ``value`` on hover and hides the tooltip
    when it is empty.

    The call takes about two seconds and returns 0.9 MB, which depend only on the version of
    vl-convert: store the script.

    Raises:
        InputError: when vl-convert is not installed.
    """
    script: str = _vl_convert().javascript_bundle(SNIPPET, vl_version=VEGA_LITE)
    return script


def _vl_convert() -> ModuleType:
    require_extra("charts", "vl_convert")
    import vl_convert

    _USED_BY.add(os.getpid())
    if len(_USED_BY) > 1:
        raise InputError(
            "Charts cannot be drawn in this process: it was forked after its parent had drawn one, "
            "and vl-convert then waits for ever.",
            remedy="Fork before the parent draws charts, or start processes with the method "
            "“spawn” or “forkserver”.",
            audience=Audience.OPERATOR,
        )
    return vl_convert


def _drawn(spec: str) -> str:
    """Draw a specification as SVG.

    Vega truncates long texts between any two UTF-16 units, and vl-convert fails on half a
    character. So a character of two units, such as an emoji, is replaced by one of a single unit
    before the call and restored afterwards.
    """
    large = sorted({character for character in spec if ord(character) > LAST_OF_ONE_UNIT})
    free = (chr(code) for code in PRIVATE_USE if chr(code) not in spec)
    substitutes = dict(zip(large, free, strict=False))
    small = {ord(one): substitutes.get(one, "\ufffd") for one in large}
    drawn: str = _vl_convert().vegalite_to_svg(spec.translate(small), vl_version=VEGA_LITE)
    return drawn.translate({ord(substitute): one for one, substitute in substitutes.items()})


def _finished(drawn: str, description: str) -> str:
    """Add the description to an SVG and titles to its marks.

    For screen readers the SVG is one image, so Vega's labels of its parts are removed.
    """
    ET.register_namespace("", SVG_NAMESPACE)
    root = ET.fromstring(drawn)  # noqa: S314  # The output of vl-convert.
    for part in list(root.iter()):
        label = part.attrib.pop("aria-label", "")
        mark = part.attrib.pop("role", "") == "graphics-symbol"
        kind = part.attrib.pop("aria-roledescription", "")
        part.attrib.pop("aria-hidden", "")
        if mark and label and kind != "axis":
            title = ET.Element(f"{{{SVG_NAMESPACE}}}title")
            title.text = label
            part.insert(0, title)
    root.set("role", "img")
    root.set("aria-label", description)
    return ET.tostring(root, encoding="unicode")
