"""Where encryption keys come from, and which ones are refused."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import re
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from smaply_metrics_core.errors import EncryptionError, EncryptionKeyMissing
from smaply_metrics_core.host.connections.keys import KeyRing, KeySource, key_id, new_key

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keys.md"


def encoded(key: bytes) -> str:
    """Return a key as text."""
    return base64.urlsafe_b64encode(key).decode()


def from_text(text: str) -> KeyRing:
    """Return the keys of a setting."""
    return KeyRing.from_setting(SecretStr(text))


def test_keys_keep_their_order() -> None:
    """White space, and the padding at the end of a key, do not matter."""
    first, second = new_key(), new_key()
    keys = from_text(f" {first.rstrip('=')} ,\n{second}\t")

    wanted = [base64.urlsafe_b64decode(text) for text in (first, second)]
    assert keys.ids == tuple(key_id(key) for key in wanted)
    assert [keys.key(name) for name in keys.ids] == wanted


@given(st.binary(min_size=32, max_size=32))
def test_a_keys_id_is_eight_hex_digits_of_a_hash(key: bytes) -> None:
    """An id shows no part of the key, and is always the same."""
    assert re.fullmatch(r"[0-9a-f]{8}", key_id(key))
    assert key_id(key) == key_id(bytes(key))


def test_a_keys_id_never_changes_between_releases() -> None:
    """Stored blobs refer to their key by this id, so its definition must not change."""
    assert key_id(bytes(range(32))) == "41366cb3"


def test_without_the_variable_there_is_no_key() -> None:
    """Nothing is encrypted without a key, and the remedy names the variable."""
    with pytest.raises(EncryptionKeyMissing, match="not set") as caught:
        KeyRing.from_setting(None)
    assert "SMAPLY_METRICS_ENCRYPTION_KEYS" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_variable_is_an_error(text: str, tmp_path: Path) -> None:
    """A secret that was not passed must not be silently replaced by a key file."""
    with pytest.raises(EncryptionKeyMissing, match="set, but empty"):
        KeySource(SecretStr(text), tmp_path / "key").load(may_create=True)
    assert list(tmp_path.iterdir()) == []


GOOD = encoded(hashlib.sha256(b"good").digest())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hunter2", "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (f"{GOOD},hunter2", "Key 2 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (f"{GOOD},", "Key 2 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (f",{GOOD}", "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (GOOD[:-2], "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (
            encoded(hashlib.sha256(b"short").digest()[:16]),
            "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid",
        ),
        (
            encoded(hashlib.sha512(b"long").digest()),
            "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid",
        ),
        (
            hashlib.sha256(b"hex").hexdigest(),
            "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid",
        ),
        ("+/" + GOOD[2:], "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (GOOD[:20] + " " + GOOD[20:], "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not valid"),
        (encoded(bytes(32)), "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not random"),
        (encoded(b"\x01\xfe" * 16), "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not random"),
        (encoded(bytes(range(15)) * 2 + b"\x00\x01"), "is not random"),
        (encoded(b"correct horse battery staple, 32"), "is not random"),
        (f"{GOOD},{GOOD}", "The same key is listed twice"),
    ],
    ids=[
        "password",
        "second a password",
        "comma at the end",
        "comma at the start",
        "cut",
        "16 bytes",
        "64 bytes",
        "hex",
        "other alphabet",
        "space inside",
        "zeros",
        "two values",
        "pattern",
        "typed",
        "twice",
    ],
)
def test_an_invalid_key_is_refused_and_not_repeated(text: str, expected: str) -> None:
    """Short, long, foreign, typed, repetitive and duplicate keys each get a remedy."""
    with pytest.raises(EncryptionError, match=expected) as caught:
        from_text(text)

    shown = f"{caught.value.message} {caught.value.remedy}"
    assert caught.value.remedy
    for part in text.split(","):
        assert not part.strip() or part.strip() not in shown


def test_a_key_with_an_invalid_last_character_is_damaged() -> None:
    """No key has two texts: the unused bits must be zero."""
    text = new_key().rstrip("=")
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = digits[digits.index(text[-1]) + 1]

    with pytest.raises(EncryptionError, match="damaged"):
        from_text(text[:-1] + other)


@pytest.mark.parametrize(
    "key", [b"", bytes(range(31)), bytes(range(33)), bytes(32)], ids=["none", "31", "33", "zeros"]
)
def test_keys_given_as_bytes_are_checked_too(key: bytes) -> None:
    """Keys that are passed as bytes are validated too."""
    with pytest.raises(EncryptionError):
        KeyRing([key])


def test_a_ring_needs_a_key() -> None:
    """An empty key ring is an error."""
    with pytest.raises(EncryptionKeyMissing):
        KeyRing([])


def test_random_keys_are_never_called_weak() -> None:
    """The check for typed and repetitive keys accepts every generated key."""
    for _ in range(2000):
        KeyRing([os.urandom(32)])


def test_a_key_file_is_created_for_its_owner_alone(tmp_path: Path) -> None:
    """The file has mode 0600 whatever the umask, and its folder is private."""
    path = tmp_path / "home" / "key"
    before = os.umask(0)
    try:
        made = KeyRing.from_file(path, create=True)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert KeyRing.from_file(path, create=True).ids == made.ids
    assert KeyRing.from_file(path, create=False).ids == made.ids


def test_an_incomplete_key_file_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk no empty file remains, so that the next start can create one."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EncryptionError, match="No space left"):
        KeyRing.from_file(tmp_path / "key", create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_created_only_on_request(tmp_path: Path) -> None:
    """While rows are encrypted with a lost key, no new file is created; the remedy says why."""
    with pytest.raises(EncryptionKeyMissing, match="is missing") as caught:
        KeyRing.from_file(tmp_path / "key", create=False)

    assert "backup" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_two_processes_create_one_key(tmp_path: Path) -> None:
    """The second process reads the key of the first, or must start again."""
    path = tmp_path / "key"
    ready = threading.Barrier(8)
    found: list[str] = []

    def make() -> None:
        ready.wait()
        try:
            found.append(KeyRing.from_file(path, create=True).ids[0])
        except EncryptionError as error:
            found.append(error.message)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = KeyRing.from_file(path, create=False).ids[0]
    assert set(found) <= {kept, f"The key file {path} is empty."}
    assert kept in found


def test_a_key_file_holds_several_keys_on_lines(tmp_path: Path) -> None:
    """A new key goes on the first line; empty lines and all line endings are accepted."""
    first, second = new_key(), new_key()
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(f"{first}\r\n\n{second}\n\n", encoding="ascii")

    assert KeyRing.from_file(path, create=False).ids == from_text(f"{first},{second}").ids


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o700, 0o777])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Permissions beyond the owner's reading and writing are refused, with the command to run."""
    path = tmp_path / "key"
    KeyRing.from_file(path, create=True)
    path.chmod(mode)

    with pytest.raises(EncryptionError, match=f"mode {mode:04o}") as caught:
        KeyRing.from_file(path, create=False)
    assert f"chmod 600 '{path}'" in caught.value.remedy


