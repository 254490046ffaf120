"""Colours, fonts and lines of charts, for light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

ThemeName = Literal["light", "dark"]

FONT: Final = "system-ui, -apple-system, Segoe UI, Roboto, Noto Sans, Helvetica, Arial, sans-serif"
"""System fonts; no font is loaded."""

SMALL: Final = 11
"""Font size in pixels of every text except a gauge's value."""


@dataclass(frozen=True)
class Theme:
    """The colours of one theme.

    Attributes:
        page: The page backgrounds that the colours are made for; charts are transparent.
        text: Values and important labels.
        muted: Axis labels and notes.
        line: Grid lines and gauge tracks, which carry no information.
        accent: Marks.
        soft: Marks of periods before the latest one.
        good: Marks that reach the target.
        bad: Marks that miss the target; distinguishable from ``good`` with any colour vision.
        slices: The slices of a pie chart, in order; distinguishable with any colour vision.
        other: The slice of all other groups.
        ramp: The first and the last answer of a scale; those between them are mixed.
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
    ramp: tuple[str, str]


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
        ramp=("#6d86e2", "#1a2a7a"),
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
        ramp=("#5a70c0", "#c6d2ff"),
    ),
}
"""The themes by name."""


def config(theme: Theme) -> dict[str, Any]:
    """Return the configuration of every specification with a theme."""
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
