"""CSRF tokens: forms carry the token of their session, so other sites cannot send them.

A token is masked with a new random value in each page. Pages are compressed, so an unmasked token
could be guessed from their lengths (BREACH).
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

FIELD: Final = "csrf_token"
HEADER: Final = "x-csrf-token"


def masked(token: str) -> str:
    """Return a session's token (hexadecimal), masked with a new random value."""
    plain = bytes.fromhex(token)
    mask = secrets.token_bytes(len(plain))
    return (mask + _xor(plain, mask)).hex()


def matches(given: str, token: str) -> bool:
    """Whether a masked token belongs to the session."""
    try:
        both = bytes.fromhex(given)
    except ValueError:
        return False
    half = len(both) // 2
    return hmac.compare_digest(_xor(both[:half], both[half:]), bytes.fromhex(token))


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
