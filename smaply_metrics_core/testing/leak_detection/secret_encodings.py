"""Encodings of a secret beyond those that ``redaction.find_secrets`` knows."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from smaply_metrics_core.redaction import find_secrets

PART: Final = 12
"""Number of characters from the start or end of a secret that count as a leak."""

_SEPARATORS: Final = bytes(n for n in range(128) if not chr(n).isalnum())
"""Characters that may separate those of a secret, for example in a URL or in UTF-16."""


def contains_secret(content: bytes, secrets: Sequence[str]) -> bool:
    """Whether a secret, or a long part of it, occurs in a content in any encoding.

    In addition to the encodings of ``find_secrets``: upper or lower case, reversed, hexadecimal or
    base32, each also with separators between its characters; and only its first or last 12
    characters.
    """
    lowered = content.lower()
    bare = lowered.translate(None, _SEPARATORS)
    return any(
        any(part in lowered for part in _parts(one)) or any(form in bare for form in _forms(one))
        for one in secrets
    ) or bool(find_secrets(io.BytesIO(content), secrets))


@lru_cache(maxsize=256)
def _parts(secret: str) -> tuple[bytes, ...]:
    """Return the start and end of a secret; none for a short one, where they may be coincidence."""
    raw = secret.encode(errors="surrogatepass").lower()
    return (raw[:PART], raw[-PART:]) if len(raw) >= PART else ()


@lru_cache(maxsize=256)
def _forms(secret: str) -> tuple[bytes, ...]:
    """Return the encodings of a secret in lower case and without separators."""
    raw = secret.encode(errors="surrogatepass")
    encoded = (raw, raw[::-1], raw.hex().encode(), base64.b32encode(raw))
    bare = (form.lower().translate(None, _SEPARATORS) for form in encoded)
    return tuple(form for form in bare if len(form) >= PART)
