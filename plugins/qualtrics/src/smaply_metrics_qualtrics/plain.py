"""Text as people read it: survey texts are HTML with piped-in values."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_HIDDEN: Final = frozenset({"script", "style", "noscript", "template", "head", "title"})
_BREAKS: Final = frozenset(
    {"address", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hr", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
)
_MARKUP: Final = re.compile(r"[<&]")
_PIPED: Final = re.compile(r"\$\{[^{}]*\}")
_SPACE: Final = re.compile(r"\s+")


class _Reader(HTMLParser):
    """Collects what a browser would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # The base's.
        """Hide what browsers hide; end a word where a new line begins."""
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # As above.
        """Treat ``<br/>`` as ``<br>``; a hidden element closed at once hides nothing."""
        if tag in _BREAKS:
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Show again what follows a hidden element."""
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        elif tag in _BREAKS:
            self.parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep what is not hidden."""
        if not self._hidden:
            self.parts.append(data)


def plain(source: object) -> str:
    """Turn a survey's HTML into one line of text.

    Scripts and styles go, entities become characters, and piped text (``${q://QID1/…}``), whose
    value differs for each respondent, becomes ``[…]``. Never raises: whatever is no text gives
    an empty string.
    """
    if not isinstance(source, str):
        return str(source) if isinstance(source, int | float) else ""
    text = _PIPED.sub("[…]", source)
    if _MARKUP.search(text):
        reader = _Reader()
        try:
            reader.feed(text)
            reader.close()
        except (AssertionError, ValueError):
            # The standard parser gives up on a few malformed declarations.
            return _SPACE.sub(" ", re.sub(r"<[^>]*>", " ", text)).strip()
        text = "".join(reader.parts)
    return _SPACE.sub(" ", text).strip()
