"""Maps errors of the database and its driver to errors of the store.

Messages name no host, port or user; these are in a note of the error, which tracebacks show.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as NoConnection

from smaply_metrics_core.errors import StoreError, StoreMisconfigured, StoreUnavailable
from smaply_metrics_core.redaction import Redactor

_PRIMARY: Final = 0xFF
"""The mask for the primary result code in SQLite's extended error codes."""

_URL: Final = "SMAPLY_METRICS_DATABASE_URL"


class _Cause(NamedTuple):
    kind: type[StoreError]
    message: str
    remedy: str | None = None


_UNREACHABLE: Final = _Cause(
    StoreUnavailable,
    "The database is stopped, restarting or unreachable.",
    f"Try again in a few minutes; if it fails again, check the database server and {_URL}.",
)
_CROWDED: Final = _Cause(
    StoreUnavailable,
    "The database accepts no more connections at the moment.",
    "Increase max_connections of the database, or reduce SMAPLY_METRICS_DATABASE_CONNECTIONS.",
)
_BUSY: Final = _Cause(
    StoreUnavailable,
    "The store is busy: another process has locked it.",
    "Try again; if it fails again, end the process that has locked it.",
)
_SLOW: Final = _Cause(StoreUnavailable, "The database cancelled a statement that took too long.")
_REJECTED: Final = _Cause(
    StoreMisconfigured,
    "The database rejects the user or the password.",
    f"Correct {_URL}, or allow the user to log in.",
)
_NO_DATABASE: Final = _Cause(
    StoreMisconfigured,
    "The database does not exist.",
    f"Create it, or correct its name in {_URL}.",
)
_NOT_PERMITTED: Final = _Cause(
    StoreMisconfigured,
    "The user of the database lacks a privilege.",
    "Make the user the owner of the database.",
)
_NO_TABLES: Final = _Cause(
    StoreError,
    "The store cannot be used: its tables are missing or changed.",
    "Run `smaply-metrics db upgrade`; if it fails, restore the store from a backup.",
)
_FULL: Final = _Cause(
    StoreError,
    "The store cannot be used: its disk is full.",
    "Free space on the disk, then try again.",
)
_READ_ONLY: Final = _Cause(
    StoreError,
    "The store cannot be used: it is read-only.",
    "Make the file and its folder writable for the user of this process, or connect to the "
    "primary database server.",
)
_IO: Final = _Cause(
    StoreError,
    "The store cannot be used: its disk reports a fault.",
    "Check the disk and its free space; restore the store from a backup if it is damaged.",
)
_DAMAGED: Final = _Cause(
    StoreError,
    "The store cannot be used: it is damaged or not a database.",
    "Restore it from a backup, or use another --home.",
)
_CANNOT_OPEN: Final = _Cause(
    StoreMisconfigured,
    "The store cannot be used: its file cannot be opened.",
    "Check that --home contains a store that the user of this process can read and write.",
)
_OTHER: Final = _Cause(
    StoreError,
    "The store cannot be used: the database refused a statement.",
    "Run the command with --debug, or read the log, for the reason, and send it to support.",
)

_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_IOERR: _IO,
    sqlite3.SQLITE_NOLFS: _IO,
    sqlite3.SQLITE_NOMEM: _SLOW._replace(message="The process has too little memory."),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CANTOPEN: _CANNOT_OPEN,
    sqlite3.SQLITE_PERM: _CANNOT_OPEN,
    sqlite3.SQLITE_AUTH: _CANNOT_OPEN,
    sqlite3.SQLITE_INTERRUPT: _SLOW,
}

_POSTGRESQL: Final = {
    "08": _UNREACHABLE,  # Connection exceptions.
    "25006": _READ_ONLY,
    "25": _SLOW,  # Idle in transaction for too long, and the like.
    "28": _REJECTED,
    "3D": _NO_DATABASE,
    "40": _BUSY,  # Serialization failures and deadlocks.
    "42501": _NOT_PERMITTED,
    "42": _NO_TABLES,
    "3F": _NO_TABLES,
    "53100": _FULL,
    "53300": _CROWDED,
    "53": _UNREACHABLE._replace(message="The database lacks memory or other resources."),
    "55P03": _BUSY,
    "55006": _BUSY,
    "57014": _SLOW,
    "57": _UNREACHABLE,  # Shutdown, crash, starting up.
    "58": _IO,
    "F0": _IO,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By SQLSTATE or its class; the longest match applies."""

_REFUSED_CONNECTIONS: Final = (
    (r"too many (clients|connections)|remaining connection slots", _CROWDED),
    (r"authentication failed|no password supplied|no pg_hba\.conf entry", _REJECTED),
    (r'is not permitted to log in|role ".*" does not exist', _REJECTED),
    (r"permission denied for database", _NOT_PERMITTED),
    (r'database ".*" does not exist', _NO_DATABASE),
)
"""Patterns of the server's refusals to connect, which have no SQLSTATE; the first match applies."""


def driver_errors() -> tuple[type[Exception], ...]:
    """Return the classes of errors that ``store_error`` maps."""
    errors: list[type[Exception]] = [DBAPIError, NoConnection, PendingRollbackError, sqlite3.Error]
    if (psycopg := sys.modules.get("psycopg")) is not None:  # Raised by scripts of the queue.
        errors.append(psycopg.Error)
    return tuple(errors)


def store_error(error: Exception, where: Path | URL) -> StoreError:
    """Return the error for people; the text of the database is its note.

    Args:
        error: The error of SQLAlchemy or of the driver.
        where: The location of the store.
    """
    cause = _cause(error)
    made = cause.kind(cause.message, remedy=cause.remedy)
    original = getattr(error, "orig", None) or error
    secret = "" if isinstance(where, Path) else str(where.password or "")
    # Further lines may contain values of rows.
    reason = Redactor([secret]).redact_line(str(original).strip().partition("\n")[0])
    made.add_note(f"{type(original).__name__}: {reason}")
    return made


def _cause(error: Exception) -> _Cause:
    if isinstance(error, NoConnection):
        return _Cause(
            StoreUnavailable,
            "The store is busy: all connections of this process are in use.",
            "Use fewer threads, or increase SMAPLY_METRICS_DATABASE_CONNECTIONS.",
        )
    original = (error.orig if isinstance(error, DBAPIError) else None) or error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", None)
        return _OTHER if code is None else _SQLITE.get(code & _PRIMARY, _OTHER)
    state: str | None = getattr(original, "sqlstate", None)
    if state is not None:
        found = (_POSTGRESQL.get(state[:length]) for length in (5, 3, 2))
        return next((cause for cause in found if cause is not None), _OTHER)
    broken = isinstance(error, DBAPIError) and error.connection_invalidated
    # After that, SQLAlchemy refuses further statements in the transaction.
    if broken or isinstance(error, PendingRollbackError):
        return _UNREACHABLE
    return _cause_of_text(original)


def _cause_of_text(original: BaseException) -> _Cause:
    """Return the cause of an error without a code, as when a connection is refused or breaks."""
    # By name, because the driver is optional.
    names = {one.__name__ for one in type(original).__mro__}
    if names.isdisjoint({"OperationalError", "InterfaceError"}):
        return _OTHER
    text = str(original)
    if "FATAL" not in text and "fe_sendauth" not in text:
        return _UNREACHABLE
    found = (cause for pattern, cause in _REFUSED_CONNECTIONS if re.search(pattern, text))
    return next(found, _UNREACHABLE)
