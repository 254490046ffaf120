"""Decompresses gzip and zlib with a limit."""

from __future__ import annotations

import zlib
from typing import Final

from smaply_metrics_core.testing.assertions import expect

MOST_BYTES: Final = 256 * 1024 * 1024
"""The limit of ZIP files in recordings, too."""

_ANY_HEADER: Final = 32 + zlib.MAX_WBITS  # Of gzip or zlib.


def inflate(content: bytes) -> bytes:
    """Return a content decompressed, and what is not compressed in it as it is.

    Raises:
        AssertionError: if it has more than 256 MiB.
    """
    parts: list[bytes] = []
    left = MOST_BYTES
    while content:
        inflater = zlib.decompressobj(_ANY_HEADER)
        try:
            part = inflater.decompress(content, left + 1)
        except zlib.error:
            parts.append(content)
            break
        left -= len(part)
        expect(
            left >= 0,
            "A compressed body has more than 256 MiB.",
            "record a survey with fewer responses",
        )
        parts.append(part)
        content = inflater.unused_data
    return b"".join(parts)
