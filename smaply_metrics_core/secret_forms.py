"""The forms of a secret that a search recognizes: one definition for redaction and all scans.

Two sides meet. The data is decoded into *views*: as it is, and with its escapes replaced by the
characters that they stand for, up to three times. The secret is spelled as *needles*: in clear,
reversed, and in base64, base32, hexadecimal and decimal bytes. Both are normalized before they are
compared, so that case, the alphabet of base64, and separators do not matter.

``docs/secrets.md`` lists the forms for operators.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pydantic import SecretBytes

DEPTH: Final = 3
"""How often escapes may be nested, as in JSON within JSON."""

LONGEST_SPELLING: Final = 64
"""The maximum number of bytes that stand for one byte of a secret in any form."""

FEWEST_BYTES: Final = 6
"""Normalized needles of fewer bytes are not searched for, since they occur by chance."""

LONG: Final = 16
"""A secret with as many letters and digits is also found when other characters are mixed in."""

_CODE_POINTS: Final = 0x110000
_LATIN_1: Final = 0x100
_LOWER: Final = bytes(range(256)).lower()


class Normalization(NamedTuple):
    """A mapping of bytes that both the data and the needles go through before comparison."""

    table: bytes
    delete: bytes

    def __call__(self, data: bytes) -> bytes:
        """Return the data normalized."""
        return data.translate(self.table, self.delete)


# A space may be a plus sign that was decoded, and base64 has two alphabets.
_FOLDED: Final = _LOWER.translate(bytes.maketrans(b" -_", b"++/"))

EXACT: Final = Normalization(bytes(range(256)), b"")
FOLDED: Final = Normalization(_FOLDED, b"\0")
"""Ignores case and the zero bytes of UTF-16 and UTF-32."""
UNBROKEN: Final = Normalization(_FOLDED, b"\0\t\n\r ")
"""Ignores line breaks and indentation as well."""
BARE: Final = Normalization(_LOWER, bytes(n for n in range(128) if not chr(n).isalnum()))
"""Ignores all ASCII characters but letters and digits."""


class Needles(NamedTuple):
    """Spellings of a secret after a normalization; no repr and no traceback shows them."""

    normalization: Normalization
    texts: tuple[SecretBytes, ...]


def needles(secret: str) -> tuple[Needles, ...]:
    """Return the spellings of a secret for each normalization."""
    found: dict[Normalization, dict[bytes, None]] = {}
    for normalization, spelling in _spellings(secret):
        text = normalization(spelling)
        if len(text) >= FEWEST_BYTES:
            found.setdefault(normalization, {})[text] = None
    if FOLDED not in found:  # Nothing but zero bytes.
        found[EXACT] = {secret.encode(errors="surrogatepass"): None}
    return tuple(
        Needles(normalization, tuple(map(SecretBytes, texts)))
        for normalization, texts in found.items()
    )


def _spellings(secret: str) -> Iterator[tuple[Normalization, bytes]]:
    for text in dict.fromkeys(_letter_variants(secret)):
        for raw in (*_encoded(text), text[::-1].encode(errors="surrogatepass")):
            # A secret may look like an escape itself, and is then decoded with the data.
            for view in views(raw):
                yield FOLDED, view
                if len(BARE(view)) >= LONG:
                    yield BARE, view
    for quote in "\"'":  # Doubled in CSV and SQL.
        for raw in _encoded(secret.replace(quote, quote * 2)):
            yield FOLDED, raw
    if not secret.isascii():
        yield FOLDED, _host_name(secret)
    yield from _as_digits(secret)


def _letter_variants(secret: str) -> Iterator[str]:
    """Yield a secret with its non-ASCII letters composed, decomposed, and in other case."""
    for text in (secret, *(unicodedata.normalize(form, secret) for form in ("NFC", "NFD", "NFKC"))):
        yield from (text, text.lower(), text.upper(), text.casefold())


def _encoded(text: str) -> Iterator[bytes]:
    """Yield a text in the usual encodings; those that add only zero bytes are left out."""
    yield text.encode(errors="surrogatepass")
    if text.isascii():
        return
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield text.encode(codec, errors="surrogatepass")
    if all(ord(character) < _LATIN_1 for character in text):
        yield text.encode("latin-1")
    # JSON escapes each half of a surrogate pair.
    units = text.encode("utf-16-be", errors="surrogatepass")
    halves = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    yield "".join(map(chr, halves)).encode(errors="surrogatepass")


def _host_name(secret: str) -> bytes:
    """Return the secret as a label of an internationalized host name, without ``xn--``."""
    folded = unicodedata.normalize("NFKC", secret.casefold())
    return folded.encode("punycode", errors="ignore")


def _as_digits(secret: str) -> Iterator[tuple[Normalization, bytes]]:
    """Yield a secret in base64, base32, hexadecimal and decimal bytes."""
    raw = secret.encode(errors="surrogatepass")
    for inside in _within(raw, base64.b64encode, group=3, bits=6):
        yield FOLDED, inside
    for inside in _within(raw, base64.b32encode, group=5, bits=5):
        yield BARE, inside
    yield BARE, raw.hex("x").replace("x", "0x").encode()
    yield UNBROKEN, ",".join(map(str, raw)).encode()
    for text in dict.fromkeys((secret, secret.lower(), secret.upper())):
        yield BARE, text.encode(errors="surrogatepass").hex().encode()
    wide = secret.encode("utf-16-le", errors="surrogatepass")
    cased = (text.encode(errors="surrogatepass") for text in (secret.lower(), secret.upper()))
    for encoded in dict.fromkeys((raw, wide, *cased)):
        for inside in _within(encoded, base64.b64encode, group=3, bits=6):
            yield UNBROKEN, inside


def _within(
    raw: bytes, encode: Callable[[bytes], bytes], *, group: int, bits: int
) -> Iterator[bytes]:
    """Yield the digits that depend on these bytes alone, for each offset in longer data."""
    for before in range(group):
        first = -(-before * 8 // bits)
        last = (before + len(raw)) * 8 // bits
        yield encode(bytes(before) + raw)[first:last]


class _Escapes(NamedTuple):
    """A kind of escape: what it looks like, and the character that it stands for."""

    pattern: re.Pattern[bytes]
    decode: Callable[[re.Match[bytes]], bytes]
    depth: int = DEPTH

    def views(self, data: bytes) -> Iterator[bytes]:
        """Yield the data decoded once, twice and so on, as far as there are escapes."""
        for _ in range(self.depth):
            decoded = self.pattern.sub(self.decode, data)
            if decoded == data:
                return
            data = decoded
            yield data


def _character(number: int) -> bytes:
    return chr(number).encode(errors="surrogatepass") if number < _CODE_POINTS else b"?"


_PERCENT: Final = rb"%(?:u(?P<wide>[0-9a-fA-F]{4})|(?P<byte>[0-9a-fA-F]{2}))"
_BACKSLASH: Final = (
    rb"\\(?:u(?P<u4>[0-9a-fA-F]{4})|u\{(?P<u6>[0-9a-fA-F]{1,6})\}|U(?P<u8>[0-9a-fA-F]{8})"
    rb"|x(?P<x>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})|(?P<other>.))"
)
_ENTITY: Final = rb"(?P<entity>&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[a-zA-Z][a-zA-Z0-9]{1,31});)"
_CONTROLS: Final = dict(zip(b"abfnrtv0", b"\a\b\f\n\r\t\v\0", strict=True))


def _unescape(match: re.Match[bytes]) -> bytes:
    kind, text = match.lastgroup, match[match.lastgroup or 0]
    if kind in {"byte", "x"}:
        return bytes.fromhex(text.decode())
    if kind == "octal":
        return bytes((int(text, 8),))
    if kind == "other":
        return bytes((_CONTROLS.get(text[0], text[0]),))
    if kind == "entity":
        import html  # It has a table of 2,200 names, and most texts have no entity.

        return html.unescape(text.decode()).encode(errors="surrogatepass")
    return _character(int(text, 16))


def _unescape_text(match: re.Match[bytes]) -> bytes:
    """Decode two digits after an ``x`` as a character, as Python and JavaScript write texts."""
    return _character(int(match["x"], 16)) if match.lastgroup == "x" else _unescape(match)


def _escapes(*patterns: bytes, decode: Callable[[re.Match[bytes]], bytes] = _unescape) -> _Escapes:
    return _Escapes(re.compile(b"|".join(patterns), re.DOTALL), decode)


_QUOTED_PRINTABLE: Final = _Escapes(
    re.compile(rb"=(?:\r?\n|([0-9a-fA-F]{2}))"),
    lambda match: bytes.fromhex((match[1] or b"").decode()),
    depth=1,
)
_KINDS: Final = (_escapes(_PERCENT), _escapes(_BACKSLASH), _escapes(_ENTITY))
_AS_TEXT: Final = _escapes(_BACKSLASH, decode=_unescape_text)
_ALL_KINDS: Final = _escapes(_PERCENT, _BACKSLASH, _ENTITY)
_ALL_AS_TEXT: Final = _escapes(_PERCENT, _BACKSLASH, _ENTITY, decode=_unescape_text)
_MAY_BE_ESCAPED: Final = re.compile(rb"[%\\&]")
_BEYOND_ASCII: Final = re.compile(rb"\\x[89a-fA-F]")


def views(data: bytes) -> Iterator[bytes]:
    """Yield the data, and then each different result of decoding its escapes."""
    seen: set[int] = set()
    for view in _all_views(data):
        if (digest := hash(view)) not in seen:
            seen.add(digest)
            yield view


def _all_views(data: bytes) -> Iterator[bytes]:
    yield data
    data = data.replace(b"\0", b"")  # Escapes in UTF-16 and UTF-32.
    for start in (data, *_QUOTED_PRINTABLE.views(data)):
        yield start
        if not _MAY_BE_ESCAPED.search(start):
            continue
        # A backslash, an x and two digits stand for a byte or for a character.
        both_readings = _BEYOND_ASCII.search(start) is not None
        yield from _nested(start, (*_KINDS, _AS_TEXT) if both_readings else _KINDS, DEPTH, {})
        yield from _ALL_KINDS.views(start)
        if both_readings:
            yield from _ALL_AS_TEXT.views(start)


def _nested(
    data: bytes, kinds: tuple[_Escapes, ...], depth: int, expanded: dict[int, int]
) -> Iterator[bytes]:
    """Yield the data with one kind of escape decoded at a time, in every order.

    One kind may look like another: in JSON that was escaped for HTML, a backslash stands before an
    entity that it does not escape.
    """
    if expanded.get(digest := hash(data), 0) >= depth:
        return
    expanded[digest] = depth
    for kind in kinds:
        if (decoded := kind.pattern.sub(kind.decode, data)) != data:
            yield decoded
            yield from _nested(decoded, kinds, depth - 1, expanded)
