"""Colours, type and lines of every chart, for a light and a dark page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ThemeName = Literal["light", "dark"]

FONT: Final = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Helvetica, Arial, sans-serif"
"""What the system has: nothing is loaded from elsewhere."""

SMALL: Final = 11
"""Pixels of every text in a chart but a gauge's value."""


@dataclass(frozen=True)
class Theme:
    """The colours of one theme.

    Attributes:
        page: The backgrounds that a chart may stand on; charts themselves have none.
        text: Values and labels that matter.
        muted: Labels of axes, notes.
        line: Grid and tracks: decoration that carries nothing.
        accent: Marks; with ``soft`` for periods before the latest.
        good: Marks that reach the target.
        bad: Marks that miss it; told from ``good`` by people of any colour vision.
        slices: The slices of a ring, in order; any two differ for people of any colour vision.
        other: The slice of all the rest.
    """

    page: tuple[str, ...]
    text: str
    muted: str
    line: str
    accent: str
    soft: str
    good: str
    bad: str
    slices: tuple[str, ...]
    other: str


THEMES: Final[Mapping[ThemeName, Theme]] = {
    "light": Theme(
        page=("#ffffff", "#f4f6fa"),
        text="#1d2433",
        muted="#5a6478",
        line="#dfe3eb",
        accent="#3457d5",
        soft="#6f87dd",
        good="#0b7a75",
        bad="#c2410c",
        slices=("#3457d5", "#d0692a", "#1d9498", "#9f308d", "#6c4906", "#9975e4"),
        other="#4a515d",
    ),
    "dark": Theme(
        page=("#151a24", "#1f2633"),
        text="#f0f3f9",
        muted="#a9b3c6",
        line="#303a4e",
        accent="#8fa8ff",
        soft="#6479c9",
        good="#4cc9bd",
        bad="#ff9466",
        slices=("#8fa8ff", "#d65e1b", "#4fe0d2", "#e58996", "#dcc84a", "#b26bd3"),
        other="#6e7581",
    ),
}


def config(theme: Theme) -> dict[str, Any]:
    """Return the configuration that every specification of a theme carries."""
    return {
        "background": None,
        "font": FONT,
        "view": {"stroke": None},
        "text": {"color": theme.text, "fontSize": SMALL, "font": FONT},
        "axis": {
            "domain": False,
            "ticks": False,
            "title": None,
            "labelColor": theme.muted,
            "labelFontSize": SMALL,
            "labelPadding": 6,
            "gridColor": theme.line,
            "gridWidth": 1,
        },
        "line": {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"},
    }
