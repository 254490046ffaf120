"""Encryption: only the right key decrypts a blob, unchanged and in the right row."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from smaply_metrics_core.errors import DecryptionFailed, EncryptionError
from smaply_metrics_core.host.connections.keys import KeyRing, new_key
from smaply_metrics_core.host.connections.vault import (
    DOTS,
    FORMAT,
    NONCE_BYTES,
    UNVERSIONED,
    BlobOwner,
    Vault,
    _associated_data,
    mask,
)
from smaply_metrics_core.models.problem import Issue

TOKEN = "token-0123456789"
ROW = BlobOwner("connection", "account-1", "connection-1", "qualtrics", 7)

ring = KeyRing.from_setting(SecretStr(new_key()))
vault = Vault(ring)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "inf" not in repr(value).lower())
names = st.text(min_size=1, max_size=12)
owners = st.builds(
    BlobOwner, names, names, names, names, st.integers(min_value=1, max_value=10**17)
)


def unversioned(owner: BlobOwner, data: dict[str, Any]) -> str:
    """Return a blob as earlier releases wrote it."""
    key = ring.ids[0]
    nonce = bytes(range(NONCE_BYTES))
    bound = _associated_data(owner, UNVERSIONED, key)
    sealed = nonce + AESGCM(ring.key(key)).encrypt(nonce, json.dumps(data).encode(), bound)
    return f"v1.{key}.{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}"


@given(
    row=owners,
    data=st.dictionaries(st.text(), json_values, max_size=4),
)
def test_decryption_returns_what_was_encrypted(row: BlobOwner, data: dict[str, Any]) -> None:
    """Any JSON mapping, for any row, is returned unchanged."""
    assert vault.open(row, vault.seal(row, data)) == data


@given(data=st.data())
def test_any_flipped_bit_prevents_decryption(data: st.DataObject) -> None:
    """A change of any bit is detected: version, key id and padding bits too."""
    # Every third length has no padding bits.
    more = data.draw(st.integers(min_value=0, max_value=2))
    blob = vault.seal(ROW, {"token": TOKEN + "x" * more})
    at = data.draw(st.integers(min_value=0, max_value=len(blob) - 1))
    flipped = chr(ord(blob[at]) ^ (1 << data.draw(st.integers(min_value=0, max_value=6))))

    with pytest.raises(DecryptionFailed):
        vault.open(ROW, blob[:at] + flipped + blob[at + 1 :])


@pytest.mark.parametrize("more", range(3))
def test_unused_bits_of_the_last_character_are_checked(more: int) -> None:
    """Bits that encode no byte must not change either."""
    blob = vault.seal(ROW, {"token": TOKEN + "x" * more})
    others = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") - {blob[-1]}

    for other in others:
        with pytest.raises(DecryptionFailed):
            vault.open(ROW, blob[:-1] + other)


@given(mine=owners, other=owners)
def test_a_blob_moved_to_another_row_is_not_decrypted(mine: BlobOwner, other: BlobOwner) -> None:
    """The purpose, account, connection and source must be the same."""
    assume(mine != other)
    blob = vault.seal(mine, {"token": TOKEN})

    with pytest.raises(DecryptionFailed):
        vault.open(other, blob)


@pytest.mark.parametrize("place", range(4))
def test_each_part_of_the_row_counts(place: int) -> None:
    """Changing any one of the four parts is enough."""
    blob = vault.seal(ROW, {"token": TOKEN})
    parts: list[Any] = list(ROW)
    parts[place] += "x"
    other = BlobOwner(*parts)

    with pytest.raises(DecryptionFailed):
        vault.open(other, blob)


def test_letters_moved_between_parts_prevent_decryption() -> None:
    """Parts are joined with their lengths: “ab” and “c” are not “a” and “bc”."""
    blob = vault.seal(BlobOwner("p", "ab", "c", "s", 1), {"token": TOKEN})

    with pytest.raises(DecryptionFailed):
        vault.open(BlobOwner("p", "a", "bc", "s", 1), blob)


def test_an_older_blob_of_the_same_row_is_not_decrypted() -> None:
    """Whatever the order of the attempts, only the blob of the row's version is decrypted."""
    older, newer = ROW._replace(version=7), ROW._replace(version=8)
    before, after = vault.seal(older, {"token": "old"}), vault.seal(newer, {"token": "new"})

    with pytest.raises(DecryptionFailed, match="older than those that were saved last"):
        vault.open(newer, before)
    with pytest.raises(DecryptionFailed, match="changed or damaged"):
        vault.open(older, after)
    assert vault.open(newer, after) == {"token": "new"}


