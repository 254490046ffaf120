"""Finds the delimiter of several answers in one text."""

from __future__ import annotations

from typing import Final

from smaply_metrics_sql.mapping.samples import Values

_DELIMITERS: Final = (";", "|", ",", "\n", "/")
_SHARE: Final = 0.1
"""The share of the texts that have a delimiter."""
_MOST_PARTS: Final = 30
_LONGEST_PART: Final = 60
_REPEATED: Final = 2
"""How often a part occurs on average; those of sentences differ."""


def delimiter_in(values: Values) -> str:
    """Return what separates several answers in the values of a column; empty for nothing.

    An answer has to occur alone as well as with others, unlike the parts of “Vienna, Austria”.
    """
    total = sum(values.counts.values())
    for delimiter in _DELIMITERS:
        alone: set[str] = set()
        together: set[str] = set()
        split = given = 0
        for value, number in values.counts.items():
            parts = {part.strip() for part in value.split(delimiter)}
            if delimiter in value:
                together |= parts
                split += number
            else:
                alone |= parts
            given += number * len(parts)
        different = alone | together
        is_short = all(len(one) <= _LONGEST_PART for one in different)
        are_few = len(different) <= min(_MOST_PARTS, given / _REPEATED)
        if is_short and are_few and split >= _SHARE * total and alone & together:
            return delimiter
    return ""
