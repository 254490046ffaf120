"""Draws charts without a browser, and makes the script for browsers: both with vl-convert.

vl-convert is the extra ``[charts]``; it is imported when something is drawn.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final
from xml.etree import ElementTree as ET  # It reads what vl-convert wrote, nothing else.

from cachetools import LRUCache

from smaply_metrics_core.charts.sanitizer import plain, plain_spelling
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.extras import require_extra

VEGA_LITE: Final = "6.4"
SVG_NAMESPACE: Final = "http://www.w3.org/2000/svg"
MAX_CACHED: Final = 256
"""Cached drawings of a process: at some 10 kB each they take a few megabytes."""

LAST_OF_ONE_UNIT: Final = 0xFFFF
PRIVATE_USE: Final = range(0xE000, 0xF900)
"""Characters that mean nothing to anybody else."""

SNIPPET: Final = """
window.smaplyCharts = {
  draw: (element, spec, tooltip = false) => vegaEmbed(element, spec, {
    renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip,
  }),
};
"""
"""What a page calls. The options are those that a strict content security policy requires: an
interpreter instead of ``eval``, and no style elements."""


class SvgRenderer:
    """Draws specifications as SVG, with an LRU cache. Thread-safe.

    vl-convert draws one at a time, so its callers wait here.
    """

    def __init__(self, maxsize: int = MAX_CACHED) -> None:
        self._cache = LRUCache[str, str](maxsize)
        self._cache_lock = threading.Lock()
        self._drawing = threading.Lock()

    def draw(self, spec: Mapping[str, Any], width: int, height: int) -> str:
        """Return the drawing of a specification, from the cache if it is there."""
        sized = dict(spec) | {"width": width, "height": height}
        told = json.dumps(sized, sort_keys=True, ensure_ascii=False, allow_nan=False)
        key = plain_spelling(told)
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


def render_svg(spec: Mapping[str, Any], width: int, height: int) -> str:
    """Draw a specification as an SVG element, without a browser.

    It holds no script, style or reference to anything outside, so it can stand in a page or be
    served as it is. It has the specification's description as its title, and each mark what is
    shown on hover, which browsers show by themselves.

    Args:
        spec: From ``vega_lite``.
        width: Of the whole drawing, in pixels.
        height: The same.

    Raises:
        InputError: when vl-convert is not installed, or a side is not between 1 and 4,000.
    """
    if not (1 <= width <= MOST_PIXELS and 1 <= height <= MOST_PIXELS):
        raise InputError(
            f"A drawing of {width} by {height} pixels is not possible.",
            remedy=f"Give width and height from 1 to {MOST_PIXELS:,} pixels.",
        )
    return _RENDERER.draw(spec, width, height)


def browser_bundle() -> str:
    """Make the script with which a browser draws: ``window.smaplyCharts.draw``.

    Load it as a module. ``draw(element, spec, tooltip)`` gives a promise; ``tooltip`` is a function
    ``(handler, event, item, value)`` that shows ``value`` on hover, or hides it where it is empty.

    It takes about two seconds and gives 0.9 MB that change with the version of vl-convert only:
    make it once and keep it.

    Raises:
        InputError: when vl-convert is not installed.
    """
    made: str = _vl_convert().javascript_bundle(SNIPPET, vl_version=VEGA_LITE)
    return made


def _vl_convert() -> ModuleType:
    require_extra("charts", "vl_convert")
    import vl_convert

    return vl_convert


def _drawn(spec: str) -> str:
    """Draw a specification.

    Vega cuts long texts between any two UTF-16 units, and vl-convert fails on half a character. So
    each character of two units, such as an emoji, gives way to one of one unit while it draws.
    """
    large = sorted({character for character in spec if ord(character) > LAST_OF_ONE_UNIT})
    free = (chr(code) for code in PRIVATE_USE if chr(code) not in spec)
    stand_ins = dict(zip(large, free, strict=False))
    small = {ord(one): stand_ins.get(one, "\ufffd") for one in large}
    drawn: str = _vl_convert().vegalite_to_svg(spec.translate(small), vl_version=VEGA_LITE)
    return drawn.translate({ord(stand_in): one for one, stand_in in stand_ins.items()})


def _finished(drawn: str, description: str) -> str:
    """Give an SVG its description, and its marks what is shown on hover.

    To those who hear it, it is one image: what Vega says of its parts goes.
    """
    ET.register_namespace("", SVG_NAMESPACE)
    root = ET.fromstring(drawn)  # noqa: S314  # As above.
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
