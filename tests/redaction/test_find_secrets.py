"""Secrets are found in streams in all encodings and across block boundaries."""

from __future__ import annotations

import base64
import csv
import io
import json
import random
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core import redaction
from smaply_metrics_core.bundle.writer import find_secrets
from smaply_metrics_core.redaction import SecretMatch

TOKEN = 'ab/cd+ef=gh"ij\\kl&mö<n'
PLAIN = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCd"


class Trickle(io.BytesIO):
    """A stream that returns a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next few bytes."""
        return super().read(self._size)


def forms(data: bytes, *secrets: str, size: int = 10**6) -> set[str]:
    """Return the forms of secrets that are found in data."""
    return {finding.form for finding in find_secrets(Trickle(data, size), secrets)}


@pytest.mark.parametrize("secret", [TOKEN, PLAIN], ids=["odd", "plain"])
@pytest.mark.parametrize("size", [1, 7, 10**6])
@pytest.mark.parametrize(
    "write",
    [
        str.encode,
        lambda text: quote(text).encode(),
        lambda text: quote(text, safe="").encode(),
        lambda text: quote_plus(text).encode(),
        lambda text: urlencode({"token": text}).encode(),
        lambda text: json.dumps({"token": text}).encode(),
        lambda text: json.dumps({"token": text}, ensure_ascii=False).encode(),
        lambda text: json.dumps(text).replace("/", "\\/").encode(),
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.b64encode(b"1" + text.encode() + b"22"),
        lambda text: base64.b64encode(b"12" + text.encode() + b"3"),
        lambda text: base64.urlsafe_b64encode(b"123" + text.encode() + b"\xff\xff"),
        lambda text: base64.urlsafe_b64encode(b"1234" + text.encode()),
        lambda text: base64.b64encode(f"user:{text}".encode()),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
    ],
    ids=[
        "raw",
        "url",
        "url all",
        "url plus",
        "form",
        "json",
        "json unicode",
        "json slashes",
        "base64",
        "base64 + 1",
        "base64 + 2",
        "base64 url",
        "base64 url + 1",
        "basic auth",
        "utf-16",
        "utf-16-be",
        "utf-16-le",
    ],
)
def test_a_secret_is_found_in_each_form(write: object, secret: str, size: int) -> None:
    """A secret is found in each encoding and with any block size."""
    assert callable(write)
    noise = bytes(random.Random(3).randbytes(500))  # noqa: S311  # Not for cryptography.

    assert forms(noise + write(secret) + noise, secret, size=size)


def test_lower_case_hex_in_a_url_is_found() -> None:
    """Some libraries write %2f instead of %2F."""
    assert forms(b"key=ab%2fcd%2bef", "ab/cd+ef") == {"url"}


def test_html_escapes_are_found() -> None:
    """A secret written with HTML entities is found."""
    assert forms(b"<td>abcdef&lt;x&gt;&amp;y</td>", "abcdef<x>&y") == {"html"}


def test_other_data_is_not_found() -> None:
    """Similar texts, other alphabets and random data have no matches."""
    noise = random.Random(5).randbytes(3_000_000)  # noqa: S311  # Not for cryptography.

    assert forms(noise, TOKEN, PLAIN) == set()
    assert forms(PLAIN[:-1].encode(), PLAIN) == set()
    assert forms(PLAIN.lower().encode(), PLAIN) == set()
    assert forms(b"", PLAIN) == set()


@pytest.mark.parametrize("shift", range(-45, 46))
def test_secrets_across_block_boundaries_are_found(
    shift: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret across two blocks is found with the correct offset."""
    monkeypatch.setattr(redaction, "BLOCK", 1000)
    at = 1000 + shift
    data = b"x" * at + PLAIN.encode() + b"x" * 1500

    assert find_secrets(io.BytesIO(data), [PLAIN]) == (SecretMatch(0, "raw", at),)


@given(
    before=st.binary(max_size=40),
    after=st.binary(max_size=40),
    secret=st.text(min_size=6, max_size=20),
    size=st.integers(min_value=1, max_value=30),
)
def test_the_offset_is_that_of_the_first_match(
    before: bytes, after: bytes, secret: str, size: int
) -> None:
    """The offset is that of the first occurrence in the stream."""
    data = before + secret.encode() + after

    raw = [f for f in find_secrets(Trickle(data, size), [secret]) if f.form == "raw"]
    assert raw == [SecretMatch(0, "raw", data.find(secret.encode()))]


@given(
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
    secret=st.text(min_size=6, max_size=9),
)
def test_secrets_in_base64_are_found_at_any_offset(
    before: bytes, after: bytes, secret: str
) -> None:
    """A secret is found with each alignment in base64 and in both alphabets."""
    whole = before + secret.encode() + after

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert forms(encode(whole), secret)


def test_a_match_has_the_index_of_its_secret() -> None:
    """Matches have the index of the secret instead of its text, and are in stream order."""
    findings = find_secrets(io.BytesIO(b"..second-one..first-one.."), ["first-one", "second-one"])

    assert findings == (SecretMatch(1, "raw", 2), SecretMatch(0, "raw", 14))
    assert "first" not in repr(findings)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12345", True),
        ("code: 12345.", True),
        ('"12345"', True),
        (",12345,", True),
        ("a12345", False),
        ("a12345,", False),
        ("123456", False),
        ("012345", False),
        ("12345a 123 45", False),
        ("912345 12345", True),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 100])
def test_a_short_secret_is_found_as_a_word(text: str, size: int, *, found: bool) -> None:
    """A secret of fewer than six characters is only found as a whole word."""
    assert (forms(text.encode(), "12345", size=size) == {"raw"}) == found


def test_a_short_secret_is_only_found_in_clear() -> None:
    """The base64 form of a short secret would be found everywhere."""
    assert forms(base64.b64encode(b"12345"), "12345") == set()


@pytest.mark.parametrize("secrets", [[], [""]])
def test_empty_secrets_are_ignored(secrets: list[str]) -> None:
    """Without secrets, or with an empty one, there are no matches."""
    assert find_secrets(io.BytesIO(b"anything"), secrets) == ()


def test_a_quoted_cell_is_found() -> None:
    """A secret with quotes is found with the doubled quotes of CSV."""
    text = io.StringIO()
    csv.writer(text).writerow(['abc"defgh'])

    assert forms(text.getvalue().encode(), 'abc"defgh') == {"csv"}
