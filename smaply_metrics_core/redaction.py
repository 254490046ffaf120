"""Finds secrets in streams and texts, also in encoded forms, and redacts them."""

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
"""Secrets with fewer characters than this are only found as whole words."""
BLOCK: Final = 1 << 20

LONGEST_REPEATED = 30
"""Messages do not repeat unknown ids of more characters, which may be mistyped tokens."""


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; an empty result means the end."""
        ...


class SecretMatch(NamedTuple):
    """The position of a secret in a stream, without the secret.

    Attributes:
        secret: The index of the secret in the sequence of secrets.
        form: The encoding: ``raw``, ``url``, ``json``, ``csv``, ``html``, ``base64`` or
            ``utf-16``.
        offset: The position in the stream, in bytes.
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
    """Search a stream for secrets, in constant memory.

    Each secret is searched for in clear, URL-encoded, escaped for JSON, CSV and HTML, within
    base64 data at any offset, and in UTF-16, also across block boundaries. Secrets in compressed
    or encrypted data, or in base64 with line breaks, are not found.

    A secret of fewer than 6 characters occurs in any large text by chance. It is only searched for
    in clear and as a whole word. Empty secrets are ignored.

    Returns:
        The first match of each secret in each form, in the order of the stream.
    """
    needles = list(_needles(secrets))
    if not needles:
        return ()
    # One more byte on either side shows whether a short secret is a whole word.
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
        # At an inner edge, the adjacent byte is unknown here; the overlapping window has both.
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
    """Yield the characters that depend only on the secret, for each alignment."""
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
    """Redacts the secrets of a call in texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # The longest first, since one may be part of another.
        self._secrets = tuple(sorted(filter(None, set(secrets)), key=len, reverse=True))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def contains_secret(self, *texts: str) -> bool:
        """Whether a text contains a secret, in any form that ``find_secrets`` finds."""
        data = "\n".join(texts).encode("utf-8", "surrogatepass")
        return bool(find_secrets(io.BytesIO(data), self._secrets))

    def redact(self, text: str) -> str:
        """Return the text with secrets replaced; an empty text if it has an encoded secret."""
        for secret in self._secrets:
            if len(secret) >= SHORT:
                text = text.replace(secret, HIDDEN)
        return "" if self.contains_secret(text) else text

    def redact_line(self, text: str) -> str:
        """Return the text redacted, as a single short line for messages."""
        flat = " ".join(self.redact(text).split())
        return flat if len(flat) <= _MOST_CHARACTERS else f"{flat[: _MOST_CHARACTERS - 1]}…"
