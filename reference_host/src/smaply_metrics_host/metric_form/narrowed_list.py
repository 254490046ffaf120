"""The options of a select that match a search text, limited in number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_host.metric_form.question_list import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_OPTIONS: Final = 100
"""The maximum number of listed options; a select with more can be searched."""


class SearchedOption(NamedTuple):
    """An option of a select that can be searched.

    Attributes:
        refused: Why it is unavailable; empty if it can be chosen.
        found_by: Other texts by which a search finds it.
    """

    value: str
    label: str
    refused: str = ""
    found_by: tuple[str, ...] = ()

    def matches(self, sought: str) -> bool:
        """Whether its label or another text contains a folded search text."""
        return any(sought in fold(one) for one in (self.label, *self.found_by))


@dataclass(frozen=True)
class NarrowedList:
    """The options of a select.

    Attributes:
        search: The search text.
        groups: The listed options by heading; the chosen one is always listed.
        matching: The number of options that match.
        more: The number of matching options beyond the limit.
        total: The number of all options.
    """

    search: str
    groups: tuple[tuple[str, tuple[SearchedOption, ...]], ...]
    matching: int
    more: int
    total: int

    @property
    def searchable(self) -> bool:
        """Whether there are so many options that they are searched."""
        return self.total > MOST_OPTIONS


def narrowed_list(
    groups: Iterable[tuple[str, Sequence[SearchedOption]]], search: str, chosen: str
) -> NarrowedList:
    """Return the options that match a search text.

    Args:
        groups: All options by heading.
        search: The search text; it is ignored if all options can be listed.
        chosen: The value of the chosen option.
    """
    every = [(heading, entry) for heading, entries in groups for entry in entries]
    sought = fold(search) if len(every) > MOST_OPTIONS else ""
    matching = [one for one in every if one[1].matches(sought)] if sought else every
    listed = {entry.value for _, entry in matching[:MOST_OPTIONS]} | {chosen}
    found: dict[str, list[SearchedOption]] = {}
    for heading, entry in every:
        if entry.value in listed:
            found.setdefault(heading, []).append(entry)
    return NarrowedList(
        search=search,
        groups=tuple((heading, tuple(entries)) for heading, entries in found.items()),
        matching=len(matching),
        more=max(0, len(matching) - MOST_OPTIONS),
        total=len(every),
    )
