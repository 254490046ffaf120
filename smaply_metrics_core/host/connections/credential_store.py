"""Encrypts and decrypts the credentials of connections."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from smaply_metrics_core.errors import CredentialsInvalid, DecryptionFailed
from smaply_metrics_core.host.connections.keys import KeyRing
from smaply_metrics_core.host.connections.vault import Vault
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.credentials import Credentials, conceal, reveal
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source import Source

PURPOSE = "connection"


class CredentialStore:
    """The credentials of connections, each encrypted as one value and bound to its row.

    Args:
        store: The database; read to decide whether a missing key file may be created.
        registry: The installed sources.
        find_keys: Reads the encryption keys; with ``True``, it may create a missing key file. It is
            called on first use: without a key, only calls with credentials fail.
    """

    def __init__(
        self, store: Store, registry: SourceRegistry, find_keys: Callable[[bool], KeyRing]
    ) -> None:
        self._store = store
        self._registry = registry
        self._find_keys = find_keys
        self._opened_vault: Vault | None = None
        self._lock = threading.Lock()

    def seal(self, row_id: str, account: str, source: str, credentials: Credentials) -> str:
        """Encrypt all credentials of a connection, bound to this row.

        Raises:
            EncryptionKeyMissing: when there is no key, and none may be created because other
                connections are encrypted with the lost one.
        """
        with self._store.reading() as db:
            may_create = not connection_rows.any_sealed(db, except_for=row_id)
        return self._vault(may_create=may_create).seal(
            PURPOSE, account, row_id, source, reveal(credentials)
        )

    def reseal(self, row: ConnectionRow, credentials: Credentials) -> str | None:
        """Encrypt credentials of an older key with the current one; ``None`` if they are current.

        Checking every connection therefore completes a key rotation.
        """
        if not self._vault(may_create=False).needs_reseal(row.sealed):
            return None
        return self.seal(row.id, row.account, row.source, credentials)

    def values(self, row: ConnectionRow) -> dict[str, Any]:
        """Return the decrypted credentials of a connection, with each text as a ``SecretStr``.

        Raises:
            EncryptionKeyMissing: when the key is missing.
            DecryptionFailed: when the key differs, the row was changed, or the source is
                now provided by another distribution, which must not see them.
        """
        source = self._registry.get(row.source)
        if source.distribution != row.distribution:
            raise DecryptionFailed(
                f"The connection to {source.title} was made with {row.distribution}, but the "
                f"source is now provided by {source.distribution}.",
                remedy="If this is intended, enter all credentials again under Edit Configuration.",
            )
        return conceal(
            self._vault(may_create=False).open(PURPOSE, row.account, row.id, row.source, row.sealed)
        )

    def open(self, row: ConnectionRow) -> tuple[Source, Credentials]:
        """Return the source of a connection and its validated credentials.

        Raises:
            EncryptionKeyMissing: when the key is missing.
            DecryptionFailed: as for ``values``, and when the source now requires other fields.
        """
        values = self.values(row)
        source = self._registry.get(row.source)
        try:
            return source, source.parse(values)
        except CredentialsInvalid as error:
            # The fields of the source have changed since they were saved.
            raise DecryptionFailed(
                f"{source.title} now requires different credentials. {error.message}",
                remedy="Enter them again under Edit Configuration.",
            ) from None

    def _vault(self, *, may_create: bool) -> Vault:
        with self._lock:
            if self._opened_vault is None:
                self._opened_vault = Vault(self._find_keys(may_create))
            return self._opened_vault