def test_a_key_file_may_be_stricter(tmp_path: Path) -> None:
    """A file that even its owner cannot change is accepted."""
    path = tmp_path / "key"
    made = KeyRing.from_file(path, create=True)
    path.chmod(0o400)

    assert KeyRing.from_file(path, create=False).ids == made.ids


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hunter2\n", "Key 1 in the key file .*key is not valid"),
        (bytes(range(256)), "is not valid"),
    ],
    ids=["empty", "blank", "password", "binary"],
)
def test_an_invalid_key_file_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    """Its content is not shown, and the file is not changed."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(content)

    with pytest.raises(EncryptionError, match=expected) as caught:
        KeyRing.from_file(path, create=True)
    assert "hunter2" not in f"{caught.value.message} {caught.value.remedy}"
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    """A key file below a regular file is an `EncryptionError`."""
    (tmp_path / "file").touch()

    for path in (tmp_path / "file" / "key", tmp_path / ("x" * 300)):
        with pytest.raises(EncryptionError, match="cannot be created"):
            KeyRing.from_file(path, create=True)
        with pytest.raises(EncryptionError, match="cannot be read"):
            KeyRing.from_file(path, create=False)


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    """With keys in the environment, no file is read or created."""
    text = new_key()
    keys = KeySource(SecretStr(text), tmp_path / "key").load(may_create=True)

    assert keys.ids == from_text(text).ids
    assert list(tmp_path.iterdir()) == []


def test_without_the_variable_the_file_is_used(tmp_path: Path) -> None:
    """The embedded default creates its own key file and reads it again."""
    made = KeySource(None, tmp_path / "key").load(may_create=True)

    assert KeySource(None, tmp_path / "key").load(may_create=False).ids == made.ids


def test_without_a_file_the_variable_is_required() -> None:
    """A store of several machines has no key file to fall back on."""
    with pytest.raises(EncryptionKeyMissing):
        KeySource(None, None).load(may_create=True)


def test_the_page_on_keys_is_up_to_date() -> None:
    """The documentation has the variable, the file's mode and a command that creates a key."""
    page = PAGE.read_text(encoding="utf-8")

    with pytest.raises(EncryptionKeyMissing) as caught:
        KeyRing.from_setting(SecretStr(""))
    command = re.search(r"`(smaply-metrics key [^`]+)`", caught.value.remedy)
    assert command is not None
    for expected in ("SMAPLY_METRICS_ENCRYPTION_KEYS", "0600", command[1]):
        assert expected in page
