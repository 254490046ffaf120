"""Finds secrets in streams and texts, in every form of ``secret_forms``, and redacts them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BytesIO
from typing import Any, Final, NamedTuple, Protocol

from pydantic import SecretBytes, SecretStr

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.secret_forms import (
    LONGEST_SPELLING,
    Needles,
    Normalization,
    needles,
    views,
)

SHORT: Final = 6
"""Secrets with fewer characters than this are only found in clear, as whole words."""
BLOCK: Final = 1 << 20

LONGEST_REPEATED = 30
"""Messages do not repeat unknown ids of more characters, which may be mistyped tokens."""

HIDDEN: Final = "••••"
LONGEST_BY_WORD: Final = 20_000
"""Texts with more characters are replaced whole if a secret is encoded in them, since each word
would be searched."""
_MOST_CHARACTERS: Final = 300
_TEXTS: Final = ("message", "remedy", "summary", "code", "request_id")
_MARGIN: Final = 256
_BETWEEN_TEXTS: Final = "\uffff"  # No normalization removes it, so texts are searched separately.


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; an empty result means the end."""
        ...


class _StreamPart(NamedTuple):
    """A part of a stream, which overlaps the next one."""

    data: bytes
    begins: bool
    ends: bool


class _Searched:
    """A secret and its needles, none of which a traceback or a repr shows."""

    def __init__(self, secret: SecretStr) -> None:
        text = secret.get_secret_value()
        self.secret = secret
        self.length = len(text)
        self.overlap = LONGEST_SPELLING * len(text.encode(errors="surrogatepass")) + _MARGIN

    @cached_property
    def needles(self) -> tuple[Needles, ...]:
        """The spellings of the secret, made for the first search: most sessions make none."""
        return needles(self.secret.get_secret_value()) if self.length >= SHORT else ()

    def is_word_of(self, window: _StreamPart) -> bool:
        # At an inner edge, the adjacent byte is unknown here; the overlapping window has both.
        return any(
            (match.start() > 0 or window.begins) and (match.end() < len(window.data) or window.ends)
            for match in re.finditer(_word(self.secret).encode(errors="surrogatepass"), window.data)
        )

    def hide_in(self, text: str) -> str:
        """Return the text with the secret replaced where it is in clear, in any case."""
        if self.length < SHORT:
            return re.sub(_word(self.secret), HIDDEN, text)
        return re.sub(re.escape(self.secret.get_secret_value()), HIDDEN, text, flags=re.IGNORECASE)


def _word(secret: SecretStr) -> str:
    return rf"(?<![0-9A-Za-z]){re.escape(secret.get_secret_value())}(?![0-9A-Za-z])"


class _AllSearched:
    """All secrets of a redactor, the longest first, and their needles for one search."""

    def __init__(self, each: tuple[_Searched, ...] = ()) -> None:
        self.each = each

    @cached_property
    def needles(self) -> tuple[Needles, ...]:
        """The needles of all secrets, made for the first search."""
        return tuple(_merged(self.each))

    def any_occurs_in(self, window: _StreamPart) -> bool:
        """Whether a secret occurs; the data is decoded and normalized once for all of them."""
        if any(one.length < SHORT and one.is_word_of(window) for one in self.each):
            return True
        return bool(self.needles) and any(
            text.get_secret_value() in normalized
            for view in views(window.data)
            for normalization, texts in self.needles
            for normalized in (normalization(view),)
            if len(normalized) >= len(texts[0])
            for text in texts
        )


def _merged(searched: Iterable[_Searched]) -> Iterator[Needles]:
    """Yield the needles of all secrets for each normalization, the shortest first."""
    together: dict[Normalization, list[SecretBytes]] = {}
    for one in searched:
        for normalization, texts in one.needles:
            together.setdefault(normalization, []).extend(texts)
    for normalization, found in together.items():
        yield Needles(normalization, tuple(sorted(found, key=len)))


