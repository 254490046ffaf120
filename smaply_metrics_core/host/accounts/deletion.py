"""Deletes everything of an account: rows, queued refreshes, and files in the home."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_core.errors import StoreError, StoreUnavailable
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.account_rows import count_rows, delete_rows
from smaply_metrics_core.host.store.queued_jobs import delete_jobs
from smaply_metrics_core.models.base import Frozen

if TYPE_CHECKING:
    from sqlalchemy import Connection

ATTEMPTS: Final = 3
"""How often a deletion is tried while refreshes of the account lock its rows."""


class DeletedAccount(Frozen):
    """An account that was deleted.

    Attributes:
        id: Its ID.
        rows: The number of deleted rows of each table that had some.
        queued_refreshes: The number of refreshes that were removed from the queue.
        files: The deleted folder of its files; ``None`` if the home had none.
        remaining_files: A folder outside the home from which its sources could read. It belongs to
            the operator and was not deleted; ``None`` if there is none.
    """

    id: str
    rows: dict[str, int]
    queued_refreshes: int = 0
    files: Path | None = None
    remaining_files: Path | None = None


class _DeletedRows(NamedTuple):
    """The deleted rows by table, the ids of the connections, and the number of queued refreshes."""

    rows: dict[str, int]
    connections: tuple[str, ...]
    queued: int


def delete_account(runtime: Runtime, account: str) -> tuple[DeletedAccount, tuple[str, ...]]:
    """Delete an account; return what was deleted, and the ids of its connections.

    Raises:
        StoreError: when the store or a file cannot be changed. The rows are deleted completely or
            not at all; the files are deleted after them, by the next call if it fails.
    """
    deleted = _delete_rows(runtime.store, account)
    runtime.store.forget_deleted()
    folder, outside = runtime.settings.files_of(account), runtime.settings.files_dir
    return (
        DeletedAccount(
            id=account,
            rows={name: count for name, count in deleted.rows.items() if count},
            queued_refreshes=deleted.queued,
            files=folder if _delete_folder(folder) else None,
            remaining_files=outside if account == runtime.settings.account else None,
        ),
        deleted.connections,
    )


def _delete_rows(store: Store, account: str) -> _DeletedRows:
    for _ in range(ATTEMPTS - 1):
        try:
            with store.writing() as db:
                return _delete_rows_in(db, store, account)
        except StoreUnavailable:  # As for a deadlock with a refresh that is being saved.
            continue
    with store.writing() as db:
        return _delete_rows_in(db, store, account)


def _delete_rows_in(db: Connection, store: Store, account: str) -> _DeletedRows:
    rows = count_rows(db, account)
    connections = connection_rows.ids_of_account(db, account)
    delete_rows(db, account)
    return _DeletedRows(
        rows, connections, delete_jobs(db, store, account) if store.is_shared else 0
    )


def _delete_folder(folder: Path | None) -> bool:
    """Delete the folder of an account with all files in it; ``False`` if it does not exist."""
    if folder is None or not (folder.exists() or folder.is_symlink()):
        return False
    try:
        if folder.is_symlink():
            folder.unlink()  # Its target is not in the home and belongs to the operator.
        else:
            shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(
            f"The files of the account in {folder} cannot be deleted: {error.strerror}.",
            remedy="Make the folder writable for this process and delete the account again; its "
            "rows in the store are already deleted.",
        ) from None
    return True
