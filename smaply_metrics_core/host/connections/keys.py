"""The encryption keys of credentials: from the setting, or from a key file."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from pydantic import SecretStr

from smaply_metrics_core.errors import EncryptionError, EncryptionKeyMissing

VARIABLE: Final = "SMAPLY_METRICS_ENCRYPTION_KEYS"
KEY_BYTES: Final = 32
MODE: Final = 0o600

_LARGEST_FILE: Final = 64 * 1024

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{43}=?")
_FEWEST_VALUES: Final = 16
"""A random key has about 30 different bytes; one in 10^17 keys has fewer than this."""
_HOW_TO_MAKE_ONE: Final = (
    "Make one with `python -c 'import base64, secrets; "
    "print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'`."
)


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
        return cls(_parse(text.split(","), VARIABLE))

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
            _create(path)
        lines = [line for line in _read(path).splitlines() if line.strip()]
        return cls(_parse(lines, path.name))

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


def load_keys(setting: SecretStr | None, path: Path | None, *, may_create: bool) -> KeyRing:
    """Return the keys of the setting, or those of the key file when it is not set.

    Args:
        setting: ``Settings.encryption_keys``.
        path: The key file of an embedded store; ``None`` when only the setting is read.
        may_create: Whether the key file may be created: only while no credentials are stored.

    Raises:
        EncryptionKeyMissing: when there is no key.
        EncryptionError: when a key, or the file, is not valid.
    """
    try:
        if path is None or setting is not None:
            return KeyRing.from_setting(setting)
        return KeyRing.from_file(path, create=may_create)
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


def _parse(texts: Sequence[str], where: str) -> list[bytes]:
    keys = []
    for number, text in enumerate((text.strip() for text in texts), start=1):
        name = f"Key {number} in {where}"
        if not _TEXT.fullmatch(text):
            raise EncryptionError(
                f"{name} is not valid: a key is 32 random bytes in base64url, 43 or 44 characters.",
                remedy=_HOW_TO_MAKE_ONE,
            )
        key = base64.urlsafe_b64decode(text.rstrip("=") + "=")
        if base64.urlsafe_b64encode(key).decode("ascii").rstrip("=") != text.rstrip("="):
            raise EncryptionError(
                f"{name} is damaged: its last character is not valid.",
                remedy="Copy the complete key again.",
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


def _create(path: Path) -> None:
    """Create a key file unless it exists; of two processes that try, one succeeds."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, MODE)
    except OSError as error:
        if os.path.lexists(path):
            return
        raise _unreadable(path, "created", error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(f"{new_key()}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink()  # A partial key would make every later start fail.
        raise _unreadable(path, "created", error) from None


def _read(path: Path) -> str:
    try:
        # O_NONBLOCK, because opening a named pipe would block.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise EncryptionKeyMissing(
            f"The key file {path} is missing, and stored credentials are encrypted with it.",
            remedy=f"Restore the file from a backup. If it is lost, set {VARIABLE} to a new key "
            "and enter the credentials again. " + _HOW_TO_MAKE_ONE,
        ) from None
    except OSError as error:
        raise _unreadable(path, "read", error) from None
    try:
        _check_file(path, os.fstat(handle))
        content = os.read(handle, _LARGEST_FILE)
    finally:
        os.close(handle)
    if not content.strip():
        raise EncryptionError(
            f"The key file {path} is empty.",
            remedy="If another process is creating it, start again. Otherwise restore it from a "
            "backup, or delete it if no credentials are stored.",
        )
    return content.decode("ascii", errors="replace")


def _check_file(path: Path, about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise EncryptionError(
            f"The key file {path} is not a regular file.",
            remedy="Replace it with a regular file that holds the key.",
        )
    if stat.S_IMODE(about.st_mode) & ~MODE:
        raise EncryptionError(
            f"The key file {path} is accessible to other users "
            f"(mode {stat.S_IMODE(about.st_mode):04o}).",
            remedy=f"Run `chmod 600 '{path}'`. If another user may have read it, use a new key.",
        )


def _unreadable(path: Path, verb: str, error: OSError) -> EncryptionError:
    return EncryptionError(
        f"The key file {path} cannot be {verb}: {error.strerror}.",
        remedy="Grant the user that runs this process access to its folder.",
    )
