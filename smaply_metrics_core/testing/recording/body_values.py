"""Reads and changes the values in bodies: JSON, forms, text, and JSON encoded inside of these.

A text that is itself JSON, plain or in base64, is treated as a part of the body that contains it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

from smaply_metrics_core.testing.recording.body_paths import Location, Part

Scalar: TypeAlias = str | int | float | bool | None

ValueChange: TypeAlias = Callable[[Location, Scalar], Scalar]
"""Returns what replaces the value at a location: the value itself if it stays."""

FORM: Final = "application/x-www-form-urlencoded"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-\s]{8,}={0,2}\s*")
_CONTAINER: Final = ("{", "[")
_DEPTH: Final = 60


def read_json_body(content: bytes | str) -> Any:  # noqa: ANN401  # Any JSON.
    """Return the value of a body in JSON.

    Raises:
        ValueError: if it is not JSON.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("too many levels") from None


def write_json_body(value: object) -> str:
    """Return a value as compact JSON; letters are escaped only if they could not be encoded."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # Half of a surrogate pair.
        return json.dumps(value, separators=(",", ":"))
    return text


def change_values(content: bytes, content_type: str, change: ValueChange) -> bytes:
    """Return a body with its values changed; a binary one is returned unchanged."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    if content_type.lower().startswith(FORM):
        return change_pairs(text, change, ()).encode()
    return _changed_text(text, change).encode(errors="surrogatepass")


def change_pairs(text: str, change: ValueChange, start: Location) -> str:
    """Return a form or a query with its values changed."""
    pairs = []
    for pair in text.split("&"):
        name, equals, value = pair.partition("=")
        location, plain = (*start, unquote_plus(name)), unquote_plus(value)
        changed = _changed(location, plain, change, 0)
        if changed == plain:  # Not all senders encode a plus sign.
            pairs.append(f"{name}{equals}{change(location, value)}")
        else:
            pairs.append(f"{name}{equals}{quote_plus(str(changed))}")
    return "&".join(pairs)


def change_query(query: str, change: ValueChange) -> str:
    """Return the query of a URL with its values changed."""
    return change_pairs(query, change, (Part.QUERY,)) if query else query


def _changed_text(text: str, change: ValueChange) -> str:
    try:
        value = read_json_body(text)
    except ValueError:
        return str(_changed((), text, change, 0))
    changed = _changed((), value, change, 0)
    return text if changed == value else write_json_body(changed)


def _changed(location: Location, value: Any, change: ValueChange, depth: int) -> Any:  # noqa: ANN401  # JSON.
    if depth > _DEPTH:
        return value
    if isinstance(value, dict):
        return {
            name: _changed((*location, name), item, change, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_changed((*location, n), item, change, depth + 1) for n, item in enumerate(value)]
    replaced = change(location, value)
    if isinstance(value, str) and replaced == value:
        return _inside(location, value, change, depth + 1)
    return replaced


def _inside(location: Location, text: str, change: ValueChange, depth: int) -> str:
    """Return a text with the values changed that are encoded in it."""
    inner = decode_json(text)
    if inner is not None:
        value, encode = inner
        changed = _changed(location, value, change, depth)
        return text if changed == value else encode(write_json_body(changed))
    decoded = _decode_base64(text)
    if decoded is None:
        return text
    replaced = change(location, decoded)
    return text if replaced == decoded else _like(text)(str(replaced))


def decode_json(text: str) -> tuple[Any, Callable[[str], str]] | None:
    """Return the object or list that a text contains, plain or in base64, and its encoding.

    Returns ``None`` for other texts.
    """
    decoded: str | None = text
    encode: Callable[[str], str] = str
    if not text.lstrip().startswith(_CONTAINER):
        decoded, encode = _decode_base64(text), _like(text)
    if decoded is None or not decoded.lstrip().startswith(_CONTAINER):
        return None
    try:
        return read_json_body(decoded), encode
    except ValueError:
        return None


def _decode_base64(text: str) -> str | None:
    """Return the text that another one is in base64, with either alphabet."""
    if not _BASE64.fullmatch(text):
        return None
    digits = "".join(text.split()).rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _like(original: str) -> Callable[[str], str]:
    """Return the encoding with the alphabet and the padding of a text in base64."""
    url_safe = "-" in original or "_" in original
    padded = original.rstrip().endswith("=") or len("".join(original.split())) % 4 == 0

    def encode(text: str) -> str:
        raw = text.encode()
        encoded = (base64.urlsafe_b64encode(raw) if url_safe else base64.b64encode(raw)).decode()
        return encoded if padded else encoded.rstrip("=")

    return encode
