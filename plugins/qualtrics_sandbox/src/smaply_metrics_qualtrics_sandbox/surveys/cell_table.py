"""Dictionary-encoded storage for the cells of a column.

A responses file has few distinct texts that repeat often, so a column stores each distinct text
(word) once and a four-byte code for each row. A million rows with sixty columns take about 240 MB
instead of sixty million Python strings, and conversions such as recode to label run once per word.
Columns are append-only, so a number of rows identifies a snapshot.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Cells:
    """The cells of one column. Code 0 is the blank cell."""

    __slots__ = ("_codes", "_index", "words")

    def __init__(self, blank_rows: int = 0) -> None:
        self.words: list[str] = [""]
        self._index = {"": 0}
        self._codes = array("I", bytes(4 * blank_rows))

    def __len__(self) -> int:
        return len(self._codes)

    def append(self, text: str) -> None:
        """Append one row."""
        code = self._index.get(text)
        if code is None:
            # Add the word before its code, so that readers in other threads never find a code
            # without a word.
            code = len(self.words)
            self.words.append(text)
            self._index[text] = code
        self._codes.append(code)

    def translate(self, change: Callable[[str], str]) -> None:
        """Replace every word by the result of `change`. Blank cells stay blank."""
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
        """Yield the meaning of the cell in each of these rows; `meanings` parallels `words`."""
        return map(meanings.__getitem__, map(self._codes.__getitem__, rows))

    def filled(self, rows: Iterable[int]) -> Iterator[bool]:
        """Yield whether the cell in each of these rows is filled."""
        return map(bool, map(self._codes.__getitem__, rows))
