"""Convert survey texts, which are HTML with piped text, to plain text in linear time."""

from __future__ import annotations

import re
from typing import Final

import smaply_metrics_core as core

_BRACE: Final = re.compile(r"\$\{|[{}]")
_PIPED: Final = "[…]"


def html_to_text(source: object) -> str:
    """Return the HTML of a survey text as one line of plain text.

    Scripts, styles and fallback content are removed and entities are decoded. Piped text
    (``${q://QID1/…}``), which differs between respondents, becomes ``[…]``. Never raises: a value
    that is neither text nor a number becomes an empty string.
    """
    if not isinstance(source, str):
        return str(source) if isinstance(source, int | float) else ""
    return core.html_to_text(_without_pipes(source) if "${" in source else source)


def _without_pipes(text: str) -> str:
    """Replace piped text, which can be nested, in one pass from left to right."""
    parts: list[str] = []
    opened: list[int] = []
    end = 0
    for brace in _BRACE.finditer(text):
        parts.append(text[end : brace.start()])
        end = brace.end()
        if brace[0] == "}" and opened:
            del parts[opened.pop() :]
            parts.append(_PIPED)
            continue
        if brace[0] == "${":
            opened.append(len(parts))
        elif brace[0] == "{":
            opened.clear()  # Piped text contains no other brace, so none of these is one.
        parts.append(brace[0])
    return "".join((*parts, text[end:]))
