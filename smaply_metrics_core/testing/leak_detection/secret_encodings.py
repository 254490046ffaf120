"""The search for leaked secrets in the output of a source, and for parts of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from io import BytesIO
from typing import Final

from smaply_metrics_core.redaction import Redactor

PART: Final = 12
"""Number of characters from the start or end of a secret that count as a leak."""

_ADDRESS: Final = re.compile(rb" at 0x[0-9a-f]+")
"""What differs between two reprs of the same state."""


def contains_secret(content: bytes, secrets: Sequence[str]) -> bool:
    """Whether a secret occurs in any form that redaction knows, or its first or last characters."""
    return search_for(tuple(secrets)).found_in(content)


class LeakSearch:
    """A search for secrets that skips contents in which it has found none before.

    Runs with faults repeat most of their output, with other addresses of objects.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._redactor = Redactor(part for secret in secrets for part in _parts(secret))
        self._clean: set[int] = set()

    def found_in(self, *contents: bytes) -> bool:
        """Whether a secret occurs in one of several contents, which are searched together."""
        digests = {hash(_ADDRESS.sub(b"", one)): one for one in contents}
        new = {digest: one for digest, one in digests.items() if digest not in self._clean}
        if self._redactor.found_in(BytesIO(b"\0".join(new.values()))):
            return True
        self._clean.update(new)
        return False


@lru_cache(maxsize=64)
def search_for(secrets: tuple[str, ...]) -> LeakSearch:
    """Return the search for secrets, which is shared so that it remembers the contents."""
    return LeakSearch(secrets)


def _parts(secret: str) -> tuple[str, ...]:
    """Return a secret, its start and its end; a short one alone, where they may be coincidence."""
    return (secret, secret[:PART], secret[-PART:]) if len(secret) > PART else (secret,)
