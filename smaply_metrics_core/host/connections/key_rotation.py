"""The use of the encryption keys, and their rotation, for the operator."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import EncryptionError, InputError, NotFound
from smaply_metrics_core.host.connections import key_file
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.keys import (
    VARIABLE,
    KeySource,
    key_id,
    new_key,
    parse_keys,
)
from smaply_metrics_core.host.connections.vault import key_of
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.connections import SealedBlob
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import Audience, Problem

logger = logging.getLogger(__name__)


class KeyUse(Frozen):
    """How much depends on a key.

    Attributes:
        id: The id of the key, 8 hexadecimal digits.
        connections: The number of connections, of all accounts, that are encrypted with it.
        configured: Whether this process has the key.
        encrypts: Whether this process encrypts with it.
    """

    id: str
    connections: int
    configured: bool
    encrypts: bool


class KeyStatus(Frozen):
    """The keys of this process, in their order, then the keys that it lacks.

    Attributes:
        damaged: The number of connections whose stored credentials name no key.
    """

    keys: tuple[KeyUse, ...]
    damaged: int = 0


class FailedRotation(Frozen):
    """A connection whose credentials could not be decrypted or encrypted again, and why."""

    account: str
    connection: str
    source: str
    problem: Problem


class KeyCheck(Frozen):
    """Whether the stored credentials can be decrypted in this process.

    Attributes:
        decrypted: The number of connections, of all accounts, whose credentials can be decrypted.
        failed: Those whose credentials cannot be decrypted.
    """

    decrypted: int
    failed: tuple[FailedRotation, ...]


class KeyRotation(Frozen):
    """The result of a rotation.

    Attributes:
        encrypted: The number of connections that were encrypted again.
        current: The number that already were encrypted with the current key and format, or were
            changed in the meantime.
        failed: Those that could not be encrypted again; they are unchanged.
    """

    encrypted: int
    current: int
    failed: tuple[FailedRotation, ...]


class Keys:
    """The encryption keys and the connections of all accounts that depend on them.

    This is for the operator, as on the command line. It takes no ``Actor``: a host app must not
    offer it to people.
    """

    def __init__(
        self, runtime: Runtime, credential_store: CredentialStore, source: KeySource
    ) -> None:
        self._runtime = runtime
        self._credential_store = credential_store
        self._source = source

    @staticmethod
    def generate() -> tuple[str, str]:
        """Return the id and the text of a new key, for the setting; it is not stored."""
        made = new_key()
        return key_id(*parse_keys([made], VARIABLE)), made

    def require(self) -> None:
        """Raise unless this process can encrypt; log a warning for each key that it lacks.

        A process that serves cards or runs refreshes calls it when it starts, so that it does not
        run without keys. With a key file, a missing one is created if nothing is encrypted yet.

        Raises:
            EncryptionKeyMissing: when there is no key.
            EncryptionError: when a key, or the key file, is not valid.
        """
        self._credential_store.require_key()
        for use in self.status().keys:
            if not use.configured:
                logger.warning(
                    "This process lacks the encryption key %s; it leaves the refreshes of the "
                    "connections that depend on it to other processes (%d).",
                    *(use.id, use.connections),
                )

    def status(self) -> KeyStatus:
        """Return the keys with the number of connections that depend on each.

        Raises:
            EncryptionError: when a key, or the key file, is not valid. A missing key is not an
                error: all keys are then listed as not configured.
        """
        with self._runtime.store.reading() as db:
            found = Counter(key_of(blob.sealed) for blob in connection_rows.all_sealed(db))
        ids = self._credential_store.key_ids()
        damaged = found.pop(None, 0)
        listed = (*ids, *sorted(one for one in found if one is not None and one not in ids))
        return KeyStatus(
            keys=tuple(
                KeyUse(
                    id=one, connections=found[one], configured=one in ids, encrypts=one in ids[:1]
                )
                for one in listed
            ),
            damaged=damaged,
        )

    def check(self) -> KeyCheck:
        """Decrypt the credentials of all accounts, as after a restore; nothing is changed.

        Raises:
            EncryptionError: when a key, or the key file, is not valid. A missing key is a failure
                of the connections that depend on it.
        """
        self._credential_store.key_ids()
        decrypted, failed = 0, []
        with self._runtime.store.reading() as db:
            blobs = tuple(connection_rows.all_sealed(db))
        for blob in blobs:
            try:
                with self._runtime.store.reading() as db:
                    row = connection_rows.find(db, blob.account, blob.id)
                self._credential_store.require_decryptable(row)
            except NotFound:
                continue  # Deleted in the meantime.
            except EncryptionError as error:
                failed.append(_failed(blob, error))
            else:
                decrypted += 1
        return KeyCheck(decrypted=decrypted, failed=tuple(failed))

    def rotate(self, progress: ProgressCallback | None = None) -> KeyRotation:
        """Encrypt the credentials of all accounts with the first key; no survey tool is called.

        Each connection is a transaction of its own, so other processes continue meanwhile, and an
        interrupted rotation continues with the next call.

        Raises:
            EncryptionKeyMissing: when there is no key.
            EncryptionError: when a key, or the key file, is not valid.
        """
        self._credential_store.require_key()
        with self._runtime.store.reading() as db:
            blobs = tuple(connection_rows.all_sealed(db))
        encrypted, failed = 0, []
        for number, blob in enumerate(blobs, start=1):
            try:
                encrypted += self._rotate_one(blob)
            except EncryptionError as error:
                failed.append(_failed(blob, error))
            if progress is not None:
                progress(number, len(blobs), "Encrypting credentials")
        self._runtime.store.forget_deleted()
        current = len(blobs) - encrypted - len(failed)
        return KeyRotation(encrypted=encrypted, current=current, failed=tuple(failed))

    def add_to_file(self) -> str:
        """Generate a key, put it first in the key file and return its id.

        Other processes read the file again when they need the key.

        Raises:
            InputError: when the keys come from the setting.
            EncryptionError: when the key file cannot be changed.
        """
        path = self._file()
        self._credential_store.require_key()
        with key_file.locked(path):
            texts, made = key_file.read(path), new_key()
            key_file.replace(path, [made, *texts])
        return key_id(*parse_keys([made], f"the key file {path}"))

    def remove_unused(self) -> tuple[str, ...]:
        """Remove the keys that no connection depends on from the key file, and return their ids.

        The first key stays.

        Raises:
            InputError: when the keys come from the setting.
            EncryptionError: when the key file cannot be changed.
        """
        path = self._file()
        removed = []
        # As long as it lasts, the transaction prevents that others encrypt with an old key.
        with key_file.locked(path), self._runtime.store.writing() as db:
            used = {key_of(blob.sealed) for blob in connection_rows.all_sealed(db)}
            texts = key_file.read(path)
            ids = [key_id(key) for key in parse_keys(texts, f"the key file {path}")]
            stay = []
            for number, (one, line) in enumerate(zip(ids, texts, strict=True)):
                if number == 0 or one in used:
                    stay.append(line)
                else:
                    removed.append(one)
            if removed:
                key_file.replace(path, stay)
        return tuple(removed)

    def _rotate_one(self, blob: SealedBlob) -> bool:
        with self._runtime.store.writing() as db:
            try:
                row = connection_rows.find(db, blob.account, blob.id)
            except NotFound:
                return False  # Deleted in the meantime.
            return self._credential_store.reseal(db, row, self._runtime.now())

    def _file(self) -> Path:
        if self._source.file is None:
            raise InputError(
                "The keys of this installation are not in a key file.",
                remedy=f"Add or remove the key in {VARIABLE}, and restart every process.",
                audience=Audience.OPERATOR,
            )
        return self._source.file


def _failed(blob: SealedBlob, error: EncryptionError) -> FailedRotation:
    return FailedRotation(
        account=blob.account, connection=blob.id, source=blob.source, problem=error.to_problem()
    )
