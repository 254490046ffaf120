"""Texts without what no drawing can hold."""

from __future__ import annotations

import re
from typing import Any, Final

_NO_TEXT: Final = re.compile("[^\t\n\r -\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML has no place for: control characters, halves of characters. And the separators of lines
and paragraphs, with which no text of an expression is read."""

_SPELT_OUT: Final = re.compile(
    r"\\+u(?:00[01][0-9a-f]|202[89]|d[89a-f][0-9a-f]{2}|fff[ef])", re.IGNORECASE
)
"""The same as JSON spells it, also within an expression."""


def plain(text: str) -> str:
    """Put a blank in place of each character that no drawing can hold."""
    return _NO_TEXT.sub(" ", text)


def plain_json(part: Any) -> Any:  # noqa: ANN401  # Any JSON.
    """Do so in every text of JSON data."""
    match part:
        case str():
            return plain(part)
        case list():
            return [plain_json(one) for one in part]
        case dict():
            return {key: plain_json(value) for key, value in part.items()}
    return part


def plain_spelling(text: str) -> str:
    """Do so in JSON as text: vl-convert ends the whole process when it meets such a character."""
    return _SPELT_OUT.sub(" ", plain(text))
