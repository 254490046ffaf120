"""The search for leaked secrets in the output of a source, and for parts of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from typing import Final

from smaply_metrics_core.redaction import Redactor

PART: Final = 12
"""Number of characters from the start or end of a secret that count as a leak."""


def contains_secret(content: bytes, secrets: Sequence[str]) -> bool:
    """Whether a secret occurs in any form that redaction knows, or its first or last characters."""
    return _search(tuple(secrets)).found_in(BytesIO(content))


@lru_cache(maxsize=64)
def _search(secrets: tuple[str, ...]) -> Redactor:
    return Redactor(part for secret in secrets for part in _parts(secret))


def _parts(secret: str) -> tuple[str, ...]:
    """Return a secret, its start and its end; a short one alone, where they may be coincidence."""
    return (secret, secret[:PART], secret[-PART:]) if len(secret) > PART else (secret,)