def test_the_version_of_a_blob_cannot_be_edited() -> None:
    """The version in clear only explains errors; the authenticated one decides."""
    blob = vault.seal(ROW, {"token": TOKEN})
    edited = blob.replace(f".{ROW.version}.", ".8.")

    with pytest.raises(DecryptionFailed, match="changed or damaged"):
        vault.open(ROW._replace(version=8), edited)


def test_a_blob_without_version_is_decrypted_until_the_row_has_one() -> None:
    """Credentials of earlier releases stay usable, but not after they were encrypted again."""
    blob = unversioned(ROW, {"token": TOKEN})

    assert vault.open(ROW._replace(version=0), blob) == {"token": TOKEN}
    assert vault.needs_reseal(blob)
    with pytest.raises(DecryptionFailed, match="older"):
        vault.open(ROW, blob)


@given(
    st.text() | st.from_regex(r"v(1|2\.[0-9]{1,20})\.[0-9a-f]{8}\.[A-Za-z0-9_-]*", fullmatch=True)
)
def test_a_text_that_is_not_a_blob_is_not_decrypted(text: str) -> None:
    """Any other text raises `DecryptionFailed`, never another error."""
    with pytest.raises(DecryptionFailed):
        vault.open(ROW, text)


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 20])
def test_a_truncated_blob_is_not_decrypted(cut: int) -> None:
    """A blob without its end, as from a column that is too short, is detected."""
    blob = vault.seal(ROW, {"token": TOKEN})

    with pytest.raises(DecryptionFailed):
        vault.open(ROW, blob[:-cut])


def test_a_decryption_failure_is_an_authentication_issue() -> None:
    """The remedy is to enter the credentials again, and no stored data is shown."""
    with pytest.raises(DecryptionFailed) as caught:
        vault.open(ROW, "v1.damaged")

    assert caught.value.issue is Issue.AUTHENTICATION
    assert "Enter the credentials again" in caught.value.remedy
    assert caught.value.__cause__ is None


def test_a_blob_reads_format_key_id_version_and_ciphertext() -> None:
    """The format is fixed: four parts with dots, the key by its id, no credential in clear."""
    blob = vault.seal(ROW, {"token": TOKEN, "base_url": "iad1.qualtrics.com"})

    blob_format, key_id, version, sealed = blob.split(".")
    assert (blob_format, key_id) == (FORMAT, ring.ids[0]) == ("v2", ring.ids[0])
    assert version == str(ROW.version)
    assert TOKEN not in blob
    assert "qualtrics" not in blob
    assert sealed.isascii()


def test_encrypting_twice_gives_two_blobs() -> None:
    """Each blob has its own nonce, so equal secrets give different blobs."""
    blobs = {vault.seal(ROW, {"token": TOKEN}) for _ in range(100)}

    assert len(blobs) == 100


def test_an_old_key_decrypts_and_the_first_encrypts() -> None:
    """After a new key is put first, old blobs are decrypted and must be encrypted again."""
    old, new = new_key(), new_key()
    before = Vault(KeyRing.from_setting(SecretStr(old)))
    after = Vault(KeyRing.from_setting(SecretStr(f"{new},{old}")))
    blob = before.seal(ROW, {"token": TOKEN})

    assert after.open(ROW, blob) == {"token": TOKEN}
    assert after.needs_reseal(blob)
    assert not before.needs_reseal(blob)
    assert not after.needs_reseal(after.seal(ROW, {"token": TOKEN}))


def test_a_missing_key_is_named_by_its_id() -> None:
    """The message helps to find the right key, and shows none."""
    lost = KeyRing.from_setting(SecretStr(new_key()))
    blob = Vault(lost).seal(ROW, {"token": TOKEN})

    with pytest.raises(DecryptionFailed, match=lost.ids[0]) as caught:
        vault.open(ROW, blob)
    assert "SMAPLY_METRICS_ENCRYPTION_KEYS" in caught.value.remedy
    assert vault.needs_reseal(blob)


def test_a_text_that_is_not_a_blob_needs_no_rotation() -> None:
    """It raises an error, because it has no key id."""
    with pytest.raises(DecryptionFailed):
        vault.needs_reseal("")


@pytest.mark.parametrize(
    "value", [SecretStr(TOKEN), b"bytes", float("nan"), "\ud800", {1, 2}], ids=repr
)
def test_a_value_that_is_not_json_is_not_encrypted(value: object) -> None:
    """A `SecretStr` would be stored as asterisks, so it is refused and not shown."""
    with pytest.raises(EncryptionError, match="not plain JSON") as caught:
        vault.seal(ROW, {"token": TOKEN, "other": value})

    assert TOKEN not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("holder", [vault, ring], ids=["vault", "ring"])
def test_keys_cannot_leave_the_process(holder: object) -> None:
    """Pickling and copying are refused, and a repr shows only the ids."""
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
    """The dots do not reveal the length, and nothing of a short secret is shown."""
    assert mask(secret) == shown
