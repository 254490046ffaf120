"""Decoded JSON of any shape, read as the type that is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def as_dict(value: object) -> Mapping[str, Any]:
    """Return a JSON object with text keys; an empty one for anything else."""
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    """Return a JSON array; an empty one for anything else."""
    return value if isinstance(value, list) else ()
