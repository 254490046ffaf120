"""Cells of a survey's responses, kept as words and codes.

An answer file repeats few words very often, so each column keeps every distinct text once and a
four-byte code for each row. A million rows of sixty columns then take some 240 MB in place of sixty
million Python strings, and whatever is done to cells (recode to label, one zone to another) is done
once for each word. Columns only ever grow at the end: a number of rows is a snapshot.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Cells:
    """The cells of one column; code 0 is the blank cell."""

    __slots__ = ("_codes", "_index", "words")

    def __init__(self, blank_rows: int = 0) -> None:
        self.words: list[str] = [""]
        self._index = {"": 0}
        self._codes = array("I", bytes(4 * blank_rows))

    def __len__(self) -> int:
        return len(self._codes)

    def append(self, text: str) -> None:
        """Add one row."""
        code = self._index.get(text)
        if code is None:
            # The word goes in before its code: a reader on another thread never meets a code
            # without a word.
            code = len(self.words)
            self.words.append(text)
            self._index[text] = code
        self._codes.append(code)

    def translate(self, change: Callable[[str], str]) -> None:
        """Replace every word by what `change` makes of it; the blank stays blank."""
        fresh = Cells()
        codes = array("I")
        for word in self.words:
            text = change(word) if word else ""
            code = fresh._index.setdefault(text, len(fresh.words))
            if code == len(fresh.words):
                fresh.words.append(text)
            codes.append(code)
        self._codes = array("I", map(codes.__getitem__, self._codes))
        self.words, self._index = fresh.words, fresh._index

    def read(self, rows: Iterable[int]) -> Iterator[str]:
        """Yield the cells of these rows."""
        return self.look_up(rows, self.words)

    def look_up(self, rows: Iterable[int], meanings: Sequence[_T]) -> Iterator[_T]:
        """Yield what the word of each row means, given one meaning for each of `words`."""
        return map(meanings.__getitem__, map(self._codes.__getitem__, rows))

    def filled(self, rows: Iterable[int]) -> Iterator[bool]:
        """Yield for each of these rows whether its cell holds anything."""
        return map(bool, map(self._codes.__getitem__, rows))
