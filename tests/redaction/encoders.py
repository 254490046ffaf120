"""Encodings of a text, written with other libraries than those of the search."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import quopri
import unicodedata
from collections.abc import Callable
from email.message import EmailMessage
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

Encoder = Callable[[str], bytes]


def spell(write: Callable[[str], str], codec: str = "utf-8") -> Encoder:
    """Return an encoder that writes each character alone."""
    return lambda text: "".join(map(write, text)).encode(codec)


def spell_bytes(write: Callable[[int], str]) -> Encoder:
    """Return an encoder that writes each byte of UTF-8 alone."""
    return lambda text: "".join(map(write, text.encode())).encode()


def utf_16_units(text: str) -> list[int]:
    """Return the code units of UTF-16, which JSON and JavaScript escape one by one."""
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


def as_csv(text: str) -> bytes:
    """Write a cell of a CSV."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([text])
    return out.getvalue().encode()


def as_mail(text: str) -> bytes:
    """Write a mail with the text in base64, with line breaks."""
    message = EmailMessage()
    message.set_content(text, cte="base64")
    return message.as_bytes()


def lines(data: bytes, width: int, indent: bytes = b"") -> bytes:
    """Break data into indented lines."""
    return b"\r\n".join(indent + data[at : at + width] for at in range(0, len(data), width))


ENCODERS: dict[str, Encoder] = {
    "raw": str.encode,
    "lower": lambda text: text.lower().encode(),
    "upper": lambda text: text.upper().encode(),
    "swapped case": lambda text: text.swapcase().encode() if text.isascii() else text.encode(),
    "composed": lambda text: unicodedata.normalize("NFC", text).encode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "reversed": lambda text: text[::-1].encode(),
    "url": lambda text: quote(text).encode(),
    "url all": lambda text: quote(text, safe="").encode(),
    "url plus": lambda text: quote_plus(text).encode(),
    "url form": lambda text: urlencode({"key": text, "next": "1"}).encode(),
    "url every byte": spell_bytes(lambda byte: f"%{byte:02X}"),
    "url every byte, lower": spell_bytes(lambda byte: f"%{byte:02x}"),
    "url twice": lambda text: quote(quote(text, safe=""), safe="").encode(),
    "url three times": lambda text: quote(quote(quote(text, safe=""), safe="")).encode(),
    "url lower-cased": lambda text: quote(text).lower().encode(),
    "html in url": lambda text: quote(html.escape(text), safe="").encode(),
    "json in url": lambda text: quote(json.dumps({"key": text}), safe="").encode(),
    "url in json": lambda text: json.dumps({"next": f"/x?k={quote(text)}"}).encode(),
    "url in html": lambda text: html.escape(f'<a href="?a=1&k={quote_plus(text)}">').encode(),
    "javascript escape()": lambda text: "".join(
        f"%u{unit:04X}" for unit in utf_16_units(text)
    ).encode(),
    "json": lambda text: json.dumps({"key": text}).encode(),
    "json unicode": lambda text: json.dumps({"key": text}, ensure_ascii=False).encode(),
    "json slashes": lambda text: json.dumps(text).replace("/", "\\/").encode(),
    "json every character": lambda text: "".join(
        f"\\u{unit:04x}" for unit in utf_16_units(text)
    ).encode(),
    "json every character, upper": lambda text: "".join(
        f"\\u{unit:04X}" for unit in utf_16_units(text)
    ).encode(),
    "json in json": lambda text: json.dumps(json.dumps({"key": text})).encode(),
    "json in json in json": lambda text: json.dumps(json.dumps(json.dumps([text]))).encode(),
    "javascript braces": spell(lambda character: f"\\u{{{ord(character):x}}}"),
    "python repr": lambda text: repr(text).encode(),
    "python ascii": lambda text: ascii(text).encode(),
    "python bytes": lambda text: repr(text.encode()).encode(),
    "python unicode_escape": lambda text: text.encode("unicode_escape"),
    "python repr of repr": lambda text: repr(repr({"key": text})).encode(),
    "python bytes in json": lambda text: json.dumps(repr(text.encode())).encode(),
    "c octal": spell_bytes(lambda byte: f"\\{byte:03o}"),
    "c hex": spell_bytes(lambda byte: f"\\x{byte:02X}"),
    "html": lambda text: html.escape(text).encode(),
    "html twice": lambda text: html.escape(html.escape(text)).encode(),
    "html ascii": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "html decimal": spell(lambda character: f"&#{ord(character)};"),
    "html decimal, padded": spell(lambda character: f"&#{ord(character):06};"),
    "html hex": spell(lambda character: f"&#x{ord(character):x};"),
    "html hex, upper": spell(lambda character: f"&#X{ord(character):04X};"),
    "html in json": lambda text: json.dumps(html.escape(text)).encode(),
    "json in html": lambda text: html.escape(json.dumps({"key": text})).encode(),
    "xml": lambda text: escape(text).encode(),
    "xml attribute": lambda text: quoteattr(text).encode(),
    "csv": as_csv,
    "csv in json": lambda text: json.dumps(as_csv(text).decode()).encode(),
    "sql": lambda text: ("'" + text.replace("'", "''") + "'").encode(),
    "quoted-printable": lambda text: quopri.encodestring(text.encode(), quotetabs=True),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 + 1": lambda text: base64.b64encode(b"1" + text.encode() + b"22"),
    "base64 + 2": lambda text: base64.b64encode(b"12" + text.encode() + b"3"),
    "base64 url": lambda text: base64.urlsafe_b64encode(b"~~~" + text.encode() + b"\xff\xff"),
    "base64 url, no padding": lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"="),
    "base64 of utf-16": lambda text: base64.b64encode(text.encode("utf-16")),
    "base64 of lower": lambda text: base64.b64encode(text.lower().encode()),
    "base64 lower-cased": lambda text: base64.b64encode(text.encode()).lower(),
    "base64 in a url": lambda text: quote(base64.b64encode(text.encode()), safe="").encode(),
    "base64 in json": lambda text: json.dumps(
        lines(base64.b64encode(text.encode()), 9).decode()
    ).encode(),
    "base64 lines": lambda text: base64.encodebytes(text.encode() * 3),
    "base64 indented": lambda text: lines(base64.b64encode(text.encode()), 8, b"\t  "),
    "basic auth": lambda text: b"Basic " + base64.b64encode(f"user:{text}".encode()),
    "mail": as_mail,
    "base32": lambda text: base64.b32encode(text.encode()),
    "base32 + 3": lambda text: base64.b32encode(b"123" + text.encode()).lower(),
    "hex": lambda text: text.encode().hex().encode(),
    "hex, upper": lambda text: text.encode().hex().upper().encode(),
    "hex with colons": lambda text: text.encode().hex(":").encode(),
    "hex with spaces": lambda text: text.encode().hex(" ", 2).encode(),
    "hex with 0x": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()).encode(),
    "bytes in decimal": lambda text: json.dumps(list(text.encode()), indent=1).encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "utf-32": lambda text: text.encode("utf-32"),
    "utf-16 json": lambda text: json.dumps({"key": text}).encode("utf-16"),
    "url in utf-16": lambda text: quote(text, safe="").encode("utf-16-be"),
}
"""Everything that a server or a library does to a text by itself."""
