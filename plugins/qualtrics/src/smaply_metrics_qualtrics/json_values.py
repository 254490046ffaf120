"""Read decoded JSON of unknown shape as the expected type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def as_dict(value: object) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty mapping."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    """Return the value if it is a JSON array, else an empty sequence."""
    return value if isinstance(value, list) else ()


def as_text(value: object) -> str:
    """Return the value if it is a JSON string, else an empty string."""
    return value if isinstance(value, str) else ""


def as_number(value: object) -> float | None:
    """Return the value if it is a finite JSON number in the range of a float, else ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
