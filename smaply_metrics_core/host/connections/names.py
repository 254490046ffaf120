"""The names of connections."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.errors import InputError

MAX_NAME_LENGTH: Final = 200
"""In characters; the length of the column in the store."""


def validate_name(name: str) -> str:
    """Return the name of a connection without surrounding white space.

    Raises:
        InputError: when the name is too long or contains unprintable characters.
    """
    name = name.strip()
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InputError(
            "The name of the connection is not valid.",
            remedy=f"Use at most {MAX_NAME_LENGTH} printable characters, on one line.",
        )
    return name
