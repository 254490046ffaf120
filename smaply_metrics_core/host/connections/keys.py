"""The encryption keys of credentials: a key ring, read from the setting or from a key file."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from pydantic import SecretStr

from smaply_metrics_core.errors import EncryptionError, EncryptionKeyMissing
from smaply_metrics_core.host.connections import key_file

VARIABLE: Final = "SMAPLY_METRICS_ENCRYPTION_KEYS"
KEY_BYTES: Final = 32

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")
_FEWEST_VALUES: Final = 16
"""A random key has about 30 different bytes; one in 10^17 keys has fewer than this."""
_COPY_AGAIN: Final = (
    "Copy the complete key again, from a backup if necessary. A new key (`smaply-metrics key "
    "generate`) cannot decrypt credentials that are already stored."
)
_HOW_TO_MAKE_ONE: Final = "Generate one with `smaply-metrics key generate`."


class KeyRing:
    """The encryption keys: the first one encrypts, all of them decrypt.

    Each key has a fingerprint as its id. The repr shows no key, and pickling is refused.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Validate and store keys of 32 random bytes each.

        Raises:
            EncryptionKeyMissing: when there is none.
            EncryptionError: when one is too short, too long, a duplicate, or clearly not random.
        """
        if not keys:
            raise EncryptionKeyMissing("There is no key to encrypt credentials with.")
        for number, key in enumerate(keys, start=1):
            _check(key, f"Key {number}")
        self._keys: Final = {key_id(key): key for key in keys}
        if len(self._keys) != len(keys):
            raise EncryptionError("The same key is listed twice.", remedy="Remove one of them.")

    @classmethod
    def from_setting(cls, setting: SecretStr | None) -> KeyRing:
        """Read ``Settings.encryption_keys``: base64url keys of 32 bytes, separated by commas.

        Raises:
            EncryptionKeyMissing: when it is not set, or blank.
            EncryptionError: when one of them is not a valid key; the message does not show it.
        """
        if setting is None:
            raise EncryptionKeyMissing(
                f"{VARIABLE} is not set, so credentials cannot be encrypted."
            )
        text = setting.get_secret_value()
        if not text.strip():
            # Falling back to a key file would use a key that the operator does not know of.
            raise EncryptionKeyMissing(
                f"{VARIABLE} is set, but empty.",
                remedy=f"Set it to a key, or unset it to use a key file. {_HOW_TO_MAKE_ONE}",
            )
        return cls(parse_keys(text.split(","), VARIABLE))

    @classmethod
    def from_file(cls, path: Path, *, create: bool) -> KeyRing:
        """Read a key file: one base64url key of 32 bytes on each line, the encrypting one first.

        Args:
            path: The file; only its owner may read it (mode 0600).
            create: Whether to create a missing file with a new key. Pass ``True`` only while no
                credentials are stored: a new key cannot decrypt what a lost one encrypted.

        Raises:
            EncryptionKeyMissing: when the file is missing and may not be created.
            EncryptionError: when other users may read the file, it cannot be read, or a line is not
                a valid key.
        """
        if create:
            key_file.create(path, new_key())
        return cls(parse_keys(key_file.read(path), f"the key file {path}"))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, that of the encrypting one first."""
        return tuple(self._keys)

    def key(self, identity: str) -> bytes:
        """Return the key of an id.

        Raises:
            KeyError: when no key has this id.
        """
        return self._keys[identity]

    def __repr__(self) -> str:
        return f"KeyRing(ids={self.ids!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Prevent pickling and copying: keys stay in the process that read them."""
        raise TypeError("A KeyRing cannot be pickled: every process reads the keys itself.")


class KeySource:
    """Where the keys of a process come from: the setting, or the key file when it is not set.

    Args:
        setting: ``Settings.encryption_keys``.
        path: The key file of an embedded store; ``None`` when only the setting is read.

    Attributes:
        file: The key file, which may change while the process runs; ``None`` for the setting.
    """

    def __init__(self, setting: SecretStr | None, path: Path | None) -> None:
        self._setting = setting
        self.file = path if setting is None else None

    def load(self, *, may_create: bool) -> KeyRing:
        """Return the keys.

        Args:
            may_create: Whether the key file may be created: only while no credentials are stored.

        Raises:
            EncryptionKeyMissing: when there is no key.
            EncryptionError: when a key, or the file, is not valid.
        """
        try:
            if self.file is None:
                return KeyRing.from_setting(self._setting)
            return KeyRing.from_file(self.file, create=may_create)
        except EncryptionError as error:
            failed = error.with_traceback(None)  # Its frames hold keys.
        failed.__context__ = None
        raise failed


def new_key() -> str:
    """Return a new random key as text for ``SMAPLY_METRICS_ENCRYPTION_KEYS`` or a key file."""
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")


def key_id(key: bytes) -> str:
    """Return the fingerprint of a key: 8 hex digits of a hash used for nothing else."""
    return hashlib.sha256(b"smaply-metrics key id\x00" + key).hexdigest()[:8]


def parse_keys(texts: Sequence[str], where: str) -> list[bytes]:
    """Return keys from their texts; errors name the key by its number and ``where``."""
    keys = []
    for number, text in enumerate((text.strip() for text in texts), start=1):
        name = f"Key {number} in {where}"
        if not _TEXT.fullmatch(text):
            raise EncryptionError(
                f"{name} is not valid: a key is 32 random bytes in base64url, 43 or 44 characters.",
                remedy=_COPY_AGAIN,
            )
        key = base64.urlsafe_b64decode(text.rstrip("=") + "=")
        if base64.urlsafe_b64encode(key).decode("ascii").rstrip("=") != text.rstrip("="):
            raise EncryptionError(
                f"{name} is damaged: its last character is not valid.",
                remedy=_COPY_AGAIN,
            )
        _check(key, name)
        keys.append(key)
    return keys


def _check(key: bytes, name: str) -> None:
    """Raise unless a key is random: a typed password has far less than 256 bits of entropy."""
    if len(key) != KEY_BYTES:
        raise EncryptionError(
            f"{name} must have 32 bytes, but has {len(key)}.", remedy=_HOW_TO_MAKE_ONE
        )
    typed = all(0x20 <= byte < 0x7F for byte in key)  # noqa: PLR2004  # Printable ASCII.
    if typed or len(set(key)) < _FEWEST_VALUES:
        raise EncryptionError(
            f"{name} is not random: it is readable text or repeats itself.",
            remedy=_HOW_TO_MAKE_ONE,
        )
