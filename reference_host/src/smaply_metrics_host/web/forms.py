"""Values of submitted forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.datastructures import FormData


LONGEST_NUMBER: Final = 9
"""Digits. Python refuses to parse numbers with thousands of them."""


def whole(text: str) -> int | None:
    """Return a form value as a whole number; None if it is not one or has too many digits."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def decimal(text: str) -> float | None:
    """Return a form value as a number such as ``99.9``; None if it is not one."""
    before, _, after = text.partition(".")
    digits = whole(before + after)
    return None if digits is None else digits / 10 ** len(after)


def texts(form: FormData) -> dict[str, str]:
    """Return the text values by field, without files; the last value of a repeated field."""
    return {name: value for name, value in form.items() if isinstance(value, str)}