class Redactor:
    """Searches for secrets and redacts them in texts; thread-safe.

    All parts of a session share one redactor, so that a secret that is added later, such as a
    session key, is hidden everywhere.
    """

    def __init__(self, secrets: Iterable[str | SecretStr] = ()) -> None:
        self._lock = threading.Lock()
        self._searched = _AllSearched()
        self.add(*secrets)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    @property
    def knows_any(self) -> bool:
        """Whether there is a secret to search for."""
        return bool(self._searched.each)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """The secrets, the longest first."""
        return tuple(one.secret for one in self._searched.each)

    def add(self, *secrets: str | SecretStr) -> None:
        """Hide further secrets from now on; empty and known ones are ignored."""
        wrapped = {SecretStr(one) if isinstance(one, str) else one for one in secrets}
        with self._lock:
            known = self._searched.each
            unknown = wrapped - {one.secret for one in known}
            new = [_Searched(one) for one in unknown if one.get_secret_value()]
            # The longest first, since one may be part of another.
            every = sorted((*known, *new), key=lambda one: one.length, reverse=True)
            self._searched = _AllSearched(tuple(every))

    def found_in(self, stream: Readable) -> bool:
        """Whether a stream contains a secret; reads it in constant memory."""
        searched = self._searched
        return bool(searched.each) and any(
            searched.any_occurs_in(window) for window in _windows(stream, _overlap(searched.each))
        )

    def contains_secret(self, *texts: str) -> bool:
        """Whether one of the texts contains a secret."""
        return self.knows_any and self.found_in(_stream(_BETWEEN_TEXTS.join(texts)))

    def redact(self, text: str) -> str:
        """Return the text with secrets replaced by dots.

        Where a secret is encoded, the whole word is replaced, or the whole text if it is long or
        the encoding contains white space.
        """
        for one in self._searched.each:
            text = one.hide_in(text)
        if not self.contains_secret(text):
            return text
        if len(text) > LONGEST_BY_WORD:
            return HIDDEN
        words = re.split(r"(\s+)", text)
        text = "".join(HIDDEN if self.contains_secret(word) else word for word in words)
        return HIDDEN if self.contains_secret(text) else text

    def redact_each(self, *texts: str) -> tuple[str, ...]:
        """Return the texts redacted; one search is enough if none of them contains a secret."""
        together = _BETWEEN_TEXTS.join(texts)
        return texts if self.redact(together) == together else tuple(map(self.redact, texts))

    def redact_line(self, text: str) -> str:
        """Return the text redacted, as a single short line for messages."""
        flat = " ".join(self.redact(text).split())
        return flat if len(flat) <= _MOST_CHARACTERS else f"{flat[: _MOST_CHARACTERS - 1]}…"

    def redact_problem(self, problem: Problem) -> Problem:
        """Return the problem with every text redacted."""
        return problem.model_copy(update=self._redacted_texts(problem))

    def redact_error(self, error: MetricsError) -> None:
        """Redact every text of an error, in place."""
        vars(error).update(self._redacted_texts(error))
        error.args = (error.message,)

    def _redacted_texts(self, about: MetricsError | Problem) -> dict[str, Any]:
        texts = {name: self.redact(text) for name in _TEXTS if (text := getattr(about, name))}
        fields = tuple(
            field.model_copy(
                update={name: self.redact(text) for name, text in field if isinstance(text, str)}
            )
            for field in about.fields
        )
        return {**texts, "fields": fields}


def _overlap(searched: Iterable[_Searched]) -> int:
    return max((one.overlap for one in searched), default=0)


def _windows(stream: Readable, overlap: int) -> Iterator[_StreamPart]:
    """Yield a stream in parts that overlap by a number of bytes."""
    size = max(BLOCK, overlap)
    kept, begins = b"", True
    while True:
        block = b"".join(_read(stream, size))
        ends = len(block) < size
        data = kept + block
        yield _StreamPart(data, begins, ends)
        if ends:
            return
        kept, begins = data[-overlap:] if overlap else b"", False


def _read(stream: Readable, size: int) -> Iterator[bytes]:
    """Yield blocks of ``size`` bytes in total, or fewer at the end of the stream."""
    while size > 0 and (block := stream.read(size)):
        size -= len(block)
        yield block


def _stream(text: str) -> Readable:
    return BytesIO(text.encode(errors="surrogatepass"))
