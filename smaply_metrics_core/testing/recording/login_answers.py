"""Finds keys in the answers to logins of a cassette that no path redacts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from smaply_metrics_core.testing.recording.body_paths import Location, path_text
from smaply_metrics_core.testing.recording.body_values import (
    Scalar,
    change_values,
    decode_json,
)
from smaply_metrics_core.testing.recording.placeholders import SENT
from smaply_metrics_core.testing.recording.policy import RecordingPolicy, Redaction
from smaply_metrics_core.testing.recording.stored_exchanges import (
    Exchanges,
    ValueRedaction,
    body_of,
    content_type_of,
    target_of,
)

_WORD: Final = re.compile(r"[\w+~-]{16,}")
_BITS_WITH_DIGITS: Final = 3.0
_BITS_OF_LETTERS: Final = 4.0
"""The entropy of a character in random letters; in words, it is below."""


def unredacted_keys(exchanges: Exchanges, policy: RecordingPolicy, sign_in: str) -> Iterator[str]:
    """Yield the paths of values that look like keys in the answers to logins.

    A login is a request with a redacted value, or with the text ``sign_in``.
    """
    exchanges = list(exchanges)
    redaction = ValueRedaction(policy)
    redaction.learn_stored(exchanges)
    placeholders = redaction.placeholders
    named = Redaction(sign_in, response=("$",)) if sign_in else None
    for request, response in exchanges:
        is_login = named is not None and named.applies_to(target_of(request), body_of(request))
        if not is_login and not {SENT, 0}.intersection(redaction.named_values(request)):
            continue
        found: list[str] = []

        def see(location: Location, value: Scalar, found: list[str] = found) -> Scalar:
            is_leaf = isinstance(value, str) and decode_json(value) is None
            if is_leaf and value not in placeholders.values and has_key(str(value)):
                found.append(path_text(location))
            return value

        change_values(body_of(response), content_type_of(response), see)
        yield from found


def has_key(text: str) -> bool:
    """Whether a part of a text looks random, as keys do: many characters, and few of them alike."""
    return any(_is_random(word) for word in _WORD.findall(text))


def _is_random(word: str) -> bool:
    counts = Counter(word)
    bits = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    has_digits = any(one.isdigit() for one in word)
    has_letters = any(one.isalpha() for one in word)
    return has_letters and bits >= (_BITS_WITH_DIGITS if has_digits else _BITS_OF_LETTERS)
