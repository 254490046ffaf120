"""Encrypts credentials for the store, and decrypts them.

AES-256-GCM from ``cryptography``. The format of a blob is ``version.key id.nonce+ciphertext``. The
row that it belongs to is authenticated with it, so a blob copied to another row is not decrypted.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from smaply_metrics_core.errors import DecryptionFailed, EncryptionError
from smaply_metrics_core.host.connections.keys import KeyRing

if TYPE_CHECKING:  # Heavy.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT: Final = "v1"
NONCE_BYTES: Final = 12

DOTS: Final = "•" * 8
_SHORTEST_SHOWN: Final = 12
_SHOWN: Final = 4
_BLOB: Final = re.compile(rf"{FORMAT}\.([0-9a-f]{{8}})\.([A-Za-z0-9_-]+)")


class Vault:
    """Encrypts and decrypts with a key ring; the repr shows no key, and pickling is refused."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeyRing) -> None:
        self._keys: Final = keys

    def seal(
        self, purpose: str, account: str, connection: str, source: str, data: dict[str, Any]
    ) -> str:
        """Encrypt data, bound to its purpose, account, connection and source.

        Args:
            purpose: What the data is used for, so that a blob is not accepted for another purpose.
            account: Id of the account.
            connection: Id of the connection.
            source: Id of the source.
            data: JSON values, with secrets in clear.

        Raises:
            EncryptionError: when the data is not JSON, as when it holds a ``SecretStr``.
        """
        try:
            plain = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError):
            plain = None
        if plain is None:  # Outside the except clause: the library's error may hold a value.
            data = {}  # No traceback carries it.
            raise EncryptionError(
                "The credentials contain a value that is not plain JSON, so they were not "
                "encrypted.",
                remedy="Use texts, numbers, lists and mappings, with secrets in clear.",
            )
        key_id = self._keys.ids[0]
        nonce = secrets.token_bytes(NONCE_BYTES)
        bound = _bound_to(purpose, key_id, account, connection, source)
        encrypted = nonce + self._cipher(key_id).encrypt(nonce, plain, bound)
        return f"{FORMAT}.{key_id}.{_encode(encrypted)}"

    def open(
        self, purpose: str, account: str, connection: str, source: str, blob: str
    ) -> dict[str, Any]:
        """Decrypt a blob that was encrypted for this purpose, account, connection and source.

        Raises:
            DecryptionFailed: when its key is not in the ring, or the blob or one of these four
                differs from what was encrypted.
        """
        parts = _take_apart(blob)
        if parts.key_id not in self._keys.ids:
            raise DecryptionFailed(
                f"These credentials are encrypted with the key {parts.key_id}, which is not "
                "configured.",
                remedy="Add that key to SMAPLY_METRICS_ENCRYPTION_KEYS again, or enter the "
                "credentials again under Edit Configuration.",
            )
        bound = _bound_to(purpose, parts.key_id, account, connection, source)
        nonce, sealed = parts.sealed[:NONCE_BYTES], parts.sealed[NONCE_BYTES:]
        from cryptography.exceptions import InvalidTag

        try:
            plain = self._cipher(parts.key_id).decrypt(nonce, sealed, bound)
        except InvalidTag:
            raise _broken() from None
        opened: dict[str, Any] = json.loads(plain)
        return opened

    def needs_reseal(self, blob: str) -> bool:
        """Whether a blob was encrypted with a key other than the current one.

        Raises:
            DecryptionFailed: when it is not a blob.
        """
        return _take_apart(blob).key_id != self._keys.ids[0]

    def _cipher(self, key_id: str) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # Heavy.

        return AESGCM(self._keys.key(key_id))

    def __repr__(self) -> str:
        return f"Vault({self._keys!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Prevent pickling and copying: keys stay in the process that read them."""
        raise TypeError("A Vault cannot be pickled: every process reads the keys itself.")


def mask(secret: str) -> str:
    """Return the masked form of a secret: eight dots and its last four characters.

    Nothing is shown of a secret with fewer than 12 characters.
    """
    return DOTS + (secret[-_SHOWN:] if len(secret) >= _SHORTEST_SHOWN else "")


class _Parts(NamedTuple):
    key_id: str
    sealed: bytes


def _take_apart(blob: str) -> _Parts:
    match = _BLOB.fullmatch(blob)
    if match is None:
        raise _broken()
    text = match[2]
    # Four characters encode three bytes; a single remaining character is not valid.
    sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    if _encode(sealed) != text or len(sealed) <= NONCE_BYTES:
        # Decoding ignores some bits of the last character; they must not change either.
        raise _broken()
    return _Parts(match[1], sealed)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _bound_to(purpose: str, key_id: str, account: str, connection: str, source: str) -> bytes:
    """Return the associated data: each part with its length, so that no two lists are equal."""
    parts = [part.encode() for part in (purpose, FORMAT, key_id, account, connection, source)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _broken() -> DecryptionFailed:
    return DecryptionFailed(
        "These credentials cannot be decrypted: the stored data was changed or damaged."
    )
