"""A card as a file: an SVG image, and its table as CSV."""

from __future__ import annotations

import csv
import io
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.charts import instant_text
from smaply_metrics_core.host import escape_formula
from smaply_metrics_host.rendering.chart_renderer import HEIGHT, WIDTH

if TYPE_CHECKING:
    from markupsafe import Markup

    from smaply_metrics_host.rendering.card_view import CardView
    from smaply_metrics_host.rendering.result_renderer import RenderedResult
    from smaply_metrics_host.rendering.templating import Templates

MARGIN: Final = 20
MOST_ROWS: Final = 20
"""Rows of a table in an image; the CSV file has all of them."""
MOST_LINES: Final = 4
"""Lines of one text in an image. Texts come from respondents too, and the size of an image must not
depend on them: with these limits it is at most about 2,500 pixels high."""
MOST_CHARACTERS: Final = 400
"""Characters of a text that are wrapped, and of the title of an image."""


@dataclass(frozen=True)
class TextLine:
    """A line of text in an image.

    Attributes:
        y: The position of its baseline in pixels.
        look: The class of its style.
    """

    text: str
    y: int
    look: str


_LOOKS: Final = {  # The height of a line in pixels, and the characters that fit.
    "heading": (21, 40),
    "value": (36, 18),
    "small": (18, 50),
}


def csv_file(card: CardView, rendered: RenderedResult) -> bytes:
    """Return the table of a card as CSV, in UTF-8 with a byte order mark for Excel."""
    about = {"Card": card.heading, "Dates": rendered.covered, "Data from": _as_of(card, rendered)}
    about |= {"Entered": rendered.entered} if rendered.entered else {}
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(map(escape_formula, (*rendered.table.columns, *about)))
    for row in rendered.table.rows:
        writer.writerow(map(escape_formula, (*row, *about.values())))
    return text.getvalue().encode("utf-8-sig")


def svg_file(templates: Templates, card: CardView, rendered: RenderedResult, chart: str) -> Markup:
    """Return a card as an SVG image, in the light theme.

    Args:
        templates: Renders the image.
        card: The card.
        rendered: Its value.
        chart: The chart as SVG; empty without one.
    """
    large = rendered.headline
    value = " ".join(filter(None, [large.text, large.interval and f"({large.interval})"]))
    lines: list[TextLine] = []
    y = _add(lines, [card.heading], "heading", MARGIN)
    y = _add(lines, [card.subheading], "small", y)
    y = _add(lines, [value], "value", y)
    said = [large.change, large.label, large.against, large.verdict, large.target]
    y = _add(lines, said, "small", y)
    chart_y = y + 10
    if chart:
        y = chart_y + HEIGHT
    elif rendered.chart.value == "table":
        rows = [f"{row[0]}: {', '.join(filter(None, row[1:]))}" for row in rendered.table.rows]
        y = _add(lines, rows[:MOST_ROWS], "small", y)
        if more := len(rows) - MOST_ROWS:
            y = _add(lines, [f"and {more} more"] if more > 0 else [], "small", y)
    counted = rendered.formula or rendered.counted
    few = rendered.few and f"Low sample: {rendered.few}"
    fresh = " · ".join(filter(None, [f"Data from {_as_of(card, rendered)}", card.status]))
    y = _add(lines, [few, counted, rendered.covered, rendered.entered, fresh], "small", y + 8)
    return templates.fragment(
        "card.svg",
        lines=lines,
        chart=chart,
        chart_y=chart_y,
        summary=_shortened(rendered.summary),
        width=WIDTH + 2 * MARGIN,
        height=y + MARGIN,
        margin=MARGIN,
    )


def _add(lines: list[TextLine], texts: list[str], look: str, y: int) -> int:
    """Add texts below each other, wrapped and truncated, and return the position below them."""
    height, characters = _LOOKS[look]
    for text in filter(None, texts):
        short = _shortened(text)
        for line in textwrap.wrap(short, characters, max_lines=MOST_LINES, placeholder="…"):
            y += height
            lines.append(TextLine(line, y, look))
    return y


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _as_of(card: CardView, rendered: RenderedResult) -> str:
    return instant_text(card.as_of or rendered.result.as_of, rendered.zone)
