"""Removal of characters that SVG or vl-convert cannot represent."""

from __future__ import annotations

import re
from typing import Any, Final

_INVALID: Final = re.compile("[^\t\n\r -\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML does not allow, such as control characters and surrogates; and line and
paragraph separators, which Vega's expressions do not allow in a text."""

_INVALID_ESCAPE: Final = re.compile(
    r"(?<!\\)\\+u(?:00[01][0-9a-f]|202[89]|d[89a-f][0-9a-f]{2}|fff[ef])", re.IGNORECASE
)
"""The same characters as JSON escapes, also within an expression. Starting only at the first of
several backslashes keeps the time linear."""


def plain(text: str) -> str:
    """Return a text with a space instead of each invalid character."""
    return _INVALID.sub(" ", text)


def plain_json(part: Any) -> Any:  # noqa: ANN401  # Any JSON.
    """Return JSON data with a space instead of each invalid character in its texts."""
    match part:
        case str():
            return plain(part)
        case list():
            return [plain_json(one) for one in part]
        case dict():
            return {key: plain_json(value) for key, value in part.items()}
    return part


def plain_escapes(text: str) -> str:
    """Return JSON text without invalid characters and escapes, which abort vl-convert's process."""
    return _INVALID_ESCAPE.sub(" ", plain(text))
