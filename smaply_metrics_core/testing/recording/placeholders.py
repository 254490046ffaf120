"""The placeholders of redacted values: the same value has the same one in the whole cassette.

A value that a request sends first, such as a password, is replaced by a constant, so that a replay
with other credentials matches. A value that the survey tool issues, such as a session key, gets a
number and keeps its type, its length and its alphabet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import cycle
from typing import Final

from smaply_metrics_core.testing.recording.body_values import Scalar

SENT: Final = "redacted"
"""Replaces a text that a request sends."""

SHORTEST: Final = 12
"""Texts with fewer characters are replaced only where a path names them: elsewhere they may occur
by chance. It is the minimum length of the secrets of a contract class."""

_DIGITS: Final = re.compile(r"[0-9]+")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f{}-]+|[0-9A-F{}-]+")
_KEPT: Final = frozenset("-_.={}")
_SHORTEST_NUMBER: Final = 6


class Placeholders:
    """The placeholders of one cassette."""

    def __init__(self) -> None:
        self._found: dict[tuple[type, Scalar], Scalar] = {}
        self._inside_texts: set[tuple[type, Scalar]] = set()
        self._issued = 0
        self._search: tuple[re.Pattern[str], dict[str, str]] | None = None

    @property
    def values(self) -> tuple[str, ...]:
        """The redacted values as texts."""
        return tuple(str(value) for _, value in self._found)

    def sent(self, value: Scalar) -> Scalar:
        """Return the placeholder of a value in a request."""
        return self._placeholder(value, lambda: _constant(value))

    def issued(self, value: Scalar) -> Scalar:
        """Return the placeholder of a value in a response."""
        return self._placeholder(value, lambda: self._numbered(value))

    def keep(self, value: Scalar) -> Scalar:
        """Return a value of a stored response, which is a placeholder already."""
        return self._placeholder(value, lambda: value)

    def replace_in_texts(self, value: Scalar) -> None:
        """Replace a value also where it is a part of a text."""
        key = type(value), value
        if len(str(value)) >= SHORTEST and key not in self._inside_texts:
            self._inside_texts.add(key)
            self._search = None

    def elsewhere(self, value: Scalar) -> Scalar:
        """Return a value that no path names, with the redacted values in it replaced."""
        key = type(value), value
        if len(str(value)) >= SHORTEST and key in self._found:
            return self._found[key]
        return self.in_text(value) if isinstance(value, str) else value

    def in_text(self, text: str) -> str:
        """Return a text with the redacted values in it replaced, also where they are escaped."""
        pattern, placeholders = self._search or self._make_search()
        return pattern.sub(lambda match: placeholders[match.lastgroup or ""], text)

    def _make_search(self) -> tuple[re.Pattern[str], dict[str, str]]:
        texts = {
            str(key[1]): str(self._found[key]) for key in self._inside_texts if key in self._found
        }
        placeholders = {f"v{n}": one for n, one in enumerate(texts.values())}
        self._search = _any_spelling(texts), placeholders
        return self._search

    def _placeholder(self, value: Scalar, make: Callable[[], Scalar]) -> Scalar:
        if value == "" or value is None or isinstance(value, bool):
            return value  # Reveals nothing.
        key = type(value), value
        if key not in self._found:
            self._found[key] = make()
            self._search = None
        return self._found[key]

    def _numbered(self, value: Scalar) -> Scalar:
        self._issued += 1
        if isinstance(value, str):
            return _text(value, self._issued)
        digits = max(len(str(value)), _SHORTEST_NUMBER)
        number = int(f"9{self._issued:0{digits - 1}}")
        return float(number) if isinstance(value, float) else number


def _constant(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return SENT
    return 0.0 if isinstance(value, float) else 0


def _text(original: str, number: int) -> str:
    """Return a placeholder with the length and the alphabet of a text.

    The number is repeated, so that the start and the end of two placeholders differ as well.
    """
    length = max(len(original), SHORTEST)
    if _DIGITS.fullmatch(original):
        return f"9{number:0{length - 1}}"
    is_hexadecimal = _HEXADECIMAL.fullmatch(original) is not None
    letters = cycle(f"c0de{number}f" if is_hexadecimal else f"redacted{number}x")
    pattern = original if len(original) == length else "x" * length
    text = "".join(one if one in _KEPT else next(letters) for one in pattern)
    return text.upper() if is_hexadecimal and original.upper() == original else text


def _any_spelling(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern of texts in any spelling, the first group of which is ``v0`` and so on."""
    numbered = sorted(enumerate(texts), key=lambda one: len(one[1]), reverse=True)
    alternatives = [f"(?P<v{number}>{''.join(map(_spelled, text))})" for number, text in numbered]
    return re.compile("|".join(alternatives) or r"(?!)")


def _spelled(character: str) -> str:
    """Return a pattern of a character in clear, in a URL, in a form, and in JSON."""
    if character.isascii() and character.isalnum():
        return character
    encoded = character.encode(errors="surrogatepass")
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    spellings = [
        re.escape(character),
        "(?i:" + "".join(f"%{byte:02x}" for byte in encoded) + ")",
        "(?i:" + "".join(rf"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + ")",
    ]
    if character == " ":
        spellings.append(r"\+")
    if character in '"\\/':
        spellings.append(rf"\\{re.escape(character)}")
    return f"(?:{'|'.join(spellings)})"
