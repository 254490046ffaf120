"""Recognise the encoding of a text file."""

from __future__ import annotations

import codecs
from typing import Final

from smaply_metrics_core.errors import ExportFailed
from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.files.file_mapping import ENCODINGS

_UTF16_BOMS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PROBE: Final = 4_096
_ASCII: Final = 0x7F
_MOST_SAMPLED: Final = 1 << 16
"""Bytes of lines with letters beyond ASCII that are enough to recognise an encoding."""
_LATIN: Final = ["cp1252", "cp1250", "cp1254"]
"""The encodings of Latin letters with accents, the most common first."""
_OTHER: Final = [name for name in ENCODINGS if not name.startswith("utf") and name not in _LATIN]
_CLEARLY: Final = 0.1
"""The difference of scores, from 0 to 1, from which one encoding fits better than another."""


def recognise_encoding(data: bytes) -> tuple[str, str | None]:
    """Return the encoding of a text, one of ``ENCODINGS``, and what is unclear about it.

    A byte order mark decides; otherwise UTF-8 if the text is valid, UTF-16 if every other byte of
    the beginning is zero, and else the encoding that fits the letters best. What is unclear is two
    readings of a word if Latin letters may have several encodings, and ``None`` otherwise.

    Raises:
        ExportFailed: if it is no text, or if its rows have different encodings.
        InputError: if the extra ``files`` is required and not installed.
    """
    if data.startswith(_UTF16_BOMS):
        return "utf_16", None
    probe = data[:_PROBE]
    if b"\0" in probe:
        return _utf16(probe), None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return _legacy(data)
    return "utf_8", None


def _utf16(probe: bytes) -> str:
    even, odd = probe[::2].count(0), probe[1::2].count(0)
    if odd > len(probe) // 4 and not even:
        return "utf_16_le"
    if even > len(probe) // 4 and not odd:
        return "utf_16_be"
    raise ExportFailed(
        "The file is neither text nor an Excel workbook.",
        remedy="Save it in your spreadsheet program as .xlsx or as “CSV UTF-8”.",
    )


def _legacy(data: bytes) -> tuple[str, str | None]:
    """Return the encoding of a text that is not Unicode."""
    marked = data.startswith(codecs.BOM_UTF8)
    sample, unicode_row, other_row = bytearray(), 0, 0
    for row, line in enumerate(data.splitlines(), start=1):
        if line.isascii():
            continue
        if _is_utf8(line):
            unicode_row = unicode_row or row
        else:
            other_row = other_row or row
            sample += line[: _MOST_SAMPLED - len(sample)] + b"\n"
        if len(sample) >= _MOST_SAMPLED:
            break
    if marked or unicode_row:
        raise ExportFailed(
            f"Line {other_row:,} is not in the encoding of the other lines, which is UTF-8.",
            remedy="Save the whole file again as “CSV UTF-8”, and check the letters in this line.",
        )
    text = bytes(sample)
    letters = sum(byte > _ASCII or chr(byte).isalpha() for byte in text)
    if sum(byte > _ASCII for byte in text) * 2 < letters:
        return _latin(text)
    require_extra("files", "charset_normalizer")
    from charset_normalizer import from_bytes

    best = from_bytes(text, cp_isolation=_OTHER).best()
    if best is None or best.encoding not in ENCODINGS:
        raise ExportFailed(
            f"The encoding of the letters in line {other_row:,} is unknown.",
            remedy="Choose the encoding, or save the file as “CSV UTF-8”.",
        )
    return best.encoding, None


def _latin(text: bytes) -> tuple[str, str | None]:
    """Return the encoding of Latin letters, some of which have accents."""
    readings = {name: text.decode(name, "replace") for name in _LATIN}
    if len({*readings.values()}) == 1:
        return _LATIN[0], None
    require_extra("files", "charset_normalizer")
    from charset_normalizer import from_bytes

    matches = list(from_bytes(text, cp_isolation=_LATIN))
    if matches:
        best, *others = matches
        if all(
            one.coherence + _CLEARLY < best.coherence or one.chaos > best.chaos + _CLEARLY
            for one in others
        ):
            return next(name for name in _LATIN if readings[name] == str(best)), None
    pairs = zip(readings["cp1252"].split(), readings["cp1250"].split(), strict=False)
    different = [(one, other) for one, other in pairs if one != other]
    if not different:  # Only the Turkish letters differ.
        pairs = zip(readings["cp1252"].split(), readings["cp1254"].split(), strict=False)
        different = [(one, other) for one, other in pairs if one != other]
    one, other = different[0] if different else ("", "")
    return _LATIN[0], f"“{one[:40]}” or “{other[:40]}”"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
