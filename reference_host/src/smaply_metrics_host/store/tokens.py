"""Tokens of sessions, invitations and share links, of which only the digests are stored."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

BYTES: Final = 32
"""256 random bits, which cannot be guessed, so that a plain digest is enough."""


def new_token() -> str:
    """Return a random token for a URL or a cookie."""
    return secrets.token_urlsafe(BYTES)


def token_digest(token: str) -> str:
    """Return what is stored instead of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
