"""Texts for the terminal."""

from __future__ import annotations

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def printable(text: str) -> str:
    """Return a text without characters that control the terminal or the direction of the text.

    Line breaks are kept.
    """
    return "".join(one if one.isprintable() or one == "\n" else REPLACEMENT for one in text)
