"""Convert the texts of surveys, HTML with expressions, to plain text in linear time."""

from __future__ import annotations

import re
from typing import Final

import smaply_metrics_core as core

EXPRESSION: Final = "[…]"
"""Stands for an expression, which differs between respondents."""

_BRACE: Final = re.compile(r"[{}]")


def html_to_text(source: object) -> str:
    """Return a text of a survey as one line of plain text; an empty string if it has none.

    Scripts are removed, entities are decoded, an image becomes its description, and an expression
    (``{TOKEN:FIRSTNAME}``) becomes ``[…]``.
    """
    if isinstance(source, int | float):
        return str(source)
    if not isinstance(source, str):
        return ""
    return core.html_to_text(_without_expressions(source), descriptions=True)


def _without_expressions(text: str) -> str:
    """Replace expressions, which can be nested, in one pass from left to right.

    LimeSurvey evaluates what is in braces, unless white space follows the first one.
    """
    parts: list[str] = []
    opened: list[int] = []
    end = 0
    for brace in _BRACE.finditer(text):
        parts.append(text[end : brace.start()])
        end = brace.end()
        if brace[0] == "{":
            opened.append(len(parts))
        elif opened:
            begin = opened.pop()
            first = next(filter(None, parts[begin + 1 :]), " ")
            if not first[0].isspace():
                del parts[begin:]
                parts.append(EXPRESSION)
                continue
            opened.clear()  # An expression contains no other brace, so none of these is one.
        parts.append(brace[0])
    return "".join((*parts, text[end:]))
