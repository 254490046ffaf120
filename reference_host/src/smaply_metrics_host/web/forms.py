"""What forms hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.datastructures import FormData


LONGEST_NUMBER: Final = 9
"""Digits. Python refuses to read thousands of them, and nothing here counts further."""


def whole(text: str) -> int | None:
    """Read a number as forms send it; None when it is none, or has too many digits."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def texts(form: FormData) -> dict[str, str]:
    """Give what was entered by field, files left out; of a field sent twice the last."""
    return {name: value for name, value in form.items() if isinstance(value, str)}
