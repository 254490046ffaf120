"""Text as people read it: survey texts are HTML with piped-in values."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_CODE: Final = frozenset({"script", "style", "noscript", "template", "head", "title"})
_MEDIA: Final = frozenset({"audio", "canvas", "iframe", "object", "svg", "video"})
"""What stands inside is for browsers that cannot show them."""

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
        self._parts: list[str] = []
        self._hidden: list[tuple[str, int]] = []

    def text(self) -> str:
        """Return what is shown; of what was hidden and never ended only code is left out."""
        begun = (place for tag, place in self._hidden if tag in _CODE)
        return "".join(self._parts[: next(begun, None)])

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # The base's.
        """Hide what browsers hide; end a word where a new line begins."""
        if tag in _CODE or tag in _MEDIA:
            self._hidden.append((tag, len(self._parts)))
        elif tag in _BREAKS:
            self._parts.append(" ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  # As above.
        """Treat ``<br/>`` as ``<br>``; a hidden element closed at once hides nothing."""
        if tag in _BREAKS:
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Show again what follows a hidden element, and drop what stood in it."""
        if any(tag == hidden for hidden, _ in self._hidden):
            name, place = "", 0
            while name != tag:
                name, place = self._hidden.pop()
            del self._parts[place:]
        elif tag in _BREAKS:
            self._parts.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep a text until it turns out to be hidden."""
        self._parts.append(data)


def html_to_text(source: object) -> str:
    """Turn a survey's HTML into one line of text.

    Scripts, styles and the insides of videos go, entities become characters, and piped text
    (``${q://QID1/…}``), whose value differs for each respondent, becomes ``[…]``. Never raises:
    whatever is no text gives an empty string.
    """
    if not isinstance(source, str):
        return str(source) if isinstance(source, int | float) else ""
    text, pipes = _PIPED.subn("[…]", source)
    while pipes:  # A field's name may itself be piped in.
        text, pipes = _PIPED.subn("[…]", text)
    if _MARKUP.search(text):
        reader = _Reader()
        try:
            reader.feed(text)
            reader.close()
        except (AssertionError, ValueError):
            # The standard parser gives up on a few malformed declarations.
            return _SPACE.sub(" ", re.sub(r"<[^>]*>", " ", text)).strip()
        text = reader.text()
    return _SPACE.sub(" ", text).strip()
