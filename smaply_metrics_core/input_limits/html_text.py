"""HTML of survey texts as plain text.

Every step takes time in proportion to the length of a text, whatever the text is: people write
these texts, and reading one cannot be interrupted. ``html.parser`` of the standard library takes
quadratic time for attributes and comments that never end.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from typing import Final

_RAW: Final = frozenset({"script", "style"})
"""Their content has no tags."""
_CODE: Final = _RAW | {"noscript", "template", "head", "title"}
_MEDIA: Final = frozenset({"audio", "canvas", "iframe", "object", "svg", "video"})
"""Their content is a fallback for browsers without support."""

_BREAKS: Final = frozenset(
    {"address", "blockquote", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"hr", "li", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
)
_TAG: Final = re.compile(
    r"<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?P<rest>(?:[^>=]|=\s*+(?:\"[^\"]*\"|'[^']*')?)*+)>",
    re.IGNORECASE,
)
"""A tag, in which a quoted value may contain ``>``. It never backtracks."""
_SIMPLE_TAG: Final = re.compile(
    r"<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?P<rest>[^>]*+)>", re.IGNORECASE
)
"""A tag that ends at the first ``>``."""
_DECLARATION: Final = re.compile(r"<[^>]*+>")
_BEGIN: Final = re.compile(r"</?[A-Za-z]")
_RAW_END: Final = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in _RAW}
_ATTRIBUTE: Final = re.compile(
    r"(?P<name>[^\s=/>\"']++)\s*+(?:=\s*+(?P<value>\"[^\"]*+\"|'[^']*+'|[^\s]*+))?"
)
_SPACE: Final = re.compile(r"\s+")


def html_to_text(text: str, *, descriptions: bool = False) -> str:
    """Return the text that a browser would show for HTML, as one line.

    Scripts, styles and fallback content are removed, and entities are decoded. Never raises.

    Args:
        text: The HTML, or plain text.
        descriptions: Whether an image becomes its description (``alt``) instead of nothing.
    """
    if "<" in text:
        text = _Reader(text, descriptions=descriptions).read()
    elif "&" in text:
        text = _decoded(text)
    return _SPACE.sub(" ", text).strip()


class _Reader:
    """Collects the text that a browser would show.

    The position only advances, and what is searched without success is not searched again.
    """

    def __init__(self, text: str, *, descriptions: bool) -> None:
        self._text = text
        self._descriptions = descriptions
        self._at = 0
        self._tag: re.Pattern[str] | None = _TAG
        self._parts: list[str] = []
        self._hidden: list[tuple[str, int]] = []
        self._depth: Counter[str] = Counter()
        """How often each element is in ``_hidden``."""

    def read(self) -> str:
        """Return the visible text up to the first code element that was never closed."""
        while (begin := self._text.find("<", self._at)) >= 0:
            self._data(begin)
            self._markup()
        self._data(len(self._text))
        unclosed = (place for name, place in self._hidden if name in _CODE)
        return "".join(self._parts[: next(unclosed, None)])

    def _data(self, end: int) -> None:
        """Collect the text up to a position, which is dropped later if its element is hidden."""
        if end > self._at:
            self._parts.append(_decoded(self._text[self._at : end]))
            self._at = end

    def _markup(self) -> None:
        """Read what begins with ``<``."""
        if self._text.startswith("<!--", self._at):
            end = self._text.find("-->", self._at + 2)
            self._at = end + 3 if end >= 0 else len(self._text)
        elif (tag := self._next_tag()) is not None:
            self._at = tag.end()
            self._handle(tag["name"].lower(), closes=bool(tag["end"]), empty=tag[0][-2] == "/")
            if self._descriptions and tag["name"].lower() == "img":
                self._parts.append(_description(tag["rest"]))
        elif (declaration := self._next_declaration()) is not None:
            self._at = declaration.end()
        else:
            self._data(self._at + 1)

    def _next_tag(self) -> re.Match[str] | None:
        """Return the tag at this position, if there is one."""
        if self._tag is None or not _BEGIN.match(self._text, self._at):
            return None
        tag = self._tag.match(self._text, self._at)
        if tag is None and self._tag is _TAG:
            self._tag = _SIMPLE_TAG  # Otherwise, each tag would be read to the end of the text.
            tag = self._tag.match(self._text, self._at)
        if tag is None:
            self._tag = None  # No tag ends from here on.
        return tag

    def _next_declaration(self) -> re.Match[str] | None:
        """Return the declaration or processing instruction at this position, if there is one."""
        if self._tag is None or self._text[self._at + 1 : self._at + 2] not in {"!", "?", "/"}:
            return None
        declaration = _DECLARATION.match(self._text, self._at)
        if declaration is None:
            self._tag = None
        return declaration

    def _handle(self, name: str, *, closes: bool, empty: bool) -> None:
        if closes and self._depth[name]:
            self._show(name)
        elif not closes and not empty and (name in _CODE or name in _MEDIA):
            self._hidden.append((name, len(self._parts)))
            self._depth[name] += 1
            if name in _RAW:
                end = _RAW_END[name].search(self._text, self._at)
                self._at = end.start() if end else len(self._text)
        elif name in _BREAKS:
            self._parts.append(" ")

    def _show(self, name: str) -> None:
        """Drop the content of a hidden element and those in it, and show what follows."""
        closed, place = "", 0
        while closed != name:
            closed, place = self._hidden.pop()
            self._depth[closed] -= 1
        del self._parts[place:]


def _description(attributes: str) -> str:
    """Return the description of an image."""
    found = (one["value"] or "" for one in _ATTRIBUTE.finditer(attributes) if one["name"] == "alt")
    return _decoded(next(found, "").strip("\"'"))


def _decoded(text: str) -> str:
    """Return a text with its entities decoded."""
    try:
        return html.unescape(text)
    except ValueError:  # Python does not read numbers of thousands of digits.
        return text
