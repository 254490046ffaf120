"""Searches streams for secrets, in every form in which one is likely to have been written."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote, quote_plus

SHORT: Final = 6
"""Secrets with fewer characters than this are searched as whole words only."""
BLOCK: Final = 1 << 20

LONGEST_REPEATED = 30
"""Characters of an unknown id that a message repeats; a longer one may be a mistyped token."""


class Readable(Protocol):
    """Anything that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes; nothing at the end."""
        ...


class SecretMatch(NamedTuple):
    """A secret that was found; it does not repeat it.

    Attributes:
        secret: Which one: its place in the sequence of secrets, from 0.
        form: How it was written: ``raw``, ``url``, ``json``, ``csv``, ``html``, ``base64`` or
            ``utf-16``.
        offset: Where in the stream, in bytes from its beginning.
    """

    secret: int
    form: str
    offset: int


class _Needle(NamedTuple):
    secret: int
    form: str
    text: bytes
    whole_word: bool


def find_secrets(stream: Readable, secrets: Sequence[str]) -> tuple[SecretMatch, ...]:
    """Search a stream to its end for secrets, in constant memory.

    Each secret is looked for as it is, URL-encoded, escaped for JSON, CSV and HTML, within base64
    (whatever stands before it and after) and in UTF-16, also across the borders of blocks. It is
    not found in compressed or encrypted data, nor in base64 that is broken into lines.

    A secret of fewer than 6 characters stands in any large text by chance. It is only looked for
    as it is, and where no letter or digit stands beside it. Empty ones are ignored.

    Returns:
        The first place of each secret in each form, in the order of the stream.
    """
    needles = list(_needles(secrets))
    if not needles:
        return ()
    # One more on either side shows whether a short secret stands alone.
    overlap = max(len(needle.text) for needle in needles) + 1
    findings: list[SecretMatch] = []
    window, start = b"", 0
    while True:
        block = stream.read(BLOCK)
        window += block
        for needle in tuple(needles):
            at = _find(needle, window, begins=start == 0, ends=not block)
            if at is not None:
                findings.append(SecretMatch(needle.secret, needle.form, start + at))
                needles.remove(needle)
        if not block or not needles:
            return tuple(sorted(findings, key=lambda finding: finding.offset))
        cut = max(0, len(window) - overlap)
        window, start = window[cut:], start + cut


def _find(needle: _Needle, window: bytes, *, begins: bool, ends: bool) -> int | None:
    if not needle.whole_word:
        at = window.find(needle.text)
        return None if at < 0 else at
    pattern = rb"(?<![0-9A-Za-z])" + re.escape(needle.text) + rb"(?![0-9A-Za-z])"
    for match in re.finditer(pattern, window):
        # At an inner edge the neighbour is in another window, which sees both.
        if (match.start() > 0 or begins) and (match.end() < len(window) or ends):
            return match.start()
    return None


def _needles(secrets: Sequence[str]) -> Iterator[_Needle]:
    for number, secret in enumerate(secrets):
        seen: set[bytes] = set()
        for form, text in _forms(secret):
            if text and text not in seen:
                seen.add(text)
                yield _Needle(number, form, text, whole_word=len(secret) < SHORT)


def _forms(secret: str) -> Iterator[tuple[str, bytes]]:
    raw = secret.encode(errors="surrogatepass")
    yield "raw", raw
    if len(secret) < SHORT:
        return
    for encoded in _url_forms(raw):
        yield "url", encoded
    for escaped in _json_forms(secret):
        yield "json", escaped
    yield "csv", secret.replace('"', '""').encode(errors="surrogatepass")
    yield "html", html.escape(secret).encode(errors="surrogatepass")
    for inside in _base64_forms(raw):
        yield "base64", inside
    for codec in ("utf-16-le", "utf-16-be"):
        yield "utf-16", secret.encode(codec, errors="surrogatepass")


def _url_forms(raw: bytes) -> Iterable[bytes]:
    for encoded in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield encoded.encode()
        yield re.sub("%..", lambda match: match[0].lower(), encoded).encode()


def _json_forms(secret: str) -> Iterable[bytes]:
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped.encode(errors="surrogatepass")
        yield escaped.replace("/", "\\/").encode(errors="surrogatepass")


def _base64_forms(raw: bytes) -> Iterable[bytes]:
    """Return the characters that depend on the secret alone, for each place it may begin at."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        first = -(-before * 8 // 6)
        whole = (before + len(raw)) * 8 // 6
        inside = encoded[first:whole]
        yield inside
        yield inside.translate(bytes.maketrans(b"+/", b"-_"))


HIDDEN: Final = "••••"
_MOST_CHARACTERS: Final = 300


class Redactor:
    """Knows the secrets of one call, and takes them out of texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first: one may be a part of another.
        self._secrets = tuple(sorted(filter(None, set(secrets)), key=len, reverse=True))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def contains_secret(self, *texts: str) -> bool:
        """Whether a secret stands in one of the texts, in any form that ``find_secrets`` knows."""
        data = "\n".join(texts).encode("utf-8", "surrogatepass")
        return bool(find_secrets(io.BytesIO(data), self._secrets))

    def redact(self, text: str) -> str:
        """Return the text with dots for each secret; nothing when one is there in another form."""
        for secret in self._secrets:
            if len(secret) >= SHORT:
                text = text.replace(secret, HIDDEN)
        return "" if self.contains_secret(text) else text

    def redact_line(self, text: str) -> str:
        """Return a short single line without secrets, for a message to people."""
        flat = " ".join(self.redact(text).split())
        return flat if len(flat) <= _MOST_CHARACTERS else f"{flat[: _MOST_CHARACTERS - 1]}…"
