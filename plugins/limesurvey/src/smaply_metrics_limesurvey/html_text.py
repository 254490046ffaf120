"""Convert the texts of surveys, which are HTML with expressions, to plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

EXPRESSION: Final = "[…]"
"""Stands for an expression, which differs between respondents."""

_HIDDEN: Final = frozenset({"script", "style", "template", "iframe", "object", "svg", "video"})
_BREAKS: Final = frozenset({"br", "div", "dd", "dt", "h1", "h2", "h3", "h4", "li", "p", "td", "th"})
_BRACES: Final = re.compile(r"\{(?=[^\s{}])[^{}]*\}")
"""LimeSurvey evaluates what is in braces, unless white space follows the first one."""
_SPACE: Final = re.compile(r"\s+")


class _TextCollector(HTMLParser):
    """Collects the text that a browser would show, and the descriptions of images."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BREAKS:
            self.parts.append(" ")
        elif tag == "img" and not self._hidden:
            self.parts.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            self._hidden.remove(tag)
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def html_to_text(source: object) -> str:
    """Return a text of a survey as one line of plain text; an empty string if it has none.

    Scripts are removed, entities are decoded, an image becomes its description, and an expression
    (``{TOKEN:FIRSTNAME}``) becomes ``[…]``.
    """
    if isinstance(source, int | float):
        return str(source)
    if not isinstance(source, str):
        return ""
    text, found = _BRACES.subn(EXPRESSION, source)
    while found:  # Expressions can be nested.
        text, found = _BRACES.subn(EXPRESSION, text)
    if "<" in text or "&" in text:
        collector = _TextCollector()
        try:
            collector.feed(text)
            collector.close()
        except (AssertionError, ValueError):  # Some malformed declarations.
            return _SPACE.sub(" ", re.sub(r"<[^>]*>", " ", text)).strip()
        text = "".join(collector.parts)
    return _SPACE.sub(" ", text).strip()
