"""Read decoded JSON of unknown shape as the expected type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def as_dict(value: object) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty mapping."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    """Return the value if it is a JSON array, else an empty sequence."""
    return value if isinstance(value, list) else ()
