"""Texts for terminals and programs, without characters that control or mislead the reader.

Names of surveys, messages of servers and file names may contain anything: escape sequences that
rewrite the screen, line breaks that forge a line, and invisible or bidirectional characters that
show one thing and mean another.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from typing import Any, Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

_UNSAFE: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories: control, format (bidirectional, zero-width), lone surrogates, line separators."""
_BLANK_LETTERS: Final = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Invisible characters of other categories."""

_BEYOND_ASCII: Final = re.compile(r"[^ -~]")
_SPACES: Final = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]")
# Emoji and Persian join and separate characters with these; in other texts they hide.
_JOINED: Final = re.compile(r"(?<=[^\x00-\xff])[\u200c\u200d](?=[^\x00-\xff])")


def is_unsafe(character: str) -> bool:
    """Whether a character is invisible, or controls the terminal or the direction of the text."""
    return unicodedata.category(character) in _UNSAFE or character in _BLANK_LETTERS


def visible(text: str) -> str:
    """Return a text on one line: line breaks become spaces, others are replaced."""
    kept = {match.start() for match in _JOINED.finditer(text)}
    spaced = _SPACES.sub(" ", text)
    return _BEYOND_ASCII.sub(
        lambda match: (
            REPLACEMENT if is_unsafe(match[0]) and match.start() not in kept else match[0]
        ),
        spaced,
    )


def visible_lines(text: str, indent: str = "    ") -> str:
    """Return a text of several lines, such as a traceback; lines after the first are indented."""
    return f"\n{indent}".join(map(visible, text.split("\n")))


class TerminalFormatter(logging.Formatter):
    """Indents the further lines of a record, so that its message cannot forge another record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record without unsafe characters."""
        return visible_lines(super().format(record))


def to_json(data: Any, *, ascii_only: bool) -> str:  # noqa: ANN401  # Any JSON value.
    """Return JSON in which every unsafe character is escaped; its value does not change."""
    written = json.dumps(data, ensure_ascii=ascii_only, indent=2, allow_nan=False)
    # JSON itself escapes the ASCII ones but DEL. The line breaks between values stay.
    return re.sub(r"[^\n -~]", lambda match: _escaped(match[0]), written)


def _escaped(character: str) -> str:
    if not is_unsafe(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
