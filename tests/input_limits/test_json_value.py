"""JSON from untrusted senders: limits before and after parsing."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.input_limits.json_value import (
    MOST_LEVELS,
    MOST_VALUES,
    JsonRefused,
    parse_json,
)

from .traced_memory import traced_memory

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-1e300, 1e300, allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_a_value_is_read_back(value: object) -> None:
    """Values within the limits are the same as those of the standard library."""
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "unit",
    [b"{}", b"[]", b'{"a":1}', b'""', b"1.5", b'[[],{"a":{}}]', b"0"],
    ids=bytes.decode,
)
def test_too_many_values_are_refused_before_they_are_parsed(unit: bytes) -> None:
    """Many small values take no memory at all."""
    content = b"[" + b",".join([unit] * 100_001) + b"]"
    with traced_memory() as memory, pytest.raises(JsonRefused, match="100,000 values"):
        parse_json(content, most_values=100_000)
    assert memory.peak < 10**6 // 20


def test_many_names_of_one_object_are_refused() -> None:
    """An object with a name per value is counted like a list."""
    content = b"{" + b'"a":0,' * MOST_VALUES + b'"b":0}'
    with pytest.raises(JsonRefused, match="2,000,000 values"):
        parse_json(content)


def test_a_value_within_the_limits_takes_bounded_memory() -> None:
    """The most expensive values, objects with one name, stay below 130 bytes per counted value."""
    count = 10_000
    content = b"[" + b",".join(b'{"%d":{}}' % number for number in range(count)) + b"]"
    counted = sum(map(content.count, (b"[", b"{", b",", b":")))
    with traced_memory() as memory:
        parse_json(content)
    assert memory.peak < 130 * counted


def test_a_long_text_is_refused() -> None:
    """A text of more bytes than the limit is not decoded."""
    with pytest.raises(JsonRefused, match="1 MiB"):
        parse_json(b'"' + b"x" * 2**20 + b'"', most_bytes=2**20)


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 500, 100_000])
@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
def test_deep_nesting_is_refused(levels: int, begin: bytes, end: bytes) -> None:
    """Code that walks the value would otherwise fail with a `RecursionError`."""
    with pytest.raises(JsonRefused, match=r"levels|invalid JSON"):
        parse_json(begin * levels + b"1" + end * levels)


def test_the_deepest_accepted_value() -> None:
    """A hundred levels are accepted, brackets in texts are no levels, and one more is refused."""
    deepest = b"[" * MOST_LEVELS + b"]" * MOST_LEVELS
    assert parse_json(deepest)
    assert parse_json(b'"' + b"[" * 1000 + b'"') == "[" * 1000
    with pytest.raises(JsonRefused, match="100 levels"):
        parse_json(b"[" + deepest + b"]")


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "-" + "1" * 4000]
)
def test_numbers_that_overflow_are_refused(number: str) -> None:
    """They would fail later, in the code that calculates with them."""
    for content in (number, f"[{number}]", f'{{"a": [{number}]}}'):
        with pytest.raises(JsonRefused, match="not finite or too large"):
            parse_json(content.encode())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"1" * 400_000, b"\xff\xfe", b"<html>", b'"\xff"', b"{}{}"]
)
def test_invalid_json_is_refused(content: bytes) -> None:
    """No other error is raised."""
    with pytest.raises(JsonRefused, match="invalid JSON"):
        parse_json(content)


@given(st.binary(max_size=60))
def test_noise_never_raises_another_error(content: bytes) -> None:
    """Any bytes are parsed or refused."""
    with suppress(JsonRefused):
        parse_json(content)
