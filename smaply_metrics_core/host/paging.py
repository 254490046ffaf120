"""Pages of lists: a search, then an offset and a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from smaply_metrics_core.errors import InputError

T = TypeVar("T")


def require_page(offset: int, limit: int | None) -> None:
    """Raise for a page that cannot exist.

    Raises:
        InputError: when the offset or the limit is out of range.
    """
    if offset < 0 or (limit is not None and limit < 1):
        raise InputError(
            "The page is not valid.",
            remedy="Use an offset of 0 or more and a limit of 1 or more.",
        )


def find_matching(
    items: Sequence[T], search: str, identify: Callable[[T], tuple[str, str]]
) -> Sequence[T]:
    """Return the items whose name contains a text, in any case, or whose id it is.

    Args:
        items: The items.
        search: The text; all items match when it is empty.
        identify: Returns the id and the name of an item.
    """
    sought = search.strip()
    if not sought:
        return items
    text = sought.casefold()
    found = []
    for item in items:
        item_id, name = identify(item)
        if sought == item_id or text in name.casefold():
            found.append(item)
    return found


def slice_page(items: Sequence[T], offset: int, limit: int | None) -> Sequence[T]:
    """Return the items of a page."""
    return items[offset : None if limit is None else offset + limit]
