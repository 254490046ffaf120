"""Where keys come from, and which ones are refused."""

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
from smaply_metrics_core.host.connections.keys import KeyRing, key_id, load_keys, new_key

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keys.md"


def encoded(key: bytes) -> str:
    """Write a key as people do."""
    return base64.urlsafe_b64encode(key).decode()


def from_text(text: str) -> KeyRing:
    """Read keys as the environment gives them."""
    return KeyRing.from_setting(SecretStr(text))


def test_keys_come_in_their_order() -> None:
    """White space, and the padding at the end of a key, do not matter."""
    first, second = new_key(), new_key()
    keys = from_text(f" {first.rstrip('=')} ,\n{second}\t")

    wanted = [base64.urlsafe_b64decode(text) for text in (first, second)]
    assert keys.ids == tuple(key_id(key) for key in wanted)
    assert [keys.key(name) for name in keys.ids] == wanted


@given(st.binary(min_size=32, max_size=32))
def test_a_keys_id_is_eight_hex_digits_of_a_hash(key: bytes) -> None:
    """An id never shows a part of the key, and is always the same."""
    assert re.fullmatch(r"[0-9a-f]{8}", key_id(key))
    assert key_id(key) == key_id(bytes(key))


def test_a_keys_id_never_changes_between_releases() -> None:
    """Stored blobs name their key by this id, so its definition is for good."""
    assert key_id(bytes(range(32))) == "41366cb3"


def test_without_the_variable_there_is_no_key() -> None:
    """Nothing is sealed without a key, and the remedy names the variable."""
    with pytest.raises(EncryptionKeyMissing, match="not set") as caught:
        KeyRing.from_setting(None)
    assert "SMAPLY_METRICS_ENCRYPTION_KEYS" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_variable_is_not_the_same_as_none(text: str, tmp_path: Path) -> None:
    """A secret that did not arrive must not be replaced by a key file without a word."""
    with pytest.raises(EncryptionKeyMissing, match="set, but empty"):
        load_keys(SecretStr(text), tmp_path / "key", may_create=True)
    assert list(tmp_path.iterdir()) == []


