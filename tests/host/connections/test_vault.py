"""Sealing and opening: only the right row, whole, with the right key."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from smaply_metrics_core.errors import DecryptionFailed, EncryptionError
from smaply_metrics_core.host.connections.keys import KeyRing, new_key
from smaply_metrics_core.host.connections.vault import DOTS, FORMAT, Vault, mask
from smaply_metrics_core.models.problem import Issue

TOKEN = "token-0123456789"
ROW = ("connection", "account-1", "connection-1", "qualtrics")

ring = KeyRing.from_setting(SecretStr(new_key()))
vault = Vault(ring)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "inf" not in repr(value).lower())
names = st.text(min_size=1, max_size=12)


@given(
    row=st.tuples(names, names, names, names),
    data=st.dictionaries(st.text(), json_values, max_size=4),
)
def test_what_was_sealed_comes_out_the_same(
    row: tuple[str, str, str, str], data: dict[str, Any]
) -> None:
    """Any JSON mapping, for any row, opens to what it was."""
    assert vault.open(*row, vault.seal(*row, data)) == data


@given(data=st.data())
def test_any_flipped_bit_breaks_the_seal(data: st.DataObject) -> None:
    """Whichever bit of a blob changes, version, key id and padding bits too, it does not open."""
    # Of three lengths one has no padding bits.
    more = data.draw(st.integers(min_value=0, max_value=2))
    blob = vault.seal(*ROW, {"token": TOKEN + "x" * more})
    at = data.draw(st.integers(min_value=0, max_value=len(blob) - 1))
    flipped = chr(ord(blob[at]) ^ (1 << data.draw(st.integers(min_value=0, max_value=6))))

    with pytest.raises(DecryptionFailed):
        vault.open(*ROW, blob[:at] + flipped + blob[at + 1 :])


@pytest.mark.parametrize("more", range(3))
def test_the_last_character_counts_whole(more: int) -> None:
    """Bits of the text that stand for no byte may not change either."""
    blob = vault.seal(*ROW, {"token": TOKEN + "x" * more})
    others = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") - {blob[-1]}

    for other in others:
        with pytest.raises(DecryptionFailed):
            vault.open(*ROW, blob[:-1] + other)


@given(mine=st.tuples(names, names, names, names), other=st.tuples(names, names, names, names))
def test_a_blob_moved_to_another_row_does_not_open(
    mine: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    """Another purpose, account, connection or source breaks the seal."""
    assume(mine != other)
    blob = vault.seal(*mine, {"token": TOKEN})

    with pytest.raises(DecryptionFailed):
        vault.open(*other, blob)


@pytest.mark.parametrize("place", range(4))
def test_each_part_of_the_row_counts(place: int) -> None:
    """Changing any one of the four parts is enough."""
    blob = vault.seal(*ROW, {"token": TOKEN})
    parts = list(ROW)
    parts[place] += "x"

    with pytest.raises(DecryptionFailed):
        vault.open(parts[0], parts[1], parts[2], parts[3], blob)


def test_letters_moved_from_one_part_to_the_next_break_the_seal() -> None:
    """Parts are joined with their lengths: “ab” and “c” are not “a” and “bc”."""
    blob = vault.seal("p", "ab", "c", "s", {"token": TOKEN})

    with pytest.raises(DecryptionFailed):
        vault.open("p", "a", "bc", "s", blob)


@given(st.text() | st.from_regex(r"v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]*", fullmatch=True))
def test_whatever_is_no_blob_breaks_the_seal(text: str) -> None:
    """Any other text in its place is told as a broken seal, never as another error."""
    with pytest.raises(DecryptionFailed):
        vault.open(*ROW, text)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 20])
def test_a_shortened_blob_breaks_the_seal(cut: int) -> None:
    """A blob that lost its end, as in a column that is too short, does not open."""
    blob = vault.seal(*ROW, {"token": TOKEN})

    with pytest.raises(DecryptionFailed):
        vault.open(*ROW, blob[:-cut])


def test_a_broken_seal_is_an_authentication_issue_with_a_remedy() -> None:
    """People are told to enter the token again, and nothing of what was stored."""
    with pytest.raises(DecryptionFailed) as caught:
        vault.open(*ROW, "v1.damaged")

    assert caught.value.issue is Issue.AUTHENTICATION
    assert "Enter the token again" in caught.value.remedy
    assert caught.value.__cause__ is None


def test_a_blob_reads_version_key_id_and_ciphertext() -> None:
    """The format is fixed: three parts with dots, the key by its id, nothing in clear."""
    blob = vault.seal(*ROW, {"token": TOKEN, "base_url": "iad1.qualtrics.com"})

    version, key_id, sealed = blob.split(".")
    assert (version, key_id) == (FORMAT, ring.ids[0]) == ("v1", ring.ids[0])
    assert TOKEN not in blob
    assert "qualtrics" not in blob
    assert sealed.isascii()


def test_sealing_twice_gives_two_blobs() -> None:
    """Every seal has a nonce of its own, so equal secrets cannot be told from each other."""
    blobs = {vault.seal(*ROW, {"token": TOKEN}) for _ in range(100)}

    assert len(blobs) == 100


def test_an_old_key_opens_and_the_first_seals() -> None:
    """After a new key is put first, old blobs open and say that they want sealing again."""
    old, new = new_key(), new_key()
    before = Vault(KeyRing.from_setting(SecretStr(old)))
    after = Vault(KeyRing.from_setting(SecretStr(f"{new},{old}")))
    blob = before.seal(*ROW, {"token": TOKEN})

    assert after.open(*ROW, blob) == {"token": TOKEN}
    assert after.needs_reseal(blob)
    assert not before.needs_reseal(blob)
    assert not after.needs_reseal(after.seal(*ROW, {"token": TOKEN}))


def test_a_key_that_is_gone_is_named_by_its_id() -> None:
    """The message helps to find the right key again, and does not show any."""
    lost = KeyRing.from_setting(SecretStr(new_key()))
    blob = Vault(lost).seal(*ROW, {"token": TOKEN})

    with pytest.raises(DecryptionFailed, match=lost.ids[0]) as caught:
        vault.open(*ROW, blob)
    assert "SMAPLY_METRICS_ENCRYPTION_KEYS" in caught.value.remedy
    assert vault.needs_reseal(blob)


def test_asking_about_no_blob_is_an_error() -> None:
    """What is no blob has no key to be old."""
    with pytest.raises(DecryptionFailed):
        vault.needs_reseal("")


@pytest.mark.parametrize(
    "value", [SecretStr(TOKEN), b"bytes", float("nan"), "\ud800", {1, 2}], ids=repr
)
def test_what_is_not_json_is_not_sealed(value: object) -> None:
    """A secret that hides itself would be stored as asterisks: it is refused, and not shown."""
    with pytest.raises(EncryptionError, match="not plain JSON") as caught:
        vault.seal(*ROW, {"token": TOKEN, "other": value})

    assert TOKEN not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("holder", [vault, ring], ids=["vault", "ring"])
def test_keys_leave_the_process_in_no_way(holder: object) -> None:
    """Pickling and copying are refused, and a repr shows the ids alone."""
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled"):
            leave(holder)

    key = ring.key(ring.ids[0])
    for shown in (repr(holder), str(holder), f"{holder}"):
        assert ring.ids[0] in shown
        assert repr(key)[2:-1] not in shown
        assert key.hex() not in shown
    with pytest.raises(TypeError):
        json.dumps(holder)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("", DOTS),
        ("short", DOTS),
        ("eleven-char", DOTS),
        ("twelve-chars", f"{DOTS}hars"),
        ("x" * 36 + "1234", f"{DOTS}1234"),
    ],
)
def test_a_mask_shows_four_characters_at_most(secret: str, shown: str) -> None:
    """The dots do not tell the length, and a short secret shows nothing of itself."""
    assert mask(secret) == shown
