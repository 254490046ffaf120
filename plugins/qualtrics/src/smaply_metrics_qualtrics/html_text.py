"""Convert survey texts, which are HTML with piped text, to plain text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_CODE: Final = frozenset({"script", "style", "noscript", "template", "head", "title"})
_MEDIA: Final = frozenset({"audio", "canvas", "iframe", "object", "svg", "video"})
"""Their content is a fallback for browsers without support."""

_BREAKS: Final = frozenset(
    {"address", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hr", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
)
_MARKUP: Final = re.compile(r"[<&]")
_PIPED: Final = re.compile(r"\$\{[^{}]*\}")
_SPACE: Final = re.compile(r"\s+")


class _Reader(HTMLParser):
    """Collects the text that a browser would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._hidden: list[tuple[str, int]] = []

    def text(self) -> str:
        """Return the visible text up to the first code element that was never closed."""
        begun = (place for tag, place in self._hidden if tag in _CODE)
        return "".join(self._parts[: next(begun, None)])

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # The base's.
        """Start hiding the content of a hidden element; separate words at a line break."""
        if tag in _CODE or tag in _MEDIA:
            self._hidden.append((tag, len(self._parts)))
        elif tag in _BREAKS:
            self._parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # As above.
        """Treat ``<br/>`` as ``<br>``; a self-closing hidden element has no content."""
        if tag in _BREAKS:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Drop the content of a hidden element and show what follows it."""
        if any(tag == hidden for hidden, _ in self._hidden):
            name, place = "", 0
            while name != tag:
                name, place = self._hidden.pop()
            del self._parts[place:]
        elif tag in _BREAKS:
            self._parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Collect a text, which is dropped later if its element is hidden."""
        self._parts.append(data)


def html_to_text(source: object) -> str:
    """Return the HTML of a survey text as one line of plain text.

    Scripts, styles and fallback content are removed and entities are decoded. Piped text
    (``${q://QID1/…}``), which differs between respondents, becomes ``[…]``. Never raises: a value
    that is neither text nor a number becomes an empty string.
    """
    if not isinstance(source, str):
        return str(source) if isinstance(source, int | float) else ""
    text, pipes = _PIPED.subn("[…]", source)
    while pipes:  # Piped text can be nested.
        text, pipes = _PIPED.subn("[…]", text)
    if _MARKUP.search(text):
        reader = _Reader()
        try:
            reader.feed(text)
            reader.close()
        except (AssertionError, ValueError):
            # The standard parser fails on some malformed declarations.
            return _SPACE.sub(" ", re.sub(r"<[^>]*>", " ", text)).strip()
        text = reader.text()
    return _SPACE.sub(" ", text).strip()