GOOD = encoded(hashlib.sha256(b"good").digest())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hunter2", "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (f"{GOOD},hunter2", "Key 2 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (f"{GOOD},", "Key 2 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (f",{GOOD}", "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (GOOD[:-2], "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (
            encoded(hashlib.sha256(b"short").digest()[:16]),
            "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key",
        ),
        (
            encoded(hashlib.sha512(b"long").digest()),
            "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key",
        ),
        (
            hashlib.sha256(b"hex").hexdigest(),
            "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key",
        ),
        ("+/" + GOOD[2:], "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (GOOD[:20] + " " + GOOD[20:], "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not a key"),
        (encoded(bytes(32)), "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not random"),
        (encoded(b"\x01\xfe" * 16), "Key 1 in SMAPLY_METRICS_ENCRYPTION_KEYS is not random"),
        (encoded(bytes(range(15)) * 2 + b"\x00\x01"), "is not random"),
        (encoded(b"correct horse battery staple, 32"), "is not random"),
        (f"{GOOD},{GOOD}", "The same key is given twice"),
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
def test_what_is_no_good_key_is_refused_without_being_repeated(text: str, said: str) -> None:
    """Short, long, foreign, typed, repetitive and repeated keys each get a remedy."""
    with pytest.raises(EncryptionError, match=said) as caught:
        from_text(text)

    shown = f"{caught.value.message} {caught.value.remedy}"
    assert caught.value.remedy
    for part in text.split(","):
        assert not part.strip() or part.strip() not in shown


def test_a_last_character_that_cannot_be_is_a_damaged_key() -> None:
    """Two texts never stand for one key: bits that mean nothing have to be zero."""
    text = new_key().rstrip("=")
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = digits[digits.index(text[-1]) + 1]

    with pytest.raises(EncryptionError, match="damaged"):
        from_text(text[:-1] + other)


@pytest.mark.parametrize(
    "key", [b"", bytes(range(31)), bytes(range(33)), bytes(32)], ids=["none", "31", "33", "zeros"]
)
def test_keys_given_as_bytes_are_checked_too(key: bytes) -> None:
    """There is no other way in for a weak key."""
    with pytest.raises(EncryptionError):
        KeyRing([key])


def test_a_ring_needs_a_key() -> None:
    """An empty ring could seal nothing."""
    with pytest.raises(EncryptionKeyMissing):
        KeyRing([])


def test_random_keys_are_never_called_weak() -> None:
    """The check for typed and repetitive keys does not hit what the generator makes."""
    for _ in range(2000):
        KeyRing([os.urandom(32)])


def test_a_key_file_is_made_for_its_owner_alone(tmp_path: Path) -> None:
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


def test_a_key_file_that_cannot_be_finished_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk no empty file is left, so that the next start can make one."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EncryptionError, match="No space left"):
        KeyRing.from_file(tmp_path / "key", create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_made_only_when_asked(tmp_path: Path) -> None:
    """Beside rows sealed with a lost key no new one appears; the remedy says how to go on."""
    with pytest.raises(EncryptionKeyMissing, match="is missing") as caught:
        KeyRing.from_file(tmp_path / "key", create=False)

    assert "backup" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_two_processes_make_one_key(tmp_path: Path) -> None:
    """Whoever comes second reads the key of the first, or is told to start again."""
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
    """A new key goes on the first line; empty lines and line ends of any system are fine."""
    first, second = new_key(), new_key()
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(f"{first}\r\n\n{second}\n\n", encoding="ascii")

    assert KeyRing.from_file(path, create=False).ids == from_text(f"{first},{second}").ids


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o660, 0o644, 0o700, 0o777])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    """Any permission beyond the owner's reading and writing is refused with the command to run."""
    path = tmp_path / "key"
    KeyRing.from_file(path, create=True)
    path.chmod(mode)

    with pytest.raises(EncryptionError, match=f"mode {mode:04o}") as caught:
        KeyRing.from_file(path, create=False)
    assert f"chmod 600 '{path}'" in caught.value.remedy


def test_a_key_file_may_be_stricter(tmp_path: Path) -> None:
    """A file that even its owner cannot change is fine."""
    path = tmp_path / "key"
    made = KeyRing.from_file(path, create=True)
    path.chmod(0o400)

    assert KeyRing.from_file(path, create=False).ids == made.ids


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"hunter2\n", "Key 1 in key is not a key"),
        (bytes(range(256)), "is not a key"),
    ],
    ids=["empty", "blank", "password", "binary"],
)
def test_a_key_file_with_anything_else_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    """What is in it is not repeated, and the file is left as it is."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(content)

    with pytest.raises(EncryptionError, match=said) as caught:
        KeyRing.from_file(path, create=True)
    assert "hunter2" not in f"{caught.value.message} {caught.value.remedy}"
    assert path.read_bytes() == content


def test_a_key_file_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder or a pipe in its place is told as that, without waiting for anything."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, mode=0o600)

    for path in (tmp_path, pipe):
        with pytest.raises(EncryptionError, match="is not a file"):
            KeyRing.from_file(path, create=False)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A key file below something that is no folder gives an error of ours."""
    (tmp_path / "file").touch()

    for path in (tmp_path / "file" / "key", tmp_path / ("x" * 300)):
        with pytest.raises(EncryptionError, match="cannot be made"):
            KeyRing.from_file(path, create=True)
        with pytest.raises(EncryptionError, match="cannot be read"):
            KeyRing.from_file(path, create=False)


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    """With keys in the environment no file is read or made."""
    text = new_key()
    keys = load_keys(SecretStr(text), tmp_path / "key", may_create=True)

    assert keys.ids == from_text(text).ids
    assert list(tmp_path.iterdir()) == []


def test_the_file_serves_where_the_environment_says_nothing(tmp_path: Path) -> None:
    """The embedded default makes its own key file and finds it again."""
    made = load_keys(None, tmp_path / "key", may_create=True)

    assert load_keys(None, tmp_path / "key", may_create=False).ids == made.ids


def test_without_a_file_only_the_environment_will_do() -> None:
    """A store of several machines has no key file to fall back on."""
    with pytest.raises(EncryptionKeyMissing):
        load_keys(None, None, may_create=True)


def test_the_page_on_keys_names_what_there_is() -> None:
    """The documentation has the variable, the file's mode and a command that makes a key."""
    page = PAGE.read_text(encoding="utf-8")

    with pytest.raises(EncryptionKeyMissing) as caught:
        KeyRing.from_setting(SecretStr(""))
    command = re.search(r"`(python -c [^`]+)`", caught.value.remedy)
    assert command is not None
    for expected in ("SMAPLY_METRICS_ENCRYPTION_KEYS", "0600", command[1]):
        assert expected in page
