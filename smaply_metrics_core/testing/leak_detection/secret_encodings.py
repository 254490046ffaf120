"""The forms in which a secret is told all the same: those of the framework's search, and more."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from smaply_metrics_core.redaction import find_secrets

PART: Final = 12
"""So many characters from the beginning or the end of a secret are too much of it."""

_SIGNS: Final = bytes(n for n in range(128) if not chr(n).isalnum())
"""What may stand between the characters of a secret, as in an address or in UTF-16."""


def contains_secret(content: bytes, secrets: Sequence[str]) -> bool:
    """Whether a secret, or a long part of it, stands in a content in any form.

    Beside the forms of ``find_secrets``: in capital or small letters, backwards, as hexadecimal
    digits or base32, each also with signs between its characters, and its first or last 12
    characters alone.
    """
    lowered = content.lower()
    bare = lowered.translate(None, _SIGNS)
    return any(
        any(part in lowered for part in _parts(one)) or any(form in bare for form in _forms(one))
        for one in secrets
    ) or bool(find_secrets(io.BytesIO(content), secrets))


@lru_cache(maxsize=256)
def _parts(secret: str) -> tuple[bytes, ...]:
    raw = secret.encode(errors="surrogatepass").lower()
    # So short a text as a part of a shorter one stands somewhere by chance.
    return (raw[:PART], raw[-PART:]) if len(raw) >= PART else ()


@lru_cache(maxsize=256)
def _forms(secret: str) -> tuple[bytes, ...]:
    raw = secret.encode(errors="surrogatepass")
    written = (raw, raw[::-1], raw.hex().encode(), base64.b32encode(raw))
    bare = (form.lower().translate(None, _SIGNS) for form in written)
    return tuple(form for form in bare if len(form) >= PART)
