"""Encrypts and decrypts the credentials of connections."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.errors import (
    CredentialsInvalid,
    CredentialsNotUsable,
    EncryptionError,
    EncryptionKeyMissing,
    NotFound,
    SourceNotUsable,
)
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.connections.keys import KeyRing, KeySource
from smaply_metrics_core.host.connections.vault import (
    BlobOwner,
    Vault,
    broken,
    key_of,
    outdated,
)
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.credentials import Credentials, conceal, reveal, revealed
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source import Source

if TYPE_CHECKING:
    from sqlalchemy import Connection

PURPOSE = "connection"


class CredentialStore:
    """The credentials of connections, each encrypted as one value and bound to its row.

    Each time that a row is encrypted it gets a higher version, stored in another table. Older
    credentials of the row are therefore not decrypted, even if the whole row is restored. If both
    rows are restored, the processes that have decrypted newer credentials still refuse them.

    Args:
        store: The database; read to decide whether a missing key file may be created.
        registry: The installed sources.
        keys: Where the encryption keys come from. They are read on first use: without a key, only
            calls with credentials fail.
    """

    def __init__(self, store: Store, registry: SourceRegistry, keys: KeySource) -> None:
        self._store = store
        self._registry = registry
        self._keys = keys
        self._ring: KeyRing | None = None
        self._newest: dict[str, int] = {}
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def require_key(self, row_id: str = "") -> KeyRing:
        """Return the keys; a missing key file is created if no other connection is encrypted.

        Args:
            row_id: The connection that is going to be encrypted, if any.

        Raises:
            EncryptionKeyMissing: when there is no key, and none may be created because other
                connections are encrypted with the lost one.
            EncryptionError: when a key is not valid.
        """
        with self._store.reading() as db:
            may_create = not connection_rows.any_sealed(db, except_for=row_id)
        return self._load(may_create=may_create)

    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the keys, the encrypting one first; none if there is no key.

        Raises:
            EncryptionError: when a key is not valid.
        """
        try:
            return self._load(may_create=False).ids
        except EncryptionKeyMissing:
            return ()

    def seal(  # noqa: PLR0913, PLR0917  # The parts of a row.
        self,
        db: Connection,
        row_id: str,
        account: str,
        source: str,
        credentials: Credentials,
        now: datetime,
    ) -> str:
        """Encrypt all credentials of a connection, bound to this row and a new version of it.

        Args:
            db: The transaction that stores the result.
            row_id: Id of the connection.
            account: Id of the account.
            source: Id of the source.
            credentials: The credentials.
            now: The current time.

        Raises:
            EncryptionKeyMissing: when there is no key; ``require_key`` creates a key file.
        """
        return self._seal(db, row_id, account, source, conceal(reveal(credentials)), now)

    def reseal(self, db: Connection, row: ConnectionRow, now: datetime) -> bool:
        """Encrypt credentials of an older key or format again, without their source.

        Returns:
            Whether it was done: not if they are current, or were replaced since the row was read.

        Raises:
            EncryptionError: as for ``values``.
        """
        vault = self._vault(fresh=True)
        if not vault.needs_reseal(row.sealed):
            return False
        connection_rows.lock_version(db, row.account, row.id)
        stored = connection_rows.find(db, row.account, row.id)
        if stored.sealed != row.sealed:
            return False
        values = self._decrypt(stored)
        sealed = self._seal(db, row.id, row.account, row.source, values, now)
        return connection_rows.edit(db, stored, {"sealed": sealed})

    def require_decryptable(self, row: ConnectionRow) -> None:
        """Raise unless the credentials of a connection can be decrypted; needs no source.

        Raises:
            EncryptionError: as for ``values``.
        """
        self._decrypt(row)

    def find_values(self, row: ConnectionRow) -> dict[str, Any] | None:
        """Return the decrypted credentials as ``values`` does; ``None`` if that is not possible."""
        try:
            return self.values(row)
        except EncryptionError:
            return None

    def values(self, row: ConnectionRow) -> dict[str, Any]:
        """Return the decrypted credentials of a connection, with each text as a ``SecretStr``.

        Raises:
            SourceNotUsable: when the source is not installed or cannot be used.
            EncryptionKeyMissing: when there is no key.
            CredentialsNotUsable: when this process lacks the key, or the source is now provided by
                another distribution, which must not see them.
            DecryptionFailed: when the row was changed, or holds older credentials.
        """
        source = self._source(row)
        if source.distribution != row.distribution:
            raise CredentialsNotUsable(
                f"The connection to {source.title} was made with {row.distribution}, but the "
                f"source is now provided by {source.distribution}.",
                remedy="If this is intended, enter all credentials again under Edit Configuration.",
            )
        return self._decrypt(row)

    def open(self, row: ConnectionRow) -> tuple[Source, Credentials]:
        """Return the source of a connection and its validated credentials.

        Raises:
            MetricsError: as for ``values``.
            CredentialsNotUsable: also when the installed source requires other fields.
        """
        values = self.values(row)
        source = self._source(row)
        try:
            return source, source.parse(values)
        except CredentialsInvalid as error:
            # The fields of the source have changed since they were saved.
            raise CredentialsNotUsable(
                f"{source.title} now requires different credentials. {error.message}",
                remedy="Enter them again under Edit Configuration.",
            ) from None

    def _source(self, row: ConnectionRow) -> Source:
        try:
            return self._registry.get(row.source)
        except NotFound as error:
            raise SourceNotUsable(error.message, remedy=error.remedy) from None

    def _seal(  # noqa: PLR0913, PLR0917  # As for ``seal``.
        self,
        db: Connection,
        row_id: str,
        account: str,
        source: str,
        values: dict[str, Any],
        now: datetime,
    ) -> str:
        vault = self._vault(fresh=True)
        known = self._newest.get(row_id, 0)
        version = connection_rows.new_version(db, account, row_id, now, known=known)
        return vault.seal(BlobOwner(PURPOSE, account, row_id, source, version), revealed(values))

    def _decrypt(self, row: ConnectionRow) -> dict[str, Any]:
        if row.sealed_version is None:
            raise broken()
        owner = BlobOwner(PURPOSE, row.account, row.id, row.source, row.sealed_version)
        known = () if self._ring is None else self._ring.ids
        vault = self._vault(fresh=key_of(row.sealed) not in known)
        opened = conceal(vault.open(owner, row.sealed))
        if row.sealed_version < self._newest.get(row.id, 0) and not self._was_replaced(row):
            raise outdated()
        with self._lock:
            self._newest[row.id] = max(row.sealed_version, self._newest.get(row.id, 0))
        return opened

    def _was_replaced(self, row: ConnectionRow) -> bool:
        """Whether a row was read before it was replaced, and its successor is stored."""
        with self._store.reading() as db:
            stored = connection_rows.find(db, row.account, row.id)
        return (stored.sealed_version or 0) >= self._newest[row.id]

    def _vault(self, *, fresh: bool) -> Vault:
        """Return the vault; with ``fresh``, after reading the key file again, which may change."""
        ring = self._ring
        if ring is None or (fresh and self._keys.file is not None):
            ring = self._load(may_create=False)
        return Vault(ring)

    def _load(self, *, may_create: bool) -> KeyRing:
        with self._lock:
            if self._ring is None or self._keys.file is not None:
                self._ring = self._keys.load(may_create=may_create)
            return self._ring
