"""Finds secrets and personal data, which no cassette may contain."""

from __future__ import annotations

import io
import ipaddress
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from vcr.cassette import Cassette

from smaply_metrics_core.input_limits.zip_archive import unpack_zip
from smaply_metrics_core.testing.leak_detection.secret_encodings import contains_secret

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


def find_sensitive_data(path: Path, secrets: Sequence[str]) -> tuple[str, ...]:
    """Return descriptions of the sensitive data in a cassette.

    These are secrets in any encoding, texts that look like secrets, e-mail addresses, phone numbers
    and public IP addresses. ZIP files are unpacked and searched.
    """
    cassette = Cassette.load(path=path, record_mode="none")
    contents = [path.read_bytes()]
    for answer in cassette.responses:
        contents += _unpacked(answer["body"]["string"] or b"")
    return tuple(dict.fromkeys(what for one in contents for what in _found(one, secrets)))


def _found(content: bytes, secrets: Sequence[str]) -> Iterator[str]:
    if contains_secret(content, secrets):
        yield "a secret"
    yield from (what for what, pattern in _SECRET_PATTERNS.items() if pattern.search(content))
    if address := _EMAIL.search(content):
        yield f"the e-mail address {address[0].decode(errors='replace')}"
    if number := _PHONE.search(content):
        yield f"the phone number {number[0].decode()}"
    for found in (*_IPV4.findall(content), *_IPV6.findall(content)):
        if _is_public_address(found.decode()):
            yield f"the IP address {found.decode()}"


def _is_public_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _unpacked(content: bytes) -> list[bytes]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return [content]
    return [part for name, data in unpack_zip(content) for part in (name.encode(), data)]
