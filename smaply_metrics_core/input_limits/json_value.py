"""JSON from untrusted senders: limits that are checked before it is parsed."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

MOST_BYTES: Final = 32 * 2**20
MOST_VALUES: Final = 2_000_000
"""The maximum number of values and names. Each can take 100 bytes of memory, so 64 MB of ``{}``
would become 1.6 GB. The largest survey definitions have less than a tenth of this."""
MOST_LEVELS: Final = 100
LARGEST_NUMBER: Final = sys.float_info.max
"""Larger whole numbers cannot be converted to a float."""

_BEFORE_VALUES: Final = (b"[", b"{", b",", b":")


class JsonRefused(ValueError):
    """A JSON text that is not valid or exceeds a limit; the message says which."""


def parse_json(
    content: bytes, *, most_bytes: int = MOST_BYTES, most_values: int = MOST_VALUES
) -> Any:  # noqa: ANN401  # JSON.
    """Return the value of a JSON text in UTF-8; all its numbers are finite.

    Memory and time are bounded, whatever the text is.

    Args:
        content: The text.
        most_bytes: The maximum size.
        most_values: The maximum number of values and names. Commas, colons and opening brackets are
            counted, in texts as well.

    Raises:
        JsonRefused: if it is not valid JSON or exceeds a limit.
    """
    if len(content) > most_bytes:
        raise JsonRefused(f"more than {most_bytes // 2**20:,} MiB of JSON")
    # Each of these characters precedes at most one value. Those in texts are counted too.
    if sum(map(content.count, _BEFORE_VALUES)) > most_values:
        raise JsonRefused(f"JSON with more than {most_values:,} values")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise JsonRefused("invalid JSON") from None
    _check(value)
    return value


def _check(value: object) -> None:
    """Check the nesting and the numbers, level by level."""
    level: list[object] = [value]
    for _ in range(MOST_LEVELS):
        below: list[object] = []
        for one in level:
            match one:
                case dict():
                    below.extend(one.values())
                case list():
                    below.extend(one)
                # Neither infinity nor NaN lies between the limits.
                case int() | float() if not -LARGEST_NUMBER <= one <= LARGEST_NUMBER:
                    raise JsonRefused("JSON with a number that is not finite or too large")
        if not below:
            return
        level = below
    raise JsonRefused(f"JSON with more than {MOST_LEVELS} levels")
