"""Draw every chart with ordinary and edge-case data for visual inspection.

``python -m tests.charts.gallery FOLDER`` writes a sheet for each theme and size.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

import vl_convert

from smaply_metrics_core.charts import THEMES, headline, render_svg, vega_lite
from tests.charts.gallery_charts import Picture, pictures

if TYPE_CHECKING:
    from smaply_metrics_core.charts.theme import ThemeName

SIZES: Final = {"card": (260, 140, 4), "large": (600, 300, 2)}
"""Width and height of a chart, and the number of columns."""

MARGIN, HEAD = 24, 58


def sheet(theme: ThemeName, width: int, height: int, columns: int) -> str:
    """Return one SVG with all pictures."""
    cells = [
        f'<g transform="translate({place % columns * (width + MARGIN) + 12},'
        f'{place // columns * (height + HEAD) + 8})">{_cell(picture, theme, width, height)}</g>'
        for place, picture in enumerate(pictures())
    ]
    rows = -(-len(cells) // columns)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * (width + MARGIN)}"'
        f' height="{rows * (height + HEAD)}" font-family="sans-serif">'
        f'<rect width="100%" height="100%" fill="{THEMES[theme].page[1]}"/>{"".join(cells)}</svg>'
    )


def _cell(picture: Picture, theme: ThemeName, width: int, height: int) -> str:
    colors = THEMES[theme]
    spec = vega_lite(picture.result, picture.display, theme=theme)
    large = headline(picture.result, picture.display)
    title = " ".join(filter(None, [large.text, large.change, large.target]))
    return (
        f'<rect x="-6" y="-2" rx="8" width="{width + 12}" height="{height + 50}"'
        f' fill="{colors.page[0]}"/>'
        f'<text y="14" font-size="11" fill="{colors.muted}">{escape(picture.name)}</text>'
        f'<text y="32" font-size="15" font-weight="600" fill="{colors.text}">{escape(title)}</text>'
        f'<g transform="translate(0,42)">'
        f"{'' if spec is None else render_svg(spec, width, height)}</g>"
    )


def main() -> None:
    """Write the sheets."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        for size, (width, height, columns) in SIZES.items():
            drawn = sheet(theme, width, height, columns)
            (folder / f"{theme}-{size}.svg").write_text(drawn, encoding="utf-8")
            (folder / f"{theme}-{size}.png").write_bytes(vl_convert.svg_to_png(drawn))


if __name__ == "__main__":
    main()
