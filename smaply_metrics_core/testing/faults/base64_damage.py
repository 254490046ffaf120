"""Damage of data that is encoded in base64 inside a response."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from smaply_metrics_core.testing.faults.disturbances import with_body
from smaply_metrics_core.testing.faults.fault_types import is_structured
from smaply_metrics_core.testing.faults.replay import Disturbance, RecordedAnswer

SHORTEST: Final = 64
"""Shorter texts may be base64 by coincidence."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    Attributes:
        name: The damage, as in “when {name} in response 2”.
        change: Returns the damaged base64.
        structured: Whether it can be detected only in structured content, such as JSON.
    """

    name: str
    change: Callable[[str], str]
    structured: bool = False

    def applies(self, body: bytes) -> bool:
        """Whether the damage of a response can be detected."""
        decoded = [one for one in map(_decoded, _payloads(body)) if one is not None]
        return bool(decoded) and (not self.structured or all(map(is_structured, decoded)))


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _half(text: str) -> str:
    return text[: len(text) // 8 * 4]


def _flip_first(text: str) -> str:
    decoded = base64.b64decode(text)
    return _encode(bytes([decoded[0] ^ 1]) + decoded[1:])


DAMAGES: Final = (
    Damage("base64 is cut within a group of four", lambda text: _half(text) + text[:1]),
    Damage(
        "characters that are not base64 are",
        lambda text: _half(text) + "{?}!" + text[len(_half(text)) + 4 :],
    ),
    Damage("only the first half of the base64 is", _half, structured=True),
    Damage("a bit of the encoded content is wrong", _flip_first, structured=True),
    Damage("an empty text is", lambda _: ""),
    Damage("the base64 of a web page is", lambda _: _encode(b"<html>Please sign in</html>")),
    Damage("the base64 of an empty JSON object is", lambda _: _encode(b"{}"), structured=True),
    Damage("the base64 of JSON null is", lambda _: _encode(b"null"), structured=True),
)


def has_payload(body: bytes) -> bool:
    """Whether a response contains data in base64."""
    return bool(_payloads(body))


def damage_payloads(damage: Damage) -> Disturbance:
    """Return the disturbance that damages the base64 in every response."""

    def disturb(number: int, recorded: RecordedAnswer) -> httpx.Response:
        whole = recorded()
        try:
            body = json.dumps(_damaged(json.loads(whole.content), damage.change))
        except ValueError:
            body = str(_damaged(_as_text(whole.content), damage.change))
        return with_body(body.encode())(number, lambda: whole)

    return disturb


def _damaged(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, dict):
        return {name: _damaged(one, change) for name, one in value.items()}
    if isinstance(value, list):
        return [_damaged(one, change) for one in value]
    return change(value) if isinstance(value, str) and _decoded(value) is not None else value


def _as_text(body: bytes) -> str:
    return body.decode("ascii", errors="replace").strip()


def _payloads(body: bytes) -> tuple[str, ...]:
    """Return the texts in base64: the whole body, or texts in its JSON."""
    found: list[str] = []
    remaining: list[object] = []
    try:
        remaining.append(json.loads(body))
    except ValueError:
        remaining.append(_as_text(body))
    while remaining:
        one = remaining.pop()
        if isinstance(one, dict):
            remaining += one.values()
        elif isinstance(one, list):
            remaining += one
        elif isinstance(one, str) and _decoded(one) is not None:
            found.append(one)
    return tuple(dict.fromkeys(found))


def _decoded(text: str) -> bytes | None:
    """Return the decoded text; ``None`` if it is not base64."""
    if len(text) < SHORTEST or len(text) % 4 or not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
