"""Keeping secrets out of texts that come from a source."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

from smaply_metrics_core.secret_search import SHORT, find_secrets

HIDDEN: Final = "••••"
_MOST_CHARACTERS: Final = 300


class Scrubber:
    """Knows the secrets of one call, and takes them out of texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one may be a part of another.
        self._secrets = tuple(sorted(filter(None, set(secrets)), key=len, reverse=True))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def holds(self, *texts: str) -> bool:
        """Whether a secret stands in one of the texts, in any form that ``find_secrets`` knows."""
        data = "\n".join(texts).encode("utf-8", "surrogatepass")
        return bool(find_secrets(io.BytesIO(data), self._secrets))

    def clean(self, text: str) -> str:
        """Give the text with dots for each secret; nothing when one is there in another form."""
        for secret in self._secrets:
            if len(secret) >= SHORT:
                text = text.replace(secret, HIDDEN)
        return "" if self.holds(text) else text

    def line(self, text: str) -> str:
        """Give a short single line without secrets, for a message to people."""
        flat = " ".join(self.clean(text).split())
        return flat if len(flat) <= _MOST_CHARACTERS else f"{flat[: _MOST_CHARACTERS - 1]}…"
