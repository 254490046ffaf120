"""Colours have enough contrast and are distinguishable with any colour vision."""

from __future__ import annotations

from itertools import combinations
from math import copysign, dist

import pytest

from smaply_metrics_core.charts import THEMES, Theme

TEXT, MARKS = 4.5, 3.0
"""Minimum contrast of text and of meaningful graphics in WCAG 2.2 AA."""

APART = 0.08
"""Minimum distance in OKLab of two distinguishable colours side by side."""

# Machado, Oliveira and Fernandes (2009), severity 1: vision without one kind of cone.
VISIONS = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
themes = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES.keys())


def linear(color: str) -> tuple[float, ...]:
    """Return a colour in linear RGB."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return tuple(
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as defined by WCAG."""
    low, high = sorted(
        0.2126 * red + 0.7152 * green + 0.0722 * blue
        for red, green, blue in (linear(one), linear(other))
    )
    return (high + 0.05) / (low + 0.05)


def seen(color: str, vision: str) -> tuple[float, float, float]:
    """Return a colour in OKLab, as seen with a kind of colour vision."""
    light = linear(color)
    red, green, blue = (
        max(0.0, sum(share * part for share, part in zip(row, light, strict=True)))
        for row in VISIONS[vision]
    )
    cones = (
        0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue,
        0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue,
        0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue,
    )
    long, middle, short = (copysign(abs(cone) ** (1 / 3), cone) for cone in cones)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def apart(one: str, other: str) -> float:
    """Return the smallest distance of two colours over all kinds of colour vision."""
    return min(dist(seen(one, vision), seen(other, vision)) for vision in VISIONS)


@themes
def test_texts_are_legible(theme: Theme) -> None:
    """Every text colour has a contrast of at least 4.5 to each page."""
    for page in theme.page:
        assert contrast(theme.text, page) >= TEXT
        assert contrast(theme.muted, page) >= TEXT


@themes
def test_marks_stand_out(theme: Theme) -> None:
    """Every mark has a contrast of at least 3 to each page; grid lines and tracks may have less."""
    marks = (theme.accent, theme.soft, theme.good, theme.bad, theme.other, *theme.slices)
    for page in theme.page:
        assert [mark for mark in marks if contrast(mark, page) < MARKS] == []


@themes
def test_slices_are_distinguishable(theme: Theme) -> None:
    """Any two slices are distinguishable with any colour vision."""
    colors = (*theme.slices, theme.other)

    assert [pair for pair in combinations(colors, 2) if apart(*pair) < APART] == []


@themes
def test_good_and_bad_are_distinguishable(theme: Theme) -> None:
    """Good and bad, and the latest and earlier periods, are distinguishable."""
    assert apart(theme.good, theme.bad) >= APART
    assert apart(theme.accent, theme.soft) >= APART


def test_contrast_and_distance_of_known_colours() -> None:
    """Contrast and distance of known colours have their defined values."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert seen("#ffffff", "all") == pytest.approx((1, 0, 0), abs=1e-4)
    assert apart("#c00000", "#c00000") == 0
    assert apart("#aa4400", "#667700") < APART  # Red and green of one lightness.
