"""The token that a session's forms carry, so that no other site can send them.

It is masked anew each time it is shown: pages are compressed, and a token that is the same in each
could be guessed from their lengths.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

FIELD: Final = "csrf_token"
HEADER: Final = "x-csrf-token"


def masked(token: str) -> str:
    """Write a session's token (hexadecimal) in a form that differs each time."""
    plain = bytes.fromhex(token)
    mask = secrets.token_bytes(len(plain))
    return (mask + _xor(plain, mask)).hex()


def matches(given: str, token: str) -> bool:
    """Whether a masked token is the session's."""
    try:
        both = bytes.fromhex(given)
    except ValueError:
        return False
    half = len(both) // 2
    return hmac.compare_digest(_xor(both[:half], both[half:]), bytes.fromhex(token))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
