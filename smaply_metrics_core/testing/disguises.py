"""The forms in which a secret is told all the same: those of the framework's search, and more."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from smaply_metrics_core.secret_search import find_secrets

PART: Final = 12
"""So many characters from the beginning or the end of a secret are too much of it."""


def gives_away(content: bytes, secrets: Sequence[str]) -> bool:
    """Whether a secret, or a long part of it, stands in a content in any form.

    Beside the forms of ``find_secrets``: in capital or small letters, backwards, as hexadecimal
    digits or base32, and its first or last 12 characters alone.
    """
    lowered = content.lower()
    return any(form in lowered for one in secrets for form in _disguises(one)) or bool(
        find_secrets(io.BytesIO(content), secrets)
    )


@lru_cache(maxsize=256)
def _disguises(secret: str) -> tuple[bytes, ...]:
    return tuple(form.lower() for form in _forms(secret.encode(errors="surrogatepass")))


def _forms(raw: bytes) -> Iterator[bytes]:
    if len(raw) < PART:  # So short a text stands somewhere by chance.
        return
    yield raw[:PART]
    yield raw[-PART:]
    yield raw[::-1][:PART]
    yield raw.hex().encode()
    yield base64.b32encode(raw).rstrip(b"=")
