"""The names of connections."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.errors import InputError

MAX_NAME_LENGTH: Final = 200
"""In characters; the column of the name holds no more."""


def validate_name(name: str) -> str:
    """Return the name of a connection without surrounding white space.

    Raises:
        InputError: for a name that is too long, or has characters that are not printed.
    """
    name = name.strip()
    if len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InputError(
            "The name of the connection is not valid.",
            remedy=f"Use at most {MAX_NAME_LENGTH} printable characters, on one line.",
        )
    return name
