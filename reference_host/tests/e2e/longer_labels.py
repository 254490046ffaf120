"""Lengthens the texts of a page as a translation would, and finds texts that do not fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

SHARE: Final = 0.3
"""How much longer the texts become, as a share: German is about that much longer than English."""
SCRIPT: Final = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def lengthen(page: Page) -> int:
    """Make each text of the interface longer, and return their number."""
    number: int = page.evaluate(f"(share) => ({SCRIPT}).lengthen(share)", SHARE)
    return number


def misfits(page: Page) -> list[str]:
    """Return the texts that are wider than their box, cut off, broken or over others."""
    found: list[str] = page.evaluate(f"() => ({SCRIPT}).misfits()")
    return found
