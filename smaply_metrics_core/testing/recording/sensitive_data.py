"""Finds secrets, keys and personal data, which no cassette may contain."""

from __future__ import annotations

import base64
import io
import ipaddress
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from vcr.cassette import Cassette

from smaply_metrics_core.input_limits.zip_archive import unpack_zip
from smaply_metrics_core.secret_forms import views
from smaply_metrics_core.testing.leak_detection.secret_encodings import contains_secret
from smaply_metrics_core.testing.recording.inflation import inflate
from smaply_metrics_core.testing.recording.login_answers import unredacted_keys
from smaply_metrics_core.testing.recording.policy import RecordingPolicy
from smaply_metrics_core.testing.recording.stored_exchanges import body_of

# The patterns start only where a run of characters begins, or limit its length, so that they take
# linear time.
_EMAIL: Final = re.compile(  # Includes non-ASCII letters and percent-encoding.
    rb"(?<![\w.+\x80-\xff-])[\w.+\x80-\xff-]+(?:@|%40)"
    rb"[A-Za-z0-9\x80-\xff-]+(?:\.[A-Za-z0-9\x80-\xff-]+)*"
    rb"\.[A-Za-z\x80-\xff]{2,}"
)
_PHONE: Final = re.compile(rb"(?<![\w+])\+[1-9](?:[ ()/-]{0,2}\d){8,14}(?!\w)")
_IPV4: Final = re.compile(rb"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")
_IPV6: Final = re.compile(rb"(?<![\w:])[23][0-9a-fA-F]{3}:[0-9a-fA-F:]{2,34}(?![\w:])")
"""Candidates for public IPv6 addresses, which start with 2 or 3."""

_SECRET_PATTERNS: Final = {
    "a JSON web token": re.compile(rb"\beyJ[\w-]{10,1000}\.[\w-]{10,}\.[\w-]*"),
    "a bearer token": re.compile(rb"\bBearer\s+[\w.~+/-]{12,}", re.IGNORECASE),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a cloud access key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
}


_KINDS: Final = (
    ("the e-mail address", _EMAIL),
    ("the phone number", _PHONE),
)
_DEPTH: Final = 4
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{16,}(?:\r?\n[A-Za-z0-9+/_-]+)*={0,2}")
_GZIP: Final = b"\x1f\x8b"
_BETWEEN: Final = b"\xff\xff"  # In no text, so that parts are searched separately.


def find_sensitive_data(
    path: Path,
    secrets: Collection[str],
    *,
    policy: RecordingPolicy | None = None,
    sign_in: str = "",
) -> tuple[str, ...]:
    """Return descriptions of the sensitive data in a cassette.

    These are secrets in any encoding, texts that look like secrets, e-mail addresses, phone numbers
    and public IP addresses. ZIP and gzip files, base64 and escapes are decoded and searched.
    Answers to logins may contain nothing that looks like a key, except placeholders.

    Args:
        path: The cassette.
        secrets: The secrets.
        policy: The policy that it was recorded with, whose redacted requests are logins.
        sign_in: A text in the path or body of other requests that are logins.
    """
    cassette = Cassette.load(path=path, record_mode="none")
    parts = [path.read_bytes()]
    for request, answer in cassette.data:
        for content in (request.uri.encode(), body_of(request), body_of(answer)):
            parts += _decoded(content)
    found = ["a secret"] if contains_secret(_BETWEEN.join(parts), tuple(secrets)) else []
    for part in parts:
        found += _found(part)
    keys = unredacted_keys(cassette.data, policy or RecordingPolicy(), sign_in)
    found += [f"what looks like a key at `{key}` in the answer to a login" for key in keys]
    return tuple(dict.fromkeys(found))


def _found(content: bytes) -> Iterator[str]:
    """Yield descriptions of what is in a content, whether it is escaped or not."""
    spellings = tuple(views(content))
    for what, pattern in _SECRET_PATTERNS.items():
        if any(pattern.search(one) for one in spellings):
            yield what
    for what, pattern in _KINDS:
        matches = (pattern.search(one) for one in spellings)
        if match := next(filter(None, matches), None):
            yield f"{what} {match[0].decode(errors='replace')}"
    for one in spellings:
        for found in (*_IPV4.findall(one), *_IPV6.findall(one)):
            if _is_public_address(found.decode()):
                yield f"the IP address {found.decode()}"


def _is_public_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _decoded(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """Yield a content, and what is packed or encoded in it."""
    if depth > _DEPTH or not content:
        return
    if zipfile.is_zipfile(io.BytesIO(content)):
        for name, data in unpack_zip(content):
            yield name.encode()
            yield from _decoded(data, depth + 1)
        return
    if content.startswith(_GZIP):
        yield from _decoded(inflate(content), depth + 1)
    yield content
    for encoded in {match for one in views(content) for match in _BASE64.findall(one)}:
        decoded = _from_base64(encoded)
        if decoded is not None:
            yield from _decoded(decoded, depth + 1)


def _from_base64(encoded: bytes) -> bytes | None:
    """Return a file or a text that is in base64; random letters decode to neither."""
    digits = b"".join(encoded.split()).rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        decoded = base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
        if not decoded.startswith((_GZIP, b"PK")):
            decoded.decode()
    except ValueError:
        return None
    return decoded
