"""Copies a SQLite store while processes use it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from smaply_metrics_core.bundle.drafts import already_exists
from smaply_metrics_core.errors import InputError, StoreError
from smaply_metrics_core.host.maintenance.check import open_existing
from smaply_metrics_core.host.store.error_mapping import store_error
from smaply_metrics_core.host.store.opening import location_of
from smaply_metrics_core.models.problem import Audience

if TYPE_CHECKING:  # Heavy: pydantic-settings.
    from smaply_metrics_core.host.settings import Settings


def back_up_store(settings: Settings, target: Path) -> int:
    """Copy a SQLite store into a new file of mode 0600, and return its size in bytes.

    The copy is one consistent state; processes continue to read and write.

    Raises:
        InputError: when the store is in PostgreSQL, or ``target`` exists or cannot be written.
        NotFound: when the store does not exist.
        StoreError: when the store cannot be read; no file is left.
    """
    location = location_of(settings)
    where = location.where
    if not isinstance(where, Path):
        raise InputError(
            "This store is in PostgreSQL, which has a backup program of its own.",
            remedy="Run pg_dump with SMAPLY_METRICS_DATABASE_URL.",
            audience=Audience.OPERATOR,
        )
    engine = open_existing(location)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise already_exists(target) from None
    except OSError as error:
        raise InputError(
            f"The file {target} cannot be written: {error.strerror}.",
            remedy="Choose a folder that exists and is writable.",
            audience=Audience.OPERATOR,
        ) from None
    try:
        with engine.connect() as source, closing(sqlite3.connect(target)) as copy:
            source.connection.driver_connection.backup(copy)  # type: ignore[union-attr]
            _require_intact(copy)
        return target.stat().st_size
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error):
            raise store_error(error, where) from None
        raise
    finally:
        engine.dispose()


def _require_intact(copy: sqlite3.Connection) -> None:
    (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreError(
            f"The store is damaged, so it was not copied: {found}.",
            remedy="Restore the store from an earlier backup.",
        )
