"""Encrypts credentials for the store, and decrypts them.

AES-256-GCM from ``cryptography``. A blob is ``v2.KEYID.VERSION.DATA``; the data is the nonce and
the ciphertext. The row that it belongs to and the version are authenticated with it, so neither a
blob of another row nor an older blob of the same row is decrypted. Blobs of format ``v1`` have no
version; they are decrypted until the row is encrypted again.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from smaply_metrics_core.errors import CredentialsNotUsable, DecryptionFailed, EncryptionError
from smaply_metrics_core.host.connections.keys import KeyRing

if TYPE_CHECKING:  # Heavy.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT: Final = "v2"
UNVERSIONED: Final = "v1"
"""The format of earlier releases, whose blobs have no version."""

NONCE_BYTES: Final = 12

DOTS: Final = "•" * 8
_SHORTEST_SHOWN: Final = 12
_SHOWN: Final = 4
_BLOB: Final = re.compile(
    rf"(?:{UNVERSIONED}\.(?P<old_key>[0-9a-f]{{8}})"
    rf"|{FORMAT}\.(?P<key>[0-9a-f]{{8}})\.(?P<version>[1-9][0-9]{{0,17}}))"
    r"\.(?P<data>[A-Za-z0-9_-]+)"
)


class BlobOwner(NamedTuple):
    """What a blob is bound to: it is decrypted only for an equal owner.

    Attributes:
        purpose: What the data is used for.
        account: Id of the account.
        connection: Id of the connection.
        source: Id of the source.
        version: Increases each time the row is encrypted; 0 for a row that was last encrypted in
            the format without versions.
    """

    purpose: str
    account: str
    connection: str
    source: str
    version: int


class Vault:
    """Encrypts and decrypts with a key ring; the repr shows no key, and pickling is refused."""

    __slots__ = ("_keys",)

    def __init__(self, keys: KeyRing) -> None:
        self._keys: Final = keys

    def seal(self, owner: BlobOwner, data: dict[str, Any]) -> str:
        """Encrypt data for an owner with a version of 1 or more.

        Args:
            owner: What the blob is bound to.
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
        bound = _associated_data(owner, FORMAT, key_id)
        encrypted = nonce + self._cipher(key_id).encrypt(nonce, plain, bound)
        return f"{FORMAT}.{key_id}.{owner.version}.{_encode(encrypted)}"

    def open(self, owner: BlobOwner, blob: str) -> dict[str, Any]:
        """Decrypt a blob that was encrypted for this owner.

        Raises:
            CredentialsNotUsable: when its key is not in the ring.
            DecryptionFailed: when the blob is older than the version of its owner, or the blob or
                the owner differs from what was encrypted.
        """
        parts = _take_apart(blob)
        if parts.key_id not in self._keys.ids:
            raise CredentialsNotUsable(
                f"These credentials are encrypted with the key {parts.key_id}, which is not "
                "configured.",
                remedy="Add that key to SMAPLY_METRICS_ENCRYPTION_KEYS again, or enter the "
                "credentials again under Edit Configuration.",
            )
        if parts.version < owner.version:
            raise outdated()
        bound = _associated_data(owner, parts.format, parts.key_id)
        nonce, sealed = parts.sealed[:NONCE_BYTES], parts.sealed[NONCE_BYTES:]
        from cryptography.exceptions import InvalidTag

        try:
            plain = self._cipher(parts.key_id).decrypt(nonce, sealed, bound)
        except InvalidTag:
            raise broken() from None
        opened: dict[str, Any] = json.loads(plain)
        return opened

    def needs_reseal(self, blob: str) -> bool:
        """Whether a blob was encrypted with a key other than the current one, or has no version.

        Raises:
            DecryptionFailed: when it is not a blob.
        """
        parts = _take_apart(blob)
        return parts.key_id != self._keys.ids[0] or parts.format != FORMAT

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


def key_of(blob: str) -> str | None:
    """Return the id of the key that a blob was encrypted with; ``None`` if it is not a blob."""
    match = _BLOB.fullmatch(blob)
    return None if match is None else match["key"] or match["old_key"]


def outdated() -> DecryptionFailed:
    """Return the error for credentials that are older than those that were saved last."""
    return DecryptionFailed(
        "These credentials are older than those that were saved last, so they are not used.",
        remedy="Enter the credentials again under Edit Configuration. If the database was restored "
        "from a backup, ask the operator to restart the processes that use it.",
    )


class _Parts(NamedTuple):
    format: str
    key_id: str
    version: int
    sealed: bytes


def _take_apart(blob: str) -> _Parts:
    match = _BLOB.fullmatch(blob)
    if match is None:
        raise broken()
    text = match["data"]
    # Four characters encode three bytes; a single remaining character is not valid.
    sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    if _encode(sealed) != text or len(sealed) <= NONCE_BYTES:
        # Decoding ignores some bits of the last character; they must not change either.
        raise broken()
    if match["old_key"]:
        return _Parts(UNVERSIONED, match["old_key"], 0, sealed)
    return _Parts(FORMAT, match["key"], int(match["version"]), sealed)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def _associated_data(owner: BlobOwner, blob_format: str, key_id: str) -> bytes:
    """Return the associated data: each part with its length, so that no two lists are equal."""
    texts = [owner.purpose, blob_format, key_id, owner.account, owner.connection, owner.source]
    if blob_format != UNVERSIONED:
        texts.append(str(owner.version))
    parts = [text.encode() for text in texts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def broken() -> DecryptionFailed:
    """Return the error for stored credentials that are not those that were encrypted."""
    return DecryptionFailed(
        "These credentials cannot be decrypted: the stored data was changed or damaged."
    )
