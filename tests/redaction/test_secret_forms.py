"""Secrets are found in streams in every form and across block boundaries."""

from __future__ import annotations

import base64
import io
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smaply_metrics_core import redaction
from smaply_metrics_core.redaction import Redactor
from tests.redaction.encoders import ENCODERS

TOKEN = 'ab/cd+ef=gh"ij\\kl&mö<n'
PLAIN = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCd"
PASSPHRASE = "Grüße, 'wörld' = €5 😀"
LOOKS_ESCAPED = 'a%41b&lt;c\\n=3D"d'
TEXTS = st.text(
    st.sampled_from([chr(code) for code in range(32, 127)] + list("\t\näöüßéÄÉŁ€日本😀")),
    max_size=30,
)


class Trickle(io.BytesIO):
    """A stream that returns a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next few bytes."""
        return super().read(min(self._size, self._size if size is None else size))


def found(data: bytes, *secrets: str, size: int = 10**6) -> bool:
    """Whether data contains a secret."""
    return Redactor(secrets).found_in(Trickle(data, size))


@pytest.mark.parametrize("secret", [TOKEN, PLAIN, PASSPHRASE, LOOKS_ESCAPED, "hunter"])
def test_a_secret_is_found_in_each_form(secret: str) -> None:
    """A secret is found however a server or a library writes it, alone and in a longer text."""
    redactor = Redactor([secret])
    noise = random.Random(3).randbytes(500)  # noqa: S311  # Not for cryptography.
    texts = (secret, f"before {secret}, after")
    encoded = [(form, encode(text)) for form, encode in ENCODERS.items() for text in texts]

    assert len(encoded) >= 160
    assert [
        form for form, data in encoded if not redactor.found_in(io.BytesIO(noise + data + noise))
    ] == []
    assert [form for form, data in encoded if not redactor.found_in(Trickle(data, 1))] == []


@settings(max_examples=6)
@given(secret=TEXTS.filter(lambda text: len(text) >= 6), before=TEXTS, after=TEXTS)
def test_any_secret_is_found_in_any_text(secret: str, before: str, after: str) -> None:
    """Neither the characters of a secret nor its context hide it, and redaction removes it."""
    for form, encode in ENCODERS.items():
        expect_found_and_redacted(encode(before + secret + after), secret, form)


@pytest.mark.deep(reason="300 texts for each of 80 forms")
@settings(max_examples=300)
@given(secret=TEXTS.filter(lambda text: len(text) >= 6), before=TEXTS, after=TEXTS)
@pytest.mark.parametrize("form", ENCODERS)
def test_many_secrets_are_found_in_many_texts(
    form: str, secret: str, before: str, after: str
) -> None:
    """As above, with more texts."""
    expect_found_and_redacted(ENCODERS[form](before + secret + after), secret, form)


@pytest.mark.parametrize(
    ("form", "secret", "after"),
    [
        ("json in html", "00'Ä%0", "0"),
        ("json in html", '0000"\\', ""),
        ("csv in json", '0000"😀', ""),
    ],
    ids=["looks like another escape", "one escape before another", "quotes and halves"],
)
def test_nested_forms_of_odd_secrets_are_found(form: str, secret: str, after: str) -> None:
    """A secret whose own characters are escaped, or look like an escape, is found."""
    expect_found_and_redacted(ENCODERS[form](secret + after), secret, form)


def expect_found_and_redacted(encoded: bytes, secret: str, form: str) -> None:
    """Expect that a secret is found, and no longer after redaction."""
    redactor = Redactor([secret])
    assert redactor.found_in(io.BytesIO(encoded)), form
    assert not redactor.contains_secret(redactor.redact(encoded.decode("latin-1"))), form


def test_a_search_has_constant_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of any size is searched in small blocks, also if all of it is escaped."""
    monkeypatch.setattr(redaction, "BLOCK", 1 << 11)
    pattern = b"%41\\u0042&amp;=43"

    def peak(blocks: int) -> int:
        stream = io.BytesIO(pattern * (blocks * redaction.BLOCK // len(pattern)))
        tracemalloc.start()
        try:
            assert not Redactor([PLAIN]).found_in(stream)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(8) < 2 * peak(2)


def test_other_data_is_not_found() -> None:
    """Similar texts and random data have no matches."""
    noise = random.Random(5).randbytes(300_000)  # noqa: S311  # Not for cryptography.

    assert not found(noise, TOKEN, PLAIN)
    assert not found(PLAIN[:-1].encode(), PLAIN)
    assert not found(PLAIN[1:].encode(), PLAIN)
    assert not found(b"", PLAIN)


def test_a_short_passphrase_is_not_found_across_punctuation() -> None:
    """Separators are ignored only in secrets that are too long to occur by chance."""
    assert not found(b"Would you recommend us? New. York, Vienna", "newyork")
    assert found(f"{PLAIN[:20]}-{PLAIN[20:]}".encode(), PLAIN)


def test_secrets_across_block_boundaries_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret across two blocks is found."""
    monkeypatch.setattr(redaction, "BLOCK", 1000)
    redactor = Redactor([PLAIN])

    for shift in range(-45, 46):
        data = b"x" * (1000 + shift) + PLAIN.encode() + b"x" * 1500
        assert redactor.found_in(io.BytesIO(data)), shift


def test_encoded_secrets_across_block_boundaries_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret with long escapes is found wherever the blocks end."""
    monkeypatch.setattr(redaction, "BLOCK", 1)
    redactor = Redactor([TOKEN])
    size = redactor._searched.each[0].overlap  # noqa: SLF001  # The block size.
    escaped = ENCODERS["html decimal, padded"](TOKEN)

    for shift in range(-400, 1, 25):
        data = b"&" * (size + shift) + escaped + b"x" * 1500
        assert redactor.found_in(io.BytesIO(data)), shift


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
        assert found(encode(whole), secret)


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_a_short_secret_is_found_as_a_word(text: str, *, expected: bool) -> None:
    """A secret of fewer than six characters is only found as a whole word."""
    for size in (1, 2, 3, 5, 6, 7, 100):
        assert found(text.encode(), "12345", size=size) == expected, size


def test_a_short_secret_is_only_found_in_clear() -> None:
    """The base64 form of a short secret would be found everywhere."""
    assert not found(base64.b64encode(b"12345"), "12345")


@pytest.mark.parametrize("secrets", [[], [""]])
def test_empty_secrets_are_ignored(secrets: list[str]) -> None:
    """Without secrets, or with an empty one, there are no matches."""
    assert not Redactor(secrets).found_in(io.BytesIO(b"anything"))
